package org.learnflow.db.kubernetes;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.programs.PostgresPrograms;

/** The client's side of {@code keep.sh}: sends a dump, keeps the connection, has it loaded. */
final class KeptInPod implements PostgresPrograms.KeptDump {
  /** How often it is asked how far it is. */
  private static final Duration ASKING = Duration.ofSeconds(1);

  /** A connection that nothing goes over is ended by what is between here and there. */
  private static final Duration WAITING = Duration.ofSeconds(10);

  private final CompletableFuture<PostgresPrograms.Ended> ended = new CompletableFuture<>();

  /** Whether it was kept. */
  private final CompletableFuture<Boolean> kept = new CompletableFuture<>();

  private final CountDownLatch loading = new CountDownLatch(1);
  private final CountDownLatch over = new CountDownLatch(1);
  private volatile LongConsumer position = bytes -> {};
  private final InputStream dump;
  private @Nullable Thread conversation;

  KeptInPod(InputStream dump) {
    this.dump = dump;
  }

  /** Starts the conversation, in a thread of its own. */
  void begin(Callable<PostgresPrograms.Ended> script) {
    conversation =
        Thread.ofVirtual()
            .name("kept dump")
            .start(() -> {
              try {
                ended.complete(script.call());
              } catch (Throwable e) {
                ended.completeExceptionally(e);
              }
              kept.complete(false);
            });
  }

  /** What the script reads. */
  InputStream questions() {
    return new SequenceInputStream(dump, new Questions());
  }

  /** What the script writes. */
  OutputStream answers() {
    return new Answers();
  }

  /** Waits until the dump is read. */
  PostgresPrograms.Read read() throws IOException {
    try {
      return kept.join()
          ? new PostgresPrograms.Read(new PostgresPrograms.Ended(0, ""), Optional.of(this))
          : new PostgresPrograms.Read(ended.join(), Optional.empty());
    } catch (CompletionException e) {
      if (e.getCause() instanceof IOException unread) {
        throw unread;
      }
      throw unchecked(e);
    }
  }

  @Override
  public Optional<PostgresPrograms.Ended> load(LongConsumer position) {
    if (ended.isDone()) {
      return Optional.empty();
    }
    this.position = position;
    loading.countDown();
    try {
      return Optional.of(ended.join());
    } catch (CompletionException e) {
      throw unchecked(e);
    }
  }

  private static RuntimeException unchecked(CompletionException e) {
    return e.getCause() instanceof RuntimeException cause ? cause : e;
  }

  /** The connection ends, and with it the script. */
  @Override
  public void close() {
    Thread running = conversation;
    if (running != null) {
      running.interrupt();
    }
  }

  /** "wait" from time to time, "load" once, and then whatever makes it answer. */
  private final class Questions extends InputStream {
    private boolean told;

    @Override
    public int read() throws IOException {
      throw new IOException("one byte is never asked for");
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      String question = told ? asking() : waiting();
      byte[] bytes = question.getBytes(StandardCharsets.US_ASCII);
      System.arraycopy(bytes, 0, buffer, offset, bytes.length);
      return bytes.length == 0 ? -1 : bytes.length;
    }

    private String waiting() throws IOException {
      told = within(WAITING, loading);
      if (over.getCount() == 0) {
        return "";
      }
      return told ? "load\n" : "wait\n";
    }

    private String asking() throws IOException {
      return within(ASKING, over) ? "" : "how far\n";
    }

    private static boolean within(Duration time, CountDownLatch event) throws IOException {
      try {
        return event.await(time.toMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        throw new InterruptedIOException("closed");
      }
    }
  }

  private final class Answers extends OutputStream {
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();

    @Override
    public void write(int value) {
      if (value != '\n') {
        line.write(value);
        return;
      }
      String answer = line.toString(StandardCharsets.US_ASCII);
      line.reset();
      switch (answer) {
        case "kept" -> kept.complete(true);
        case "ended" -> {
          over.countDown();
          loading.countDown();
        }
        default -> {
          if (answer.matches("\\d{1,18}")) {
            position.accept(Long.parseLong(answer));
          }
        }
      }
    }
  }
}

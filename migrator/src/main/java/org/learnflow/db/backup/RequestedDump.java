package org.learnflow.db.backup;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Meter;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.StateSchema;
import org.learnflow.db.schema.BeforeMigrations;
import org.learnflow.db.schema.MigrationFile;

/**
 * A dump that another container of this pod makes, since PostgreSQL's programs are in its image. It
 * is requested with a file, and answered with two: {@code N.request} has the names of the pending
 * migrations; then {@code N.log} gets the dump's output, and {@code N.code} its exit code. The
 * container's side is {@code dump-on-request.sh} of the chart.
 *
 * @param folder that both containers have
 */
public record RequestedDump(Path folder, Progress progress) implements BeforeMigrations {
  private static final String STEP = "dump";
  private static final Duration POLL = Duration.ofMillis(50);

  /** The other container looks for requests ten times a second, if it runs. */
  private static final Duration UNTIL_TAKEN = Duration.ofSeconds(60);

  /** How long a lost connection, and the lock with it, can go unnoticed. */
  private static final Duration STILL_CONNECTED = Duration.ofSeconds(5);

  /**
   * {@inheritDoc}
   *
   * @throws Failure 10 if there is no dump
   */
  @Override
  public void run(Connection connection, List<MigrationFile> pending) throws SQLException {
    progress
        .trace()
        .part(
            STEP,
            _ -> {
              make(connection, pending);
              return pending;
            });
  }

  private void make(Connection connection, List<MigrationFile> pending) throws SQLException {
    StateSchema.ensure(connection);
    String number = Long.toString(System.nanoTime());
    Output output = new Output(folder.resolve(number + ".log"), progress);
    progress.line(
        STEP,
        pending.size() == 1
            ? "requested, because 1 migration is pending: " + pending.getFirst().name()
            : "requested, because %d migrations are pending: %s to %s"
                .formatted(pending.size(), pending.getFirst().name(), pending.getLast().name()));
    String waiting = "waiting for the dump of a database of " + Meter.size(bytes(connection));
    try (var _ = Ongoing.begin(progress, STEP, waiting)) {
      request(number, pending);
      await(connection, number, output);
      String code =
          new String(read(folder.resolve(number + ".code"), 0), StandardCharsets.UTF_8).strip();
      output.relay();
      if (!code.equals("0")) {
        requireStayingConnected(connection);
        throw output.failure(code);
      }
    } catch (IOException e) {
      throw failure("no dump was created: " + Reason.of(e)).where(folder.toString()).causedBy(e);
    }
  }

  private static long bytes(Connection connection) throws SQLException {
    return Sql.value(connection, "SELECT pg_database_size(current_database())")
        .map(Long::parseLong)
        .orElse(0L);
  }

  /** Says that nothing is requested any more, because this process ends now. */
  public void end() {
    try {
      Files.createFile(folder.resolve("ending"));
    } catch (IOException e) {
      // Kubernetes ends the other container too.
    }
  }

  private void request(String number, List<MigrationFile> pending) throws IOException {
    Path part = folder.resolve(number + ".part");
    Files.writeString(
        part, String.join("\n", pending.stream().map(MigrationFile::name).toList()) + "\n");
    Files.move(part, folder.resolve(number + ".request"), StandardCopyOption.ATOMIC_MOVE);
  }

  private void await(Connection connection, String number, Output output)
      throws IOException, SQLException {
    Instant asked = Instant.now();
    Instant looked = asked;
    while (!Files.exists(folder.resolve(number + ".code"))) {
      Pause.of(POLL);
      output.relay();
      Instant now = Instant.now();
      if (now.isAfter(asked.plus(UNTIL_TAKEN)) && !isAtWork()) {
        throw failure("the container that creates dumps does not answer")
            .where(folder.toString())
            .next("see what its container dump says: kubectl describe pod, of the migrate Job");
      }
      if (now.isAfter(looked.plus(STILL_CONNECTED))) {
        looked = now;
        requireConnected(connection);
      }
    }
  }

  /** Also on a dump that was requested before a connection was lost. */
  private boolean isAtWork() throws IOException {
    try (DirectoryStream<Path> running = Files.newDirectoryStream(folder, "*.running")) {
      return running.iterator().hasNext();
    }
  }

  /** What the other container wrote, and not what it put a link to: it may read less. */
  private static byte[] read(Path file, long from) throws IOException {
    try (SeekableByteChannel channel =
        Files.newByteChannel(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
      ByteBuffer bytes = ByteBuffer.allocate((int) (channel.size() - from));
      channel.position(from);
      while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
        // Goes on.
      }
      return bytes.array();
    }
  }

  /** Without the session there is no lock, and others could migrate meanwhile. */
  private static void requireConnected(Connection connection) throws SQLException {
    if (!connection.isValid((int) STILL_CONNECTED.toSeconds())) {
      throw new SQLException(
          "the connection was lost during the dump", SqlStates.CONNECTION_FAILURE);
    }
  }

  /**
   * The same for a while: of a server that ends, the dump sees that new connections are refused
   * before this session sees that it is gone.
   */
  private static void requireStayingConnected(Connection connection) throws SQLException {
    Instant end = Instant.now().plus(STILL_CONNECTED);
    do {
      requireConnected(connection);
      Pause.of(POLL.multipliedBy(10));
    } while (Instant.now().isBefore(end));
  }

  private static Failure failure(String what) {
    return Failure.of(ExitCode.REFUSED, what)
        .state("no migration was applied")
        .next("correct the cause and repeat; docs/how-to/backup.md");
  }

  /** What the dump prints, line by line; its error becomes a failure. */
  private static final class Output {
    private static final String ERROR = "error: ";

    private final Path log;
    private final Progress progress;
    private final List<String> error = new ArrayList<>();
    private long read;

    Output(Path log, Progress progress) {
      this.log = log;
      this.progress = progress;
    }

    /** Reports the lines that were completed since the last time. */
    void relay() throws IOException {
      if (!Files.exists(log, LinkOption.NOFOLLOW_LINKS)) {
        return;
      }
      byte[] bytes = RequestedDump.read(log, read);
      int end = bytes.length;
      while (end > 0 && bytes[end - 1] != '\n') {
        end--;
      }
      read += end;
      new String(bytes, 0, end, StandardCharsets.UTF_8).lines().forEach(this::line);
    }

    /** The last error counts: one before it is that of a container that was started again. */
    private void line(String line) {
      if (line.startsWith(ERROR)) {
        error.forEach(earlier -> progress.line(STEP, earlier));
        error.clear();
      }
      if (!error.isEmpty() || line.startsWith(ERROR)) {
        error.add(line);
      } else {
        progress.line(STEP, line);
      }
    }

    /** In the words of the script, which prints a failure as this program does. */
    Failure failure(String code) {
      Failure failure =
          RequestedDump.failure(
              part(ERROR).orElse("no dump was created: its program ended with exit code " + code));
      failure = part("  where: ").map(failure::where).orElse(failure);
      failure = part("  state: ").map(failure::state).orElse(failure);
      return part("  next:  ").map(failure::next).orElse(failure);
    }

    private Optional<String> part(String label) {
      return error.stream()
          .filter(line -> line.startsWith(label))
          .findFirst()
          .map(line -> line.substring(label.length()));
    }
  }
}

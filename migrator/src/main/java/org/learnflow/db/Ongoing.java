package org.learnflow.db;

import java.time.Duration;
import java.util.function.Supplier;

/**
 * Something that takes long, or waits: if it takes longer than a moment, its state is reported
 * every second until it is closed, also while nothing moves.
 */
public final class Ongoing implements AutoCloseable {
  private static final Duration MOMENT = Duration.ofSeconds(2);
  private static final Duration EVERY = Duration.ofSeconds(1);

  private final Progress progress;
  private final String step;
  private final Supplier<String> text;
  private final Thread thread;
  private boolean reported;
  private boolean closed;

  private Ongoing(Progress progress, String step, Supplier<String> text, Duration moment) {
    this.progress = progress;
    this.step = step;
    this.text = text;
    this.thread =
        Thread.ofVirtual().name("ongoing " + step).unstarted(() -> reportFrom(moment, EVERY));
  }

  /** Begins something that knows its state, such as that of a {@link Meter}. */
  public static Ongoing begin(Progress progress, String step, Supplier<String> text) {
    Ongoing ongoing = new Ongoing(progress, step, text, MOMENT);
    ongoing.thread.start();
    return ongoing;
  }

  /** Begins something that says nothing of how far it is. */
  public static Ongoing begin(Progress progress, String step, String what) {
    Elapsed elapsed = Elapsed.fromNow();
    return begin(progress, step, () -> what + ", " + elapsed.soFar());
  }

  /** Begins a wait that is given up after {@code most}. */
  public static Ongoing begin(Progress progress, String step, String what, Duration most) {
    Elapsed elapsed = Elapsed.fromNow();
    return begin(progress, step, () -> what + ", " + elapsed.ofAtMost(most));
  }

  private void reportFrom(Duration moment, Duration every) {
    try {
      Thread.sleep(moment);
      while (report()) {
        Thread.sleep(every);
      }
    } catch (InterruptedException e) {
      // It was closed.
    }
  }

  /** Nothing is reported any more once it is closed. */
  private synchronized boolean report() {
    if (!closed) {
      progress.update(step, text.get());
      reported = true;
    }
    return !closed;
  }

  @Override
  public void close() {
    synchronized (this) {
      if (reported && !closed) {
        progress.clear();
      }
      closed = true;
    }
    thread.interrupt();
  }
}

package lib;

import java.io.IOException;
import java.time.Duration;

/** Waits for what happens elsewhere. */
public final class Waiting {
  private static final Duration POLL = Duration.ofMillis(200);

  private Waiting() {}

  /** What can be waited for. */
  @FunctionalInterface
  public interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  /**
   * Waits until a condition holds.
   *
   * @param what it in words, and what to do when the wait was in vain
   * @throws Failure when it does not within {@code most}
   */
  public static void until(Duration most, String what, Condition condition)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + most.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > end) {
        throw new Failure("waited %d s in vain for %s".formatted(most.toSeconds(), what));
      }
      Thread.sleep(POLL);
    }
  }
}

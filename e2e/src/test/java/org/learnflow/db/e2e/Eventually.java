package org.learnflow.db.e2e;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits for what happens elsewhere. */
final class Eventually {
  private static final Duration POLL = Duration.ofMillis(300);

  private Eventually() {}

  /**
   * Waits until a condition holds.
   *
   * @param what it in words, for the failure
   * @throws AssertionError when it does not within {@code most}
   */
  static void within(Duration most, String what, BooleanSupplier condition) {
    long end = System.nanoTime() + most.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("not within %d s: %s".formatted(most.toSeconds(), what));
      }
      LockSupport.parkNanos(POLL.toNanos());
    }
  }
}

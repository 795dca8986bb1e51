package org.learnflow.db.testing;

import java.sql.SQLException;
import java.time.Duration;

/** Waits for what another process or session does. */
public final class Eventually {
  private static final Duration POLL = Duration.ofMillis(20);

  private Eventually() {}

  /** Asks whether something has happened. */
  @FunctionalInterface
  public interface Condition {
    /** Whether it has. */
    boolean holds() throws SQLException;
  }

  /**
   * Waits until {@code condition} holds.
   *
   * @param what the condition in words, for the failure
   * @throws AssertionError when it does not within {@code limit}
   */
  public static void within(Duration limit, String what, Condition condition) throws SQLException {
    long start = System.nanoTime();
    while (!condition.holds()) {
      if (System.nanoTime() - start > limit.toNanos()) {
        throw new AssertionError("not within " + limit.toSeconds() + " s: " + what);
      }
      try {
        Thread.sleep(POLL);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError("interrupted", e);
      }
    }
  }
}

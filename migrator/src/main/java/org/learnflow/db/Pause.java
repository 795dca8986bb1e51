package org.learnflow.db;

import java.time.Duration;

/** Waits a moment. */
public final class Pause {
  private Pause() {}

  /**
   * Waits.
   *
   * @throws Failure 1 if the thread is interrupted; it keeps its interrupt flag
   */
  public static void of(Duration time) {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.of(ExitCode.FAILED, "interrupted").causedBy(e);
    }
  }
}

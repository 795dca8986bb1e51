package org.learnflow.db.postgres;

import java.time.Duration;
import java.util.List;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;

/**
 * Tries work again that could not get a lock, because of lock_timeout or a deadlock.
 *
 * @param retries how often, after the first attempt
 * @param step under which each further attempt is reported
 */
public record LockRetries(int retries, String step, Progress progress) {
  private static final Duration PAUSE = Duration.ofSeconds(1);

  /**
   * Whether to try again after a failure; if so, reports it and waits a second.
   *
   * @param attempt that failed, from 0
   * @param what happened, for people
   */
  public boolean allow(int attempt, Throwable failure, String what) {
    if (!SqlStates.lockProblem(failure) || attempt >= retries) {
      return false;
    }
    progress.line(step, "%s; attempt %d of %d follows".formatted(what, attempt + 2, retries + 1));
    Pause.of(PAUSE);
    return true;
  }

  /**
   * What is said when the last attempt failed too.
   *
   * @param name of the script that could not get a lock
   */
  public static String exhausted(String name, int attempts, List<String> blockers) {
    return "%s could not get a lock within lock_timeout in %d attempts%s"
        .formatted(
            name,
            attempts,
            blockers.isEmpty() ? "" : ": blocked by " + String.join("; ", blockers));
  }

  /** Who held the lock, as the end of a sentence; empty if nobody was seen. */
  public static String heldBy(List<String> holders) {
    return holders.isEmpty() ? "" : ", held by " + String.join("; ", holders);
  }
}

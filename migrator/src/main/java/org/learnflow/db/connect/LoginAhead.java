package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import javax.sql.DataSource;
import org.learnflow.db.Password;

/**
 * One attempt at a login, in a thread of its own. Whether it failed, and why, is not told: whoever
 * needs to know logs in again.
 */
final class LoginAhead {
  private final CompletableFuture<Optional<DatabaseAccess.LoggedIn>> attempt;

  private LoginAhead(CompletableFuture<Optional<DatabaseAccess.LoggedIn>> attempt) {
    this.attempt = attempt;
  }

  /**
   * Begins.
   *
   * @param source opens sessions of {@code role} with {@code password}
   * @param atOnce waited for, so that not all of many compute at once
   */
  static LoginAhead begin(DataSource source, String role, Password password, Semaphore atOnce) {
    return new LoginAhead(
        CompletableFuture.supplyAsync(
            () -> attempt(source, role, password, atOnce),
            task -> Thread.ofPlatform().daemon().start(task)));
  }

  private static Optional<DatabaseAccess.LoggedIn> attempt(
      DataSource source, String role, Password password, Semaphore atOnce) {
    atOnce.acquireUninterruptibly();
    try (Connection _ = source.getConnection()) {
      return Optional.of(new DatabaseAccess.LoggedIn(role, password, System.nanoTime()));
    } catch (SQLException | RuntimeException e) {
      return Optional.empty();
    } finally {
      atOnce.release();
    }
  }

  /** Waits for its end, for as long as one attempt takes at most; empty if it did not succeed. */
  Optional<DatabaseAccess.LoggedIn> end() {
    return attempt.join();
  }
}

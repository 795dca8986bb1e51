package org.learnflow.db.credentials;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import org.learnflow.db.Elapsed;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.Sql;

/**
 * The role that a service had before the last rotation. It can log in with its old password until
 * this is taken away, so that instances with that password go on.
 *
 * @param name of the role
 */
record SpareRole(String name) {
  private static final Duration POLL = Duration.ofSeconds(1);

  /** Its open sessions, in any database. */
  private int sessions(Connection admin) throws SQLException {
    try (PreparedStatement statement =
        admin.prepareStatement("SELECT count(*) FROM pg_stat_activity WHERE usename = ?")) {
      statement.setString(1, name);
      try (ResultSet rows = statement.executeQuery()) {
        rows.next();
        return rows.getInt(1);
      }
    }
  }

  /**
   * Takes its login and its password away once no session of it is open.
   *
   * @param admin a session of the admin
   * @param patience how long to wait for that
   * @return the sessions that are still open; 0 if it can no longer log in
   */
  int revoke(Connection admin, Duration patience, Progress progress) throws SQLException {
    Elapsed waited = Elapsed.fromNow();
    int open = sessions(admin);
    while (open > 0 && !waited.exceeds(patience)) {
      progress.update(
          "rotate",
          "waiting for %d sessions of %s to end, %s"
              .formatted(open, name, waited.ofAtMost(patience)));
      Pause.of(POLL);
      open = sessions(admin);
    }
    if (open == 0) {
      Sql.execute(admin, "ALTER ROLE %s NOLOGIN PASSWORD NULL".formatted(Sql.identifier(name)));
    }
    return open;
  }
}

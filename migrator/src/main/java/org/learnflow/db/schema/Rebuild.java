package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.StateSchema;

/**
 * Remembers in {@code learnflow_db.rebuilds} that an empty database is being filled by a run that
 * would not touch one that is not empty, so that the next run continues where it was killed.
 */
public final class Rebuild {
  private Rebuild() {}

  /** Called before anything is created. */
  public static void begin(Connection connection, Progress progress) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress);
        Statement statement = connection.createStatement()) {
      StateSchema.ensure(connection);
      statement.execute("INSERT INTO learnflow_db.rebuilds DEFAULT VALUES");
    }
  }

  /** Called when everything is created; this also finishes other runs that had started. */
  public static void finish(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("DELETE FROM learnflow_db.rebuilds");
    }
  }

  /** Whether one was started and is not finished. */
  public static boolean isUnfinished(Connection connection) throws SQLException {
    try {
      return Sql.isTrue(connection, "SELECT EXISTS (SELECT FROM learnflow_db.rebuilds)");
    } catch (SQLException e) {
      if (!SqlStates.UNDEFINED_TABLE.equals(SqlStates.of(e))) {
        throw e;
      }
      return false;
    }
  }
}

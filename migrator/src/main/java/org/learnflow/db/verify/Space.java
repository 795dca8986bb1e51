package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;
import org.learnflow.db.postgres.SqlStates;

/** Whether the server's disk has free space, as seen from a session. */
public final class Space {
  /** Sorts more than fits into memory, so that half a megabyte of temporary file is written. */
  private static final String SPILL =
      "SET LOCAL work_mem = '64kB';"
          + " SELECT count(*) FROM (SELECT g FROM generate_series(1, 20000) g ORDER BY g DESC) s";

  private Space() {}

  /**
   * Why nothing can be written any more, in the server's words; empty if writing works, or if
   * temp_file_limit does not allow the attempt.
   *
   * @param connection in autocommit mode
   */
  public static Optional<String> problem(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(SPILL);
      return Optional.empty();
    } catch (SQLException e) {
      if (SqlStates.CONFIGURATION_LIMIT_EXCEEDED.equals(e.getSQLState())) {
        return Optional.empty();
      }
      return Optional.of(
          SqlStates.diskFull(e.getSQLState(), String.valueOf(e.getMessage())).orElseThrow(() -> e));
    }
  }
}

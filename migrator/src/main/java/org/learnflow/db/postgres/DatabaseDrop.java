package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/** Drops databases. */
public final class DatabaseDrop {
  private DatabaseDrop() {}

  /**
   * Drops a database, if it exists, and ends the sessions in it.
   *
   * @param connection of its owner, in another database and in autocommit mode
   */
  public static void drop(Connection connection, String name) throws SQLException {
    String drop = "DROP DATABASE IF EXISTS " + Sql.identifier(name);
    try {
      Sql.execute(connection, drop + " WITH (FORCE)");
    } catch (SQLException e) {
      if (!SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        throw e;
      }
      // With FORCE, only an admin can end autovacuum, which is no role's session; without, the
      // server ends it automatically.
      endSessions(connection, name);
      Sql.execute(connection, drop);
    }
  }

  /**
   * Ends the sessions that the role can end, if it can drop the database; dropping waits for them.
   */
  private static void endSessions(Connection connection, String name) throws SQLException {
    try (PreparedStatement end =
        connection.prepareStatement(
            """
            SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_database d ON d.oid = a.datid
            WHERE d.datname = ? AND pg_has_role(d.datdba, 'USAGE') AND pg_has_role(a.usesysid, 'USAGE')
            """)) {
      end.setString(1, name);
      end.execute();
    }
  }
}

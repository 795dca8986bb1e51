package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.SqlStates;
import org.learnflow.db.SqlText;
import org.learnflow.db.roles.RoleNames;

/**
 * Plans, as the service role, every statement that it must be allowed to run. EXPLAIN checks the
 * rights and writes nothing.
 */
final class ServiceStatements {
  /**
   * The last column is updated, not the first: through a view, an identity column (mostly the
   * first) cannot even be set to its default.
   *
   * <p>Bits of pg_relation_is_updatable: 1 &lt;&lt; CMD_UPDATE, CMD_INSERT, CMD_DELETE.
   */
  private static final String STATEMENTS =
      """
      SELECT s.statement
      FROM (
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name,
               (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum DESC LIMIT 1) AS last_column,
               pg_relation_is_updatable(c.oid, true) AS can
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
        WHERE o.rolname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('learnflow_db', 'information_schema')
          AND (n.nspname, c.relname) <> ('public', 'flyway_schema_history')
      ) r, LATERAL (VALUES
        (1, true, format('EXPLAIN SELECT * FROM %s', name)),
        (2, can & 8 <> 0, format('EXPLAIN INSERT INTO %s DEFAULT VALUES', name)),
        (3, can & 4 <> 0, format('EXPLAIN UPDATE %s SET %I = DEFAULT', name, last_column)),
        (4, can & 16 <> 0, format('EXPLAIN DELETE FROM %s', name))
      ) s (number, possible, statement)
      WHERE s.possible
      ORDER BY name, s.number
      """;

  private ServiceStatements() {}

  /**
   * The outcome.
   *
   * @param planned number of statements
   * @param refusal what the server said to the first one that it refused
   */
  record Outcome(int planned, Optional<String> refusal) {}

  /** Plans them all in one transaction that is rolled back. */
  static Outcome plan(Connection connection, RoleNames names) throws SQLException {
    List<String> statements = statements(connection, names);
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.execute("SET LOCAL ROLE " + SqlText.identifier(names.service()));
      if (!statements.isEmpty()) {
        statement.execute(String.join(";\n", statements));
      }
      return new Outcome(statements.size(), Optional.empty());
    } catch (SQLException e) {
      if (!SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        throw e;
      }
      return new Outcome(statements.size(), Optional.of(String.valueOf(e.getMessage())));
    } finally {
      if (!connection.isClosed()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    }
  }

  private static List<String> statements(Connection connection, RoleNames names)
      throws SQLException {
    List<String> statements = new ArrayList<>();
    try (PreparedStatement select = connection.prepareStatement(STATEMENTS)) {
      select.setString(1, names.owner());
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          statements.add(rows.getString(1));
        }
      }
    }
    return statements;
  }
}

package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.learnflow.db.postgres.CatalogConflict;

/**
 * Revokes all privileges on Flyway's history, and the privileges to write to {@code
 * schema_migrations}, from everyone but the owner: default privileges grant them to the service
 * role when the table or the view is created.
 */
public final class HistoryProtection {
  private static final String REVOKES =
      """
      SELECT DISTINCT format('REVOKE %s ON %s FROM %s',
                    CASE c.relname WHEN 'schema_migrations' THEN 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER' ELSE 'ALL' END,
                    c.oid::regclass,
                    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
      FROM pg_class c, aclexplode(c.relacl) a
      WHERE c.oid IN (to_regclass('public.flyway_schema_history'), to_regclass('public.schema_migrations'))
        AND a.grantee <> c.relowner
        AND NOT (c.relname = 'schema_migrations' AND a.privilege_type = 'SELECT')
        AND pg_has_role(c.relowner, 'USAGE')
      """;

  private HistoryProtection() {}

  /**
   * Revokes the privileges; only one query if there is nothing to revoke.
   *
   * @param connection in autocommit mode, because an admin may repair the same privileges at this
   *     moment
   */
  public static void apply(Connection connection) throws SQLException {
    CatalogConflict.retry(() -> revoke(connection));
  }

  private static int revoke(Connection connection) throws SQLException {
    List<String> revokes = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(REVOKES)) {
      while (rows.next()) {
        revokes.add(rows.getString(1));
      }
    }
    for (String revoke : revokes) {
      try (Statement statement = connection.createStatement()) {
        statement.execute(revoke);
      }
    }
    return revokes.size();
  }
}

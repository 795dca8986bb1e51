package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Takes over a database that has the tables of some version already, but no migration history. */
public final class Adoption {
  private static final String FOREIGN =
      """
      SELECT to_regclass('%s') IS NULL AND EXISTS (
        SELECT FROM pg_namespace n, LATERAL (
          SELECT 'pg_class'::regclass AS class, oid FROM pg_class
          WHERE relnamespace = n.oid AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
          UNION ALL
          SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = n.oid
          UNION ALL
          SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = n.oid AND typtype IN ('d', 'e')) o
        WHERE n.nspname = 'public'
          AND NOT EXISTS (SELECT FROM pg_depend d
                          WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'))
      """
          .formatted(SchemaState.HISTORY);

  private Adoption() {}

  /** Whether something else than migrations made what is in schema public. */
  static boolean isForeign(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(FOREIGN)) {
      row.next();
      return row.getBoolean(1);
    }
  }
}

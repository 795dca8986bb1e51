package org.learnflow.db;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/** Schema {@code learnflow_db}: the migrator's own state, for the owner only. */
public final class StateSchema {
  private static final String CREATE =
      """
      CREATE SCHEMA learnflow_db;
      COMMENT ON SCHEMA learnflow_db IS 'State of the learnflow-db migrator; for the owner only.';
      CREATE TABLE learnflow_db.seed_sets (
          name      text PRIMARY KEY,
          checksum  text NOT NULL,
          mode      text NOT NULL,
          loaded_at timestamptz NOT NULL DEFAULT now());
      COMMENT ON TABLE learnflow_db.seed_sets IS 'Seed sets as last loaded.';
      CREATE TABLE learnflow_db.index_builds (
          version    text NOT NULL,
          index_name text NOT NULL,
          PRIMARY KEY (version, index_name));
      COMMENT ON TABLE learnflow_db.index_builds IS
          'Indexes that CREATE INDEX CONCURRENTLY in a migration began to build and did not finish yet.';
      """;

  /** Whoever default privileges let in is sent out in the transaction that makes the schema. */
  private static final String CLOSE =
      """
      DO $$
      DECLARE
          statement text;
      BEGIN
          FOR statement IN
              SELECT format('REVOKE ALL ON SCHEMA learnflow_db FROM %s',
                            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
              FROM pg_namespace n, aclexplode(n.nspacl) a
              WHERE n.nspname = 'learnflow_db' AND a.grantee <> n.nspowner
              UNION
              SELECT format('REVOKE ALL ON %s FROM %s', c.oid::regclass,
                            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
              FROM pg_class c, aclexplode(c.relacl) a
              WHERE c.relnamespace = 'learnflow_db'::regnamespace AND a.grantee <> c.relowner
          LOOP
              EXECUTE statement;
          END LOOP;
      END
      $$
      """;

  private StateSchema() {}

  /**
   * Makes the schema where it is missing.
   *
   * @param connection as the owner, holding an {@link AdvisoryLock}; in autocommit mode or not
   */
  public static void ensure(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      try (var rows = statement.executeQuery("SELECT to_regnamespace('learnflow_db') IS NULL")) {
        rows.next();
        if (!rows.getBoolean(1)) {
          return;
        }
      }
      // One text is one transaction, also in autocommit mode.
      statement.execute(CREATE + CLOSE);
    }
  }
}

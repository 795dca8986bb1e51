package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.Failure;

/** Schema {@code learnflow_db}: the migrator's own state, for the owner only. */
public final class StateSchema {
  private static final String CREATE =
      """
      CREATE SCHEMA IF NOT EXISTS learnflow_db;
      COMMENT ON SCHEMA learnflow_db IS 'State of the learnflow-db migrator; for the owner only.';
      CREATE TABLE IF NOT EXISTS learnflow_db.seed_sets (
          name      text PRIMARY KEY,
          checksum  text NOT NULL,
          mode      text NOT NULL,
          loaded_at timestamptz NOT NULL DEFAULT now());
      COMMENT ON TABLE learnflow_db.seed_sets IS 'Seed sets as last loaded.';
      CREATE TABLE IF NOT EXISTS learnflow_db.index_builds (
          version    text NOT NULL,
          index_name text NOT NULL,
          PRIMARY KEY (version, index_name));
      COMMENT ON TABLE learnflow_db.index_builds IS
          'Indexes that CREATE INDEX CONCURRENTLY in a migration began to build and did not finish yet.';
      CREATE TABLE IF NOT EXISTS learnflow_db.undo_scripts (
          version       text PRIMARY KEY,
          script        text NOT NULL,
          checksum      integer NOT NULL,
          undo_script   text NOT NULL,
          undo_sql      text NOT NULL,
          undo_checksum integer NOT NULL);
      COMMENT ON TABLE learnflow_db.undo_scripts IS
          'The undo script of each applied migration that has one, stored in its transaction.';
      CREATE TABLE IF NOT EXISTS learnflow_db.rollbacks (
          id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          version   text NOT NULL,
          script    text NOT NULL,
          undo_sql  text NOT NULL,
          undone_at timestamptz NOT NULL DEFAULT now(),
          undone_by text NOT NULL DEFAULT session_user);
      COMMENT ON TABLE learnflow_db.rollbacks IS 'Migrations that were undone, each in its transaction.';
      CREATE TABLE IF NOT EXISTS learnflow_db.catalogs (
          server_major   integer PRIMARY KEY,
          expected       jsonb NOT NULL,
          before_changes jsonb,
          recorded_at    timestamptz NOT NULL DEFAULT now());
      COMMENT ON TABLE learnflow_db.catalogs IS
          'What migrations made, by object; and what was there when a run began that has not ended.';
      CREATE TABLE IF NOT EXISTS learnflow_db.backups (
          id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          kind           text NOT NULL,
          name           text NOT NULL,
          bytes          bigint NOT NULL,
          sha256         text NOT NULL,
          schema_version text NOT NULL,
          finished_at    timestamptz NOT NULL DEFAULT now());
      COMMENT ON TABLE learnflow_db.backups IS 'Dumps that were read back whole.';
      CREATE TABLE IF NOT EXISTS learnflow_db.rebuilds (
          begun_at timestamptz NOT NULL DEFAULT now());
      COMMENT ON TABLE learnflow_db.rebuilds IS
          'Rebuilds of an empty database by learnflow-db reconcile that have not ended yet.';
      CREATE TABLE IF NOT EXISTS learnflow_db.withheld_privileges (
          relation  regclass,
          schema    text,
          privilege text NOT NULL,
          version   text NOT NULL,
          CHECK (num_nonnulls(relation, schema) = 1));
      COMMENT ON TABLE learnflow_db.withheld_privileges IS
          'Privileges that a migration revoked from the services'' role, by table, sequence or schema.';
      CREATE TABLE IF NOT EXISTS learnflow_db.drills (
          id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          dump           text NOT NULL,
          seconds        double precision NOT NULL,
          schema_version text NOT NULL,
          table_count    integer NOT NULL,
          row_count      bigint NOT NULL,
          failure        text NOT NULL,
          finished_at    timestamptz NOT NULL DEFAULT now());
      COMMENT ON TABLE learnflow_db.drills IS 'Dumps that were restored beside the database, or could not be.';
      CREATE TABLE IF NOT EXISTS learnflow_db.offsite_copies (
          id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          dump        text NOT NULL,
          uri         text NOT NULL,
          bytes       bigint NOT NULL,
          failure     text NOT NULL,
          finished_at timestamptz NOT NULL DEFAULT now());
      COMMENT ON TABLE learnflow_db.offsite_copies IS
          'Copies of dumps in a bucket, each read back; and the last run that failed, if none succeeded since.';
      CREATE TABLE IF NOT EXISTS learnflow_db.runs (
          id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          command        text NOT NULL,
          started_at     timestamptz NOT NULL,
          seconds        double precision NOT NULL,
          failure        text NOT NULL,
          schema_version text NOT NULL,
          pending        integer NOT NULL,
          steps          jsonb NOT NULL,
          findings       jsonb,
          program        text NOT NULL);
      """;

  /** As in {@link AdvisoryLock}, but for the transaction that creates the schema. */
  private static final long KEY = 0x6c66_0000L;

  private static final String LOCK =
      "SELECT pg_catalog.pg_advisory_xact_lock(%d);\n".formatted(KEY);

  /** Created last, in one transaction with the others. */
  private static final String NEWEST = "learnflow_db.runs";

  /** Revokes what default privileges granted, in the transaction that creates the schema. */
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
   * The first row of a query of this schema; also empty if the table does not exist, or the role
   * cannot see it.
   *
   * @param query without parameters
   */
  public static <T> Optional<T> first(Connection connection, String query, CatalogQuery.Row<T> read)
      throws SQLException {
    return rows(connection, query, read).stream().findFirst();
  }

  /** The same with all rows. */
  public static <T> List<T> rows(Connection connection, String query, CatalogQuery.Row<T> read)
      throws SQLException {
    List<T> found = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(query)) {
      while (rows.next()) {
        found.add(read.read(rows));
      }
      return found;
    } catch (SQLException e) {
      if (SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())
          || SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        return List.of();
      }
      throw e;
    }
  }

  /**
   * Creates the schema, or what an older version did not create in it.
   *
   * @param connection as the owner, holding an {@link AdvisoryLock}; in autocommit mode or not
   * @throws Failure 1 if another session creates it, or pretends to, for longer than lock_timeout
   */
  public static void ensure(Connection connection) throws SQLException {
    if (Sql.exists(connection, NEWEST)) {
      return;
    }
    Savepoint before = connection.getAutoCommit() ? null : connection.setSavepoint();
    // One text is one transaction, even in autocommit mode,
    // so that two sessions at once do not both find it missing.
    try {
      Sql.execute(connection, LOCK + CREATE + CLOSE);
    } catch (SQLException e) {
      if (!SqlStates.LOCK_NOT_AVAILABLE.equals(SqlStates.of(e))) {
        throw e;
      }
      if (before != null) {
        connection.rollback(before);
      }
      throw AdvisoryLock.refusal(connection, KEY, "schema learnflow_db")
          .orElseThrow(() -> e)
          .causedBy(e);
    }
  }
}

package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.sql.DataSource;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.SessionSettings;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlScript;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.roles.WithheldPrivileges;
import org.learnflow.db.schema.MigrationFailures;
import org.learnflow.db.schema.UndoStep;

/** Finds out what undo scripts lose, by running them in a transaction that is rolled back. */
record Preview(DataSource source, RoleManager roles, Progress progress) {
  /**
   * A preview holds the locks of a real rollback for a moment. It gives up before the server looks
   * for deadlocks (1 s), so that no transaction of a service is ended because of it.
   */
  private static final String BRIEFLY =
      "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '5s'";

  /**
   * setval() is not rolled back with its transaction, so a preview must not run it. Numbers that
   * nextval() returned are lost, as in any transaction that is rolled back.
   */
  private static final String KEEP_SEQUENCES =
      """
      DO $$
      DECLARE
          statement text;
      BEGIN
          FOR statement IN
              SELECT pg_catalog.format('GRANT USAGE ON SEQUENCE %1$I.%2$I TO %3$I; REVOKE UPDATE ON SEQUENCE %1$I.%2$I FROM %3$I',
                                       n.nspname, c.relname, current_user)
              FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                   JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) c.relowner
              WHERE c.relkind OPERATOR(pg_catalog.=) 'S' AND r.rolname OPERATOR(pg_catalog.=) current_user
                AND n.nspname OPERATOR(pg_catalog.<>) 'learnflow_db'
          LOOP
              EXECUTE statement;
          END LOOP;
      END
      $$
      """;

  /**
   * Not if another constraint with that name and schema cannot be deferred: SET would reject it.
   */
  private static final String DEFER =
      """
      SELECT format('SET CONSTRAINTS %I.%I DEFERRED', n.nspname, c.conname)
      FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
      GROUP BY n.nspname, c.conname
      HAVING bool_or(c.condeferred) AND bool_and(c.condeferrable)
      """;

  /**
   * Runs all undo scripts in one transaction, and then rolls it back.
   *
   * @param lost receives what was lost or changed
   * @return why the scripts could not be run
   */
  Optional<String> run(List<UndoStep> steps, List<TableColumns.Change> lost) throws SQLException {
    List<UndoStep> tried = new ArrayList<>();
    // Not with the session that holds the locks, because a script may release them.
    try (Connection session = source.getConnection()) {
      WithheldPrivileges withheld = roles.withheld(session);
      session.setAutoCommit(false);
      try {
        Sql.execute(session, BRIEFLY);
        Sql.execute(session, KEEP_SEQUENCES);
        TableColumns before = TableColumns.read(session);
        for (UndoStep step : steps) {
          tried.add(step);
          // A script that drops indexes concurrently loses no data, and cannot run here.
          if (step.transactional()) {
            withheld.begin(session, step.script().undoSql());
            UndoExecution.execute(session, step, BRIEFLY, Preview::execute);
            // The next one runs in a transaction and a session of its own.
            defer(session);
            SessionSettings.forget(session);
            Sql.execute(session, BRIEFLY);
            new UndoExecution(withheld, progress).record(session, step);
          }
        }
        lost.addAll(before.lostUntilNow(session));
        return Optional.empty();
      } finally {
        if (!session.isClosed()) {
          session.rollback();
        }
      }
    } catch (UndoFailedException e) {
      if (SqlStates.connectionLost(e)) {
        throw e.sqlException();
      }
      if (SqlStates.of(e).equals(SqlStates.INSUFFICIENT_PRIVILEGE)
          && setsSequence(e.step().script().undoSql())) {
        return Optional.of(
            "%s sets a sequence, which cannot be rolled back"
                .formatted(e.step().script().undoScript()));
      }
      return Optional.of(whyUnseen(e, tried));
    }
  }

  /** A deferred constraint starts each transaction deferred, also after one that was checked. */
  private static void defer(Connection connection) throws SQLException {
    for (String statement : CatalogQuery.rows(connection, DEFER, row -> row.getString(1))) {
      Sql.execute(connection, statement);
    }
  }

  /**
   * What stops a preview, but would not stop a rollback.
   *
   * @param tried the scripts up to the one that failed
   * @throws Failure 6 for what would fail in a rollback as well
   */
  private static String whyUnseen(UndoFailedException e, List<UndoStep> tried) {
    String script = e.step().script().undoScript();
    if (SqlStates.lockProblem(e)) {
      return script + " could not get a lock within half a second";
    }
    if (SqlStates.of(e).equals(SqlStates.QUERY_CANCELED)) {
      return script + " takes longer than five seconds";
    }
    Optional<UndoStep> notTried = tried.stream().filter(step -> !step.transactional()).findFirst();
    if (notTried.isPresent()) {
      return "%s could not be tried, and without it %s fails (%s); first: learnflow-db rollback --to %s"
          .formatted(
              notTried.get().script().undoScript(),
              script,
              MigrationFailures.message(e),
              e.step().script().version());
    }
    if (SqlStates.of(e).equals(SqlStates.UNSAFE_NEW_ENUM_VALUE) && tried.size() > 1) {
      return "%s cannot run in the same transaction as the scripts before it (%s); first: learnflow-db rollback --to %s"
          .formatted(script, MigrationFailures.message(e), e.step().script().version());
    }
    throw e.failure("nothing was changed");
  }

  /** A query that only sets a sequence is skipped: it loses nothing. */
  private static void execute(Connection connection, SqlScript.Statement statement)
      throws SQLException {
    Savepoint before = connection.setSavepoint();
    try {
      UndoExecution.run(connection, statement);
      connection.releaseSavepoint(before);
    } catch (SQLException e) {
      if (!SqlStates.of(e).equals(SqlStates.INSUFFICIENT_PRIVILEGE)
          || !statement.words().begin("SELECT")
          || !setsSequence(statement.sql())) {
        throw e;
      }
      connection.rollback(before);
    }
  }

  private static boolean setsSequence(String sql) {
    return sql.toLowerCase(Locale.ROOT).contains("setval");
  }
}

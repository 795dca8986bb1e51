package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import javax.sql.DataSource;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.SessionSettings;
import org.learnflow.db.postgres.LockRetries;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.schema.BlockerWatch;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.UndoStep;
import org.postgresql.PGConnection;

/**
 * Undoes one migration after another, and retries each that could not get a lock.
 *
 * @param source sessions of the owner, with lock_timeout set
 * @param lockRetries how often an undo is tried again after lock_timeout or a deadlock
 */
record UndoRun(
    DataSource source,
    MigrationFiles files,
    int lockRetries,
    UndoExecution execution,
    Progress progress) {
  /**
   * Undoes a migration.
   *
   * @param connection for this one alone
   * @param undone before it, for the failure
   * @param total how many are undone in the end
   * @throws Failure 6 if the script fails
   */
  void undo(
      Connection connection, UndoStep step, BlockerWatch watch, List<String> undone, int total)
      throws SQLException {
    for (int attempt = 0; ; attempt++) {
      watch.begin(
          "%s (%d of %d)".formatted(step.script().undoScript(), undone.size() + 1, total),
          connection.unwrap(PGConnection.class).getBackendPID());
      try {
        if (step.transactional()) {
          inTransaction(connection, step);
        } else {
          outsideTransaction(connection, step);
        }
        return;
      } catch (UndoFailedException e) {
        if (SqlStates.connectionLost(e)) {
          throw e.sqlException();
        }
        watch.end();
        String what =
            "%s could not get a lock in time%s; rolled back"
                .formatted(step.script().undoScript(), LockRetries.heldBy(watch.lastBlockers()));
        if (!new LockRetries(lockRetries, Rollback.STEP, progress).allow(attempt, e, what)) {
          throw failed(e, watch, undone);
        }
      } finally {
        watch.end();
      }
    }
  }

  private void inTransaction(Connection connection, UndoStep step)
      throws SQLException, UndoFailedException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      TableColumns before = TableColumns.read(connection);
      execution.withheld().begin(connection, step.script().undoSql());
      UndoExecution.execute(connection, step, "", UndoExecution::run);
      SessionSettings.reset(connection);
      if (!before.lostUntilNow(connection).isEmpty()) {
        // What was loaded may be lost; the next run loads it again.
        statement.execute("DELETE FROM learnflow_db.seed_sets");
      }
      execution.record(connection, step);
      connection.commit();
    } catch (SQLException e) {
      throw new UndoFailedException(step, 1, e);
    } finally {
      if (!connection.isClosed()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    }
  }

  private void outsideTransaction(Connection connection, UndoStep step)
      throws SQLException, UndoFailedException {
    // It waits for every older transaction and blocks nobody in the meantime.
    Sql.execute(connection, "SET lock_timeout = 0");
    execution.withheld().begin(connection, step.script().undoSql());
    UndoExecution.execute(connection, step, "", UndoExecution::run);
    Sql.execute(connection, "RESET lock_timeout");
    connection.setAutoCommit(false);
    try {
      execution.record(connection, step);
      connection.commit();
    } finally {
      if (!connection.isClosed()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    }
  }

  private Failure failed(UndoFailedException e, BlockerWatch watch, List<String> undone)
      throws SQLException {
    String current;
    try (Connection connection = source.getConnection()) {
      current = SchemaState.read(connection, files).currentText();
    }
    String state =
        "%s; undone before it: %s; the database is at %s"
            .formatted(
                e.step().transactional()
                    ? "this undo was rolled back completely"
                    : "it runs outside a transaction, so the indexes dropped before this one stay dropped",
                undone.isEmpty() ? "nothing" : String.join(", ", undone),
                current);
    if (SqlStates.lockProblem(e)) {
      return e.failure(state)
          .what(
              LockRetries.exhausted(
                  e.step().script().undoScript(), lockRetries + 1, watch.lastBlockers()))
          .next(
              "end that transaction (or wait until it ends) and run the same command again;"
                  + " to wait longer, use --lock-timeout and --lock-retries");
    }
    return e.failure(state);
  }
}

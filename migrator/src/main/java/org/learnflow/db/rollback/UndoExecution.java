package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlScript;
import org.learnflow.db.roles.WithheldPrivileges;
import org.learnflow.db.schema.MigrationFailures;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.UndoScript;
import org.learnflow.db.schema.UndoScripts;
import org.learnflow.db.schema.UndoStep;

/** Runs an undo script, and records that it ran. */
record UndoExecution(WithheldPrivileges withheld, Progress progress) {
  /**
   * Runs a script up to its deferred constraints, with its own settings.
   *
   * @param before what is run before each statement
   */
  static void execute(Connection connection, UndoStep step, String before, Execution execution)
      throws UndoFailedException {
    for (SqlScript.Statement each : step.statements()) {
      try {
        Sql.execute(connection, before);
        execution.run(connection, each);
      } catch (SQLException e) {
        throw new UndoFailedException(step, MigrationFailures.line(each.sql(), each.line(), e), e);
      }
    }
    try {
      if (step.transactional()) {
        Sql.execute(connection, before);
        Sql.execute(connection, "SET CONSTRAINTS ALL IMMEDIATE");
      }
    } catch (SQLException e) {
      throw new UndoFailedException(step, 1, e);
    }
  }

  /** How a statement is executed. */
  @FunctionalInterface
  interface Execution {
    void run(Connection connection, SqlScript.Statement statement) throws SQLException;
  }

  static void run(Connection connection, SqlScript.Statement statement) throws SQLException {
    Sql.execute(connection, statement.sql());
  }

  /** Makes Flyway see the migration as never applied; what was done is recorded for people. */
  void record(Connection connection, UndoStep step) throws SQLException {
    UndoScript script = step.script();
    withheld
        .end(connection, "undo of " + script.version(), script.undoScript())
        .forEach(line -> progress.line(Rollback.STEP, line));
    withheld.forget(connection, script.version().toString());
    deleteHistoryRow(connection, step.script().version());
    UndoScripts.delete(connection, step.script().version());
    try (PreparedStatement insert =
        connection.prepareStatement(
            "INSERT INTO learnflow_db.rollbacks (version, script, undo_sql) VALUES (?, ?, ?)")) {
      insert.setString(1, step.script().version().toString());
      insert.setString(2, step.script().script());
      insert.setString(3, step.script().undoSql());
      insert.executeUpdate();
    }
  }

  static void deleteHistoryRow(Connection connection, MigrationVersion version)
      throws SQLException {
    try (PreparedStatement delete =
        connection.prepareStatement(
            "DELETE FROM " + SchemaState.HISTORY + " WHERE version = ? AND type <> 'DELETE'")) {
      delete.setString(1, version.toString());
      delete.executeUpdate();
    }
  }
}

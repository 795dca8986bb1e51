package org.learnflow.db.rollback;

import java.sql.SQLException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.SqlErrorKind;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.schema.MigrationFailures;
import org.learnflow.db.schema.UndoStep;

/** Carries the error of a statement of an undo script. */
final class UndoFailedException extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient UndoStep step;
  private final int line;
  private final SQLException sqlException;

  UndoFailedException(UndoStep step, int line, SQLException cause) {
    super(cause);
    this.step = step;
    this.line = line;
    this.sqlException = cause;
  }

  UndoStep step() {
    return step;
  }

  SQLException sqlException() {
    return sqlException;
  }

  /**
   * The failure for people.
   *
   * @param state in which things are now
   */
  Failure failure(String state) {
    SqlErrorKind kind = SqlErrorKind.of(this);
    return Failure.of(
            ExitCode.MIGRATION_FAILED,
            "%s failed: %s".formatted(step.script().undoScript(), MigrationFailures.message(this)))
        .where(
            "%s, line %d, SQLSTATE %s"
                .formatted(step.script().undoScript(), line, SqlStates.of(this)))
        .state(state)
        .next(
            kind.next("run the same command again")
                + (kind.isOfFile()
                    ? "; to run a corrected file, add --from-files; docs/how-to/rollback.md"
                    : ""))
        .causedBy(this);
  }
}

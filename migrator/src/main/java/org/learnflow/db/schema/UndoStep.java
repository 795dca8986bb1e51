package org.learnflow.db.schema;

import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.SqlScript;

/**
 * An undo script as statements, as Flyway finds them in a migration.
 *
 * @param transactional false for one that only drops indexes concurrently
 */
public record UndoStep(
    UndoScript script, List<SqlScript.Statement> statements, boolean transactional) {
  /** What an undo script can be, in short. */
  static final String POSSIBLE =
      "an undo script is one transaction, or drops indexes with DROP INDEX CONCURRENTLY IF EXISTS";

  /**
   * Reads an undo script.
   *
   * @throws Failure 10 if it cannot run in one transaction, or be repeated after a kill
   */
  public static UndoStep of(UndoScript script) {
    List<SqlScript.Statement> statements = new ArrayList<>();
    boolean transactional = true;
    boolean repeatable = true;
    try (SqlScript sql = new SqlScript(script.undoScript(), new StringReader(script.undoSql()))) {
      while (sql.hasNext()) {
        SqlScript.Statement statement = sql.next();
        if (statement.transactionControl().isPresent()) {
          throw refused(script, statement.line(), "begins or ends a transaction");
        }
        if (statement.words().copyFromStdin()) {
          throw refused(
              script, statement.line(), "has rows for COPY, which rollback does not read");
        }
        statements.add(statement);
        transactional &= statement.transactional();
        // After a kill it is repeated, so it must tolerate that the index is already dropped.
        repeatable &= statement.words().begin("DROP", "INDEX", "CONCURRENTLY", "IF", "EXISTS");
      }
    } catch (SqlScript.PsqlCommandException e) { // stored by an older version
      throw refused(script, e.line(), "is not SQL: " + e.getMessage());
    } catch (IOException e) {
      throw new IllegalStateException("a string can always be read", e);
    }
    if (!transactional && !repeatable) {
      throw refused(script, 1, "cannot run in a transaction, and cannot be repeated after a kill");
    }
    return new UndoStep(script, List.copyOf(statements), transactional);
  }

  private static Failure refused(UndoScript script, int line, String why) {
    return Failure.of(ExitCode.REFUSED, script.undoScript() + " " + why)
        .where("%s, line %d".formatted(script.undoScript(), line))
        .state("nothing was changed")
        .next(
            "correct it (%s), and take it from the files: learnflow-db rollback --from-files ..."
                .formatted(POSSIBLE));
  }
}

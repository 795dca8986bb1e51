package org.learnflow.db.schema;

import java.io.Reader;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.resource.LoadableResource;
import org.flywaydb.core.internal.parser.ParsingContext;
import org.flywaydb.core.internal.sqlscript.SqlStatement;
import org.flywaydb.core.internal.sqlscript.SqlStatementIterator;
import org.flywaydb.database.postgresql.PostgreSQLParser;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * A way back as statements, as Flyway finds them in a migration.
 *
 * @param transactional false for one that only drops indexes concurrently
 */
record UndoStep(UndoScript script, List<Statement> statements, boolean transactional) {
  private static final String COMMENTS = "(?s)(?:\\s++|--[^\\n]*+|/\\*.*?\\*/)*+";

  /** It would end our transaction, and with it what a preview must take back. */
  private static final Pattern TRANSACTION_CONTROL =
      Pattern.compile(
          COMMENTS + "(?:ABORT|BEGIN|COMMIT|END|PREPARE\\s+TRANSACTION|ROLLBACK|START)\\b.*",
          Pattern.CASE_INSENSITIVE);

  /** After a kill it is repeated, so it must bear that the index is gone. */
  private static final Pattern REPEATABLE =
      Pattern.compile(
          COMMENTS + "DROP\\s+INDEX\\s+CONCURRENTLY\\s+IF\\s+EXISTS\\b.*",
          Pattern.CASE_INSENSITIVE);

  /**
   * A statement.
   *
   * @param line where it begins, behind comments
   */
  record Statement(int line, String sql) {}

  /**
   * Reads a way back.
   *
   * @throws Failure 10 if it cannot be gone whole or be repeated after a kill
   */
  static UndoStep of(UndoScript script) {
    List<Statement> statements = new ArrayList<>();
    boolean transactional = true;
    boolean repeatable = true;
    FluentConfiguration configuration =
        new FluentConfiguration(UndoStep.class.getClassLoader()).placeholderReplacement(false);
    try (SqlStatementIterator parsed =
        new PostgreSQLParser(configuration, new ParsingContext()).parse(new Text(script))) {
      while (parsed.hasNext()) {
        SqlStatement statement = parsed.next();
        String sql = statement.getSql();
        if (TRANSACTION_CONTROL.matcher(sql).matches()) {
          throw refused(script, statement.getLineNumber(), "begins or ends a transaction");
        }
        statements.add(new Statement(statement.getLineNumber(), sql));
        transactional &= statement.canExecuteInTransaction();
        repeatable &= REPEATABLE.matcher(sql).matches();
      }
    }
    if (!transactional && !repeatable) {
      throw refused(script, 1, "cannot be run in a transaction, nor be repeated after a kill");
    }
    return new UndoStep(script, List.copyOf(statements), transactional);
  }

  private static Failure refused(UndoScript script, int line, String why) {
    return Failure.of(ExitCode.REFUSED, script.undoScript() + " " + why)
        .where("%s, line %d".formatted(script.undoScript(), line))
        .state("nothing was changed")
        .next(
            "correct it (outside a transaction only DROP INDEX CONCURRENTLY IF EXISTS is possible),"
                + " and take it from the files: learnflow-db rollback --from-files ...");
  }

  /** A script as Flyway's resource. */
  private static final class Text extends LoadableResource {
    private final UndoScript script;

    Text(UndoScript script) {
      this.script = script;
    }

    @Override
    public Reader read() {
      return new StringReader(script.undoSql());
    }

    @Override
    public String getAbsolutePath() {
      return script.undoScript();
    }

    @Override
    public String getAbsolutePathOnDisk() {
      return script.undoScript();
    }

    @Override
    public String getFilename() {
      return script.undoScript();
    }

    @Override
    public String getRelativePath() {
      return script.undoScript();
    }
  }
}

package org.learnflow.db.schema;

import java.io.IOException;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.flywaydb.core.internal.exception.FlywayMigrateException;
import org.flywaydb.core.internal.sqlscript.FlywaySqlScriptException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.LockRetries;
import org.learnflow.db.postgres.SqlErrorKind;
import org.learnflow.db.postgres.SqlParser;
import org.learnflow.db.postgres.SqlScript;
import org.learnflow.db.postgres.SqlStates;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Turns what Flyway and PostgreSQL report about a failed migration into a message for people. */
public final class MigrationFailures {
  /** How Flyway's message about a file with both kinds of statements begins. */
  private static final String MIXED = "Detected both transactional and non-transactional";

  /** How the server rejects a statement, or COMMIT in a procedure, in a transaction block. */
  private static final Set<String> NEEDS_NO_TRANSACTION = Set.of("25001", "2D000");

  private static final Pattern PARSER_LINE = Pattern.compile("\\bat line (\\d+)");

  private final DataSource source;
  private final MigrationFiles files;
  private final List<MigrationFile> window;

  public MigrationFailures(DataSource source, MigrationFiles files, List<MigrationFile> window) {
    this.source = source;
    this.files = files;
    this.window = window;
  }

  /**
   * Exit code 6 with file, line, SQLSTATE, the state and the next command.
   *
   * @param current the migration that ran when {@code thrown} was thrown; empty between two
   *     migrations
   * @param blockers who held the lock, if one was waited for
   * @param attempts how often a lock was waited for
   */
  public Failure describe(
      Throwable thrown, Optional<MigrationFile> current, List<String> blockers, int attempts) {
    Optional<FlywaySqlScriptException> script = in(thrown, FlywaySqlScriptException.class);
    After after = after();
    Optional<MigrationFile> file =
        script
            .flatMap(e -> named(Objects.toString(e.getResource().getFilename(), "")))
            .or(() -> current)
            .or(after::next);
    String name = file.map(MigrationFile::name).orElse("a migration");
    String sqlState = SqlStates.of(thrown);
    Optional<SqlParser.NoEndOfDataException> endless =
        in(thrown, SqlParser.NoEndOfDataException.class);
    boolean lockProblem = sqlState.equals(SqlStates.LOCK_NOT_AVAILABLE);
    boolean mixed = message(thrown).startsWith(MIXED);
    String what =
        lockProblem
            ? LockRetries.exhausted(name, attempts, blockers)
            : mixed
                ? name + " mixes statements that run in a transaction with one that cannot"
                : name + " failed: " + message(endless.map(Throwable.class::cast).orElse(thrown));
    String place =
        file.map(MigrationFile::path).orElse(files.directory())
            + endless
                .map(SqlParser.NoEndOfDataException::line)
                .or(() -> line(thrown, script))
                .map(line -> ", line " + line)
                .orElse("")
            + (sqlState.isEmpty() ? "" : ", SQLSTATE " + sqlState);
    boolean transactional =
        in(thrown, FlywayMigrateException.class)
            .map(FlywayMigrateException::isExecutableInTransaction)
            .orElse(true);
    String next =
        lockProblem
            ? "end that transaction (or wait until it ends) and run learnflow-db migrate again;"
                + " to wait longer, use --lock-timeout and --lock-retries"
            : mixed
                ? "move that statement to a migration of its own, or %s; then run: learnflow-db migrate"
                    .formatted(outsideTransaction(name))
                : transactional && NEEDS_NO_TRANSACTION.contains(sqlState)
                    ? "if the file cannot run in a transaction, %s (docs/how-to/migrations.md); then run: learnflow-db migrate"
                        .formatted(outsideTransaction(name))
                    : SqlErrorKind.of(thrown).next("run: learnflow-db migrate");
    return Failure.of(ExitCode.MIGRATION_FAILED, what)
        .where(place)
        .state(
            (transactional
                    ? file.filter(MigrationFailures::commits).isPresent()
                        ? "this migration ends transactions itself, so what it did before stays; "
                        : "this migration was rolled back completely; "
                    : "it runs outside a transaction, so the statements before this one stay applied,"
                        + " and maybe an invalid index, which the next run drops; ")
                + after.version())
        .next(next)
        .causedBy(thrown);
  }

  private static String outsideTransaction(String name) {
    return "write %s=false to a file %s next to it"
        .formatted(ScriptConfiguration.KEY, ScriptConfiguration.name(name));
  }

  private static boolean commits(MigrationFile file) {
    try (SqlScript script = new SqlScript(file.name(), new StringReader(file.sql()))) {
      while (script.hasNext()) {
        if (script.next().transactionControl().isPresent()) {
          return true;
        }
      }
    } catch (IOException | RuntimeException e) {
      return false; // it was refused before any of it was run
    }
    return false;
  }

  /**
   * What the server reports after the failure.
   *
   * @param version a sentence about what is applied
   * @param next the first file of the window that is not applied
   */
  private record After(String version, Optional<MigrationFile> next) {}

  private After after() {
    try (Connection connection = source.getConnection()) {
      SchemaState state = SchemaState.read(connection, files);
      return new After(
          "the database is at " + state.currentText(),
          window.stream().filter(file -> !state.applied().containsKey(file.version())).findFirst());
    } catch (SQLException e) {
      return new After("the applied version is unknown (" + e.getMessage() + ")", Optional.empty());
    }
  }

  private Optional<MigrationFile> named(String name) {
    return window.stream().filter(file -> file.name().equals(name)).findFirst();
  }

  private static <T extends Throwable> Optional<T> in(Throwable thrown, Class<T> type) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (type.isInstance(cause)) {
        return Optional.of(type.cast(cause));
      }
    }
    return Optional.empty();
  }

  /** The line of the error, as the server or Flyway's parser reports it. */
  private static Optional<Integer> line(
      Throwable thrown, Optional<FlywaySqlScriptException> script) {
    if (script.isPresent()) {
      return Optional.of(line(script.get()));
    }
    Matcher parsed = PARSER_LINE.matcher(message(thrown));
    return parsed.find() ? Optional.of(Integer.valueOf(parsed.group(1))) : Optional.empty();
  }

  /**
   * The line where the statement begins, plus the lines up to the position that the server reports.
   * The statement's text includes the comments before it, but its line number is the one after
   * them.
   */
  private static int line(FlywaySqlScriptException script) {
    return line(Objects.toString(script.getStatement(), ""), script.getLineNumber(), script);
  }

  /**
   * The line of an error.
   *
   * @param sql the statement, maybe with the comments before it
   * @param begin line of the statement after those comments
   */
  public static int line(String sql, int begin, Throwable thrown) {
    int position = serverMessage(thrown).map(ServerErrorMessage::getPosition).orElse(0);
    int commentLines = firstLine(sql) - 1;
    return Math.max(begin, SqlScript.Statement.lineOf(begin - commentLines, sql, position));
  }

  /** The line where the statement begins in a text that may have comments before it. */
  private static int firstLine(String sql) {
    try (SqlScript script = new SqlScript("statement.sql", new StringReader(sql))) {
      return script.hasNext() ? script.next().line() : 1;
    } catch (IOException e) {
      return 1; // too long to be read again
    }
  }

  private static Optional<ServerErrorMessage> serverMessage(Throwable thrown) {
    return SqlStates.sqlException(thrown)
        .filter(PSQLException.class::isInstance)
        .map(PSQLException.class::cast)
        .map(PSQLException::getServerErrorMessage);
  }

  /** The server's message with detail and hint; otherwise the first line of the exception. */
  public static String message(Throwable thrown) {
    Optional<ServerErrorMessage> server = serverMessage(thrown);
    if (server.isEmpty()) {
      return Objects.toString(thrown.getMessage(), thrown.toString())
          .lines()
          .findFirst()
          .orElse("");
    }
    String message = Objects.toString(server.get().getMessage(), "");
    String detail = server.get().getDetail();
    String hint = server.get().getHint();
    String where = server.get().getWhere();
    return message
        + (where != null && where.startsWith("COPY ") ? " (" + where + ")" : "")
        + (detail == null ? "" : " (" + detail + ")")
        + (hint == null ? "" : "; hint: " + hint);
  }
}

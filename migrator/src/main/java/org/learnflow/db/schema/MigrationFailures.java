package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;
import org.flywaydb.core.internal.exception.FlywayMigrateException;
import org.flywaydb.core.internal.sqlscript.FlywaySqlScriptException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.SqlStates;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Turns what Flyway and PostgreSQL say about a failed migration into what a person needs. */
final class MigrationFailures {
  private final DataSource source;
  private final MigrationFiles files;
  private final List<MigrationFile> window;

  MigrationFailures(DataSource source, MigrationFiles files, List<MigrationFile> window) {
    this.source = source;
    this.files = files;
    this.window = window;
  }

  /**
   * Exit code 6 with file, line, SQLSTATE, what is left and what to do.
   *
   * @param current the migration that ran when {@code thrown} was thrown
   * @param blockers who held the lock, where one was waited for
   * @param attempts how often a lock was waited for
   */
  Failure describe(
      Throwable thrown, Optional<MigrationFile> current, List<String> blockers, int attempts) {
    Optional<FlywaySqlScriptException> script = in(thrown, FlywaySqlScriptException.class);
    Optional<MigrationFile> file =
        script
            .flatMap(e -> named(Objects.toString(e.getResource().getFilename(), "")))
            .or(() -> current)
            .or(() -> window.stream().findFirst());
    String name = file.map(MigrationFile::name).orElse("a migration");
    String state = SqlStates.of(thrown);
    boolean lockProblem = state.equals(SqlStates.LOCK_NOT_AVAILABLE);
    String what =
        lockProblem
            ? "%s got no lock within lock_timeout in %d attempts%s"
                .formatted(
                    name,
                    attempts,
                    blockers.isEmpty() ? "" : ": blocked by " + String.join("; ", blockers))
            : name + " failed: " + message(thrown);
    String place =
        file.map(f -> f.path().toString()).orElse("")
            + script.map(e -> ", line " + line(e)).orElse("")
            + (state.isEmpty() ? "" : ", SQLSTATE " + state);
    boolean transactional =
        in(thrown, FlywayMigrateException.class)
            .map(FlywayMigrateException::isExecutableInTransaction)
            .orElse(true);
    Failure failure = Failure.of(ExitCode.MIGRATION_FAILED, what).where(place).causedBy(thrown);
    return lockProblem
        ? failure
            .state(left(transactional))
            .next(
                "end that transaction (or wait until it ends) and run learnflow-db migrate again;"
                    + " --lock-timeout and --lock-retries wait longer")
        : failure.state(left(transactional)).next("correct the file and run: learnflow-db migrate");
  }

  /** What is still applied, asked of the server. */
  private String left(boolean transactional) {
    String version;
    try (Connection connection = source.getConnection()) {
      version = "the database is at " + SchemaState.read(connection, files).currentText();
    } catch (SQLException e) {
      version = "what is applied could not be asked (" + e.getMessage() + ")";
    }
    return transactional
        ? "this migration was rolled back whole; " + version
        : "it runs outside a transaction, so statements before this one stay, and maybe an invalid"
            + " index, which the next run drops; "
            + version;
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

  /** The line of the error: where the statement begins, and how far in the server points. */
  private static int line(FlywaySqlScriptException script) {
    int position =
        serverMessage(script).map(ServerErrorMessage::getPosition).filter(p -> p > 0).orElse(1);
    String sql = Objects.toString(script.getStatement(), "");
    String before = sql.substring(0, Math.min(position - 1, sql.length()));
    return script.getLineNumber() + (int) before.chars().filter(c -> c == '\n').count();
  }

  private static Optional<ServerErrorMessage> serverMessage(Throwable thrown) {
    return SqlStates.sqlException(thrown)
        .filter(PSQLException.class::isInstance)
        .map(PSQLException.class::cast)
        .map(PSQLException::getServerErrorMessage);
  }

  private static String message(Throwable thrown) {
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
    return message
        + (detail == null ? "" : " (" + detail + ")")
        + (hint == null ? "" : "; hint: " + hint);
  }
}

package org.learnflow.db.seed;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Utf8Input;
import org.learnflow.db.postgres.SqlErrorKind;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Creates the failures of seeding, which all leave the same state. */
final class SeedFailures {
  private static final String STATE = "none of this set was loaded; sets before it stay loaded";
  static final String AGAIN = "run: learnflow-db seed";

  private SeedFailures() {}

  /** Exit code 8 at a place in a seed file. */
  static Failure at(String where, String what) {
    return Failure.of(ExitCode.SEEDING_FAILED, what)
        .where(where)
        .state(STATE)
        .next("correct the file and " + AGAIN);
  }

  /** Exit code 8 with the server's own message. */
  static Failure at(String where, SQLException e) {
    return at(where + ", SQLSTATE " + e.getSQLState(), message(e))
        .next(SqlErrorKind.of(e).next(AGAIN))
        .causedBy(e);
  }

  /** Why a seed file could not be read. */
  static RuntimeException reading(Path file, IOException e) {
    if (e instanceof Utf8Input.NotUtf8Exception text) {
      Failure failure = at(text.place(file), file.getFileName() + " " + text.getMessage());
      return failure
          .next(failure.next().orElse("") + "; to make it UTF-8: " + text.command(file))
          .causedBy(e);
    }
    return new UncheckedIOException("reading seed file " + file, e);
  }

  /** The same if waiting for a lock timed out. */
  static Failure locked(Failure failure, String lockTimeout, String holders) {
    return Failure.of(
            failure.code(),
            "another session holds a lock for longer than lock_timeout (%s)%s"
                .formatted(lockTimeout, holders.isEmpty() ? "" : ": " + holders))
        .where(failure.where().orElse(""))
        .state(STATE)
        .next(
            "end that transaction (or wait until it ends) and %s; to wait longer, use --lock-timeout"
                .formatted(AGAIN))
        .causedBy(failure);
  }

  /** What the server sent, if it was the server. */
  static Optional<ServerErrorMessage> serverMessage(SQLException e) {
    return e instanceof PSQLException server
        ? Optional.ofNullable(server.getServerErrorMessage())
        : Optional.empty();
  }

  private static String message(SQLException e) {
    return serverMessage(e)
        .map(server ->
            Stream.of(server.getMessage(), server.getDetail())
                .filter(Objects::nonNull)
                .collect(Collectors.joining(": ")))
        .orElse(Objects.toString(e.getMessage(), "the server rejected it"));
  }
}

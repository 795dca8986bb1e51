package org.learnflow.db.seed;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Objects;
import org.learnflow.db.Failure;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** The failure of an SQL seed file, with the line that the server points to. */
final class SeedSqlFailure {
  private SeedSqlFailure() {}

  static Failure of(Path file, String sql, SQLException e) {
    ServerErrorMessage message =
        e instanceof PSQLException server ? server.getServerErrorMessage() : null;
    String line = "";
    if (message != null && message.getPosition() > 0) {
      String before = sql.substring(0, Math.min(message.getPosition() - 1, sql.length()));
      line = ", line " + (1 + before.chars().filter(c -> c == '\n').count());
    }
    String what = message == null ? e.getMessage() : message.getMessage();
    return SeedFailures.at(
            file + line + ", SQLSTATE " + e.getSQLState(),
            Objects.toString(what, "the server refused the file"))
        .causedBy(e);
  }
}

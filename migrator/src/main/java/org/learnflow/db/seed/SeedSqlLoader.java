package org.learnflow.db.seed;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import org.learnflow.db.connect.SessionSettings;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.seed.SeedReport.FileReport;
import org.postgresql.util.ServerErrorMessage;

/** Loads an SQL file, statement by statement. */
record SeedSqlLoader(FileState state) {
  /** The whole file is checked before any of it is executed. */
  FileReport load(Connection connection, Path path, SeedChecksum checksum) throws SQLException {
    long rows = 0;
    try {
      try (SqlFile file = new SqlFile(path, NormalizedInput.of(path, state.reading("checked")))) {
        while (file.next().isPresent()) {}
      }
      try (SqlFile file =
          new SqlFile(
              path,
              new ObservedInput(NormalizedInput.of(path, state.reading("executed")), checksum))) {
        for (var next = file.next(); next.isPresent(); next = file.next()) {
          rows += execute(connection, next.get());
        }
      }
    } catch (IOException e) {
      throw SeedFailures.reading(path, e);
    }
    SessionSettings.reset(connection); // what the file has set applies to that file only
    return new FileReport(state.name(), rows, 0, 0);
  }

  private static long execute(Connection connection, SqlFile.Statement statement)
      throws SQLException {
    try {
      return Sql.execute(connection, statement.sql());
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      int position = SeedFailures.serverMessage(e).map(ServerErrorMessage::getPosition).orElse(0);
      throw SeedFailures.at(statement.place(position), e);
    }
  }
}

package org.learnflow.db.seed;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Optional;

/** Statements of a load. */
final class SeedSql {
  private SeedSql() {}

  /** Runs a text of one or more statements; returns the number of affected rows. */
  static long execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.setEscapeProcessing(false);
      long rows = 0;
      boolean hasRows = statement.execute(sql);
      while (hasRows || statement.getLargeUpdateCount() >= 0) {
        rows += hasRows ? 0 : statement.getLargeUpdateCount();
        hasRows = statement.getMoreResults();
      }
      return rows;
    }
  }

  /** The first value of a query; nothing where there is no row, or it is null. */
  static Optional<String> query(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? Optional.ofNullable(row.getString(1)) : Optional.empty();
    }
  }
}

package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * Queries of the catalog that mean the same whatever is in the database: while they run, only
 * pg_catalog's own functions, operators, types and relations are found by their names.
 */
public final class CatalogQuery {
  /**
   * Goes before a query in the same text, which is one transaction. PostgreSQL estimates that
   * queries of the catalog are expensive, and compiling them takes longer than running them.
   */
  public static final String FIXED_PATH =
      """
      SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('jit', 'off', true);
      """;

  private CatalogQuery() {}

  /** Converts a row. */
  @FunctionalInterface
  public interface Row<T> {
    /** Reads the row that {@code rows} is at. */
    T read(ResultSet rows) throws SQLException;
  }

  /**
   * All rows of a query.
   *
   * @param connection in autocommit mode; otherwise path and {@code jit} stay until the transaction
   *     ends
   * @param query without parameters
   */
  public static <T> List<T> rows(Connection connection, String query, Row<T> row)
      throws SQLException {
    List<T> found = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      statement.execute(FIXED_PATH + query);
      statement.getMoreResults();
      try (ResultSet rows = statement.getResultSet()) {
        while (rows.next()) {
          found.add(row.read(rows));
        }
      }
    }
    return found;
  }
}

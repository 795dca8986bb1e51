package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.HistoryTable;

/** What a database contains that another is to replace. */
public final class Contents {
  /** Tables with rows of their own, but for those of extensions, of Flyway and of this program. */
  private static final String TABLES =
      """
      SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpersistence <> 't'
        AND n.nspname !~ '^(pg_|information_schema$|learnflow_db$)'
        AND
      """
          + HistoryTable.isNot("n.nspname", "c.relname")
          + """

            AND NOT EXISTS (SELECT FROM pg_depend d
                            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
          ORDER BY n.nspname <> 'public', 1
          """;

  private Contents() {}

  /**
   * Why a database cannot be treated as empty, as a sentence; empty if it certainly is empty.
   *
   * @param connection a session of the owner
   */
  public static Optional<String> whyNotEmpty(Connection connection) throws SQLException {
    String database = connection.getCatalog();
    Map<String, HiddenRows.By> hidden = new LinkedHashMap<>();
    HiddenRows.in(connection).forEach(table -> hidden.put(table.name(), table.by()));
    List<String> unknown = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      for (String table : tables(statement)) {
        if (hidden.getOrDefault(table, HiddenRows.By.NOTHING) != HiddenRows.By.NOTHING) {
          unknown.add(table);
        } else if (hasRow(statement, "SELECT FROM %s LIMIT 1".formatted(table))) {
          return Optional.of(
              "database %s already has rows, for example in table %s".formatted(database, table));
        }
      }
      if (hasRow(statement, "SELECT FROM pg_largeobject_metadata LIMIT 1")) {
        return Optional.of("database %s already has large objects".formatted(database));
      }
    }
    return unknown.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "whether database %s has rows is unknown: %s %s not all of them to its owner"
                .formatted(
                    database, String.join(", ", unknown), unknown.size() == 1 ? "shows" : "show"));
  }

  /**
   * Number of rows of each table, but for those that do not show all their rows to the session.
   *
   * @param connection a session that may read them
   * @return by name with schema, in the order of {@code public} first
   */
  static Map<String, Long> rows(Connection connection) throws SQLException {
    Map<String, Long> rows = new LinkedHashMap<>();
    Set<String> hidden =
        HiddenRows.in(connection).stream()
            .filter(table -> table.by() != HiddenRows.By.NOTHING)
            .map(HiddenRows.Table::name)
            .collect(Collectors.toSet());
    try (Statement statement = connection.createStatement()) {
      for (String table : tables(statement)) {
        if (!hidden.contains(table)) {
          try (ResultSet row = statement.executeQuery("SELECT count(*) FROM ONLY " + table)) {
            row.next();
            rows.put(table, row.getLong(1));
          }
        }
      }
    }
    return rows;
  }

  private static List<String> tables(Statement statement) throws SQLException {
    List<String> tables = new ArrayList<>();
    try (ResultSet row = statement.executeQuery(TABLES)) {
      while (row.next()) {
        tables.add(row.getString(1));
      }
    }
    return tables;
  }

  private static boolean hasRow(Statement statement, String query) throws SQLException {
    try (ResultSet row = statement.executeQuery(query)) {
      return row.next();
    }
  }
}

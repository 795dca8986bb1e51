package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.learnflow.db.schema.RollbackPlan.Loss;

/**
 * The tables with data and their columns at one moment. They are told apart by their numbers: a
 * table that was dropped and made again under its name has lost its rows all the same.
 *
 * @param tables by oid
 */
record TableColumns(Map<Long, Table> tables) {
  /** Up to this size rows are counted, above it the server's estimate is taken. */
  private static final long COUNTED_BYTES = 128L << 20;

  private static final String READ =
      """
      SELECT c.oid, format('%I.%I', n.nspname, c.relname), a.attnum, quote_ident(a.attname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relkind = 'r' AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'learnflow_db')
        AND (n.nspname, c.relname) <> ('public', 'flyway_schema_history')
      ORDER BY 2, 3
      """;

  /**
   * A table.
   *
   * @param name with schema, quoted where it must be
   * @param columns names by number
   */
  record Table(String name, Map<Integer, String> columns) {}

  static TableColumns read(Connection connection) throws SQLException {
    Map<Long, Table> tables = new LinkedHashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(READ)) {
      while (row.next()) {
        String name = row.getString(2);
        Table table =
            tables.computeIfAbsent(row.getLong(1), _ -> new Table(name, new LinkedHashMap<>()));
        int number = row.getInt(3);
        if (!row.wasNull()) {
          table.columns().put(number, row.getString(4));
        }
      }
    }
    return new TableColumns(tables);
  }

  /** What of this is not there later, without numbers of rows. */
  List<Loss> lostUntil(TableColumns later) {
    List<Loss> lost = new ArrayList<>();
    tables.forEach((oid, table) -> {
      Table left = later.tables.get(oid);
      if (left == null) {
        lost.add(new Loss(table.name(), "", 0, false));
        return;
      }
      table
          .columns()
          .forEach((number, column) -> {
            if (!left.columns().containsKey(number)) {
              lost.add(new Loss(table.name(), column, 0, false));
            }
          });
    });
    return lost;
  }

  /** The same with how much it is. */
  static Loss counted(Connection connection, Loss loss) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      String size =
          "SELECT pg_table_size(c.oid), c.reltuples::bigint FROM pg_class c WHERE c.oid = '%s'::regclass"
              .formatted(loss.table().replace("'", "''"));
      try (ResultSet row = statement.executeQuery(size)) {
        row.next();
        if (row.getLong(1) > COUNTED_BYTES && row.getLong(2) >= 0) {
          return new Loss(loss.table(), loss.column(), row.getLong(2), true);
        }
      }
      String count =
          "SELECT count(%s) FROM %s"
              .formatted(loss.column().isEmpty() ? "*" : loss.column(), loss.table());
      try (ResultSet row = statement.executeQuery(count)) {
        row.next();
        return new Loss(loss.table(), loss.column(), row.getLong(1), false);
      }
    }
  }
}

package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.HistoryTable;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.rollback.RollbackPlan.Loss;

/**
 * The tables with data at one moment of a transaction: their columns, and what this session did to
 * their rows. They are identified by OID: a table that was dropped and created again under the same
 * name has still lost its rows.
 *
 * @param tables by oid
 */
record TableColumns(Map<Long, Table> tables) {
  /** Up to this size rows are counted; above it, the server's estimate is used. */
  private static final long COUNTED_BYTES = 128L << 20;

  /** The numbers of rows are those in pg_stat_xact_all_tables. */
  private static final String READ =
      """
      SELECT t.*, a.attnum, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod)
      FROM (
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relfilenode,
               pg_stat_get_xact_tuples_inserted(c.oid), pg_stat_get_xact_tuples_updated(c.oid),
               pg_stat_get_xact_tuples_deleted(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence <> 't'
          AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'learnflow_db')
          AND
      """
          + HistoryTable.isNot("n.nspname", "c.relname")
          + """
          ) t
            LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
          ORDER BY t.name, a.attnum
          """;

  /**
   * A table.
   *
   * @param name with schema, quoted if it must be
   * @param storage the number of its file, which TRUNCATE and a rewrite change
   * @param inserted rows, by this session, as with all numbers of rows
   * @param columns by number
   */
  record Table(
      String name,
      long storage,
      long inserted,
      long updated,
      long deleted,
      Map<Integer, Column> columns) {}

  /** A column with its type, as format_type writes it. */
  record Column(String name, String type) {}

  /**
   * What is lost, before its amount is known.
   *
   * @param left rows that are left in a table that got a new file
   */
  record Change(Loss loss, OptionalLong left) {
    private Change(String table, String column, Loss.How how, @Nullable Long rows) {
      this(new Loss(table, column, how, rows, false), OptionalLong.empty());
    }
  }

  static TableColumns read(Connection connection) throws SQLException {
    Map<Long, Table> tables = new LinkedHashMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(READ)) {
      while (row.next()) {
        Table found =
            new Table(
                row.getString(2),
                row.getLong(3),
                row.getLong(4),
                row.getLong(5),
                row.getLong(6),
                new LinkedHashMap<>());
        Table table = tables.computeIfAbsent(row.getLong(1), _ -> found);
        int number = row.getInt(7);
        if (!row.wasNull()) {
          table.columns().put(number, new Column(row.getString(8), row.getString(9)));
        }
      }
    }
    return new TableColumns(tables);
  }

  /** What of this is missing or changed now, in the same transaction. */
  List<Change> lostUntilNow(Connection connection) throws SQLException {
    TableColumns later = read(connection);
    List<Change> lost = new ArrayList<>();
    for (Map.Entry<Long, Table> entry : tables.entrySet()) {
      Table table = entry.getValue();
      Table left = later.tables.get(entry.getKey());
      if (left == null) {
        lost.add(new Change(table.name(), "", Loss.How.DROPPED, 0L));
      } else {
        columns(table, left, lost);
        rows(connection, table, left, lost);
      }
    }
    return lost;
  }

  private static void columns(Table table, Table left, List<Change> lost) {
    table
        .columns()
        .forEach((number, column) -> {
          Column now = left.columns().get(number);
          if (now == null) {
            lost.add(new Change(table.name(), column.name(), Loss.How.DROPPED, 0L));
          } else if (!now.type().equals(column.type())) {
            lost.add(new Change(table.name(), column.name(), Loss.How.CONVERTED, 0L));
          }
        });
  }

  private static void rows(Connection connection, Table table, Table left, List<Change> lost)
      throws SQLException {
    if (left.storage() != table.storage()) {
      // A rewrite keeps all rows, TRUNCATE only those that were inserted since.
      long inserted = left.inserted() - table.inserted();
      Long counted = count(connection, left.name(), "").rows();
      lost.add(
          counted == null
              ? new Change(table.name(), "", Loss.How.DELETED, null)
              : new Change(
                  new Loss(table.name(), "", Loss.How.DELETED, 0L, false),
                  OptionalLong.of(Math.max(0, counted - inserted))));
    } else if (left.deleted() > table.deleted()) {
      long deleted = left.deleted() - table.deleted();
      lost.add(new Change(table.name(), "", Loss.How.DELETED, deleted));
    }
    if (left.updated() > table.updated()) {
      long updated = left.updated() - table.updated();
      lost.add(new Change(table.name(), "", Loss.How.CHANGED, updated));
    }
  }

  /**
   * The same with its amount, counted after the transaction was rolled back; empty if it is zero.
   */
  static Optional<Loss> counted(Connection connection, Change change) throws SQLException {
    Loss loss = change.loss();
    if (change.left().isEmpty()
        && (loss.how() == Loss.How.DELETED || loss.how() == Loss.How.CHANGED)) {
      return Optional.of(loss);
    }
    Counted before = count(connection, loss.table(), loss.column());
    Long rows = before.rows() == null ? null : before.rows() - change.left().orElse(0);
    return change.left().isPresent() && rows != null && rows <= 0
        ? Optional.empty()
        : Optional.of(new Loss(loss.table(), loss.column(), loss.how(), rows, before.estimated()));
  }

  /** How many rows a table has, or a column has values; null if they cannot all be seen. */
  private record Counted(@Nullable Long rows, boolean estimated) {}

  private static Counted count(Connection connection, String table, String column)
      throws SQLException {
    try (Statement statement = connection.createStatement()) {
      String size =
          "SELECT pg_table_size(c.oid), c.reltuples::bigint FROM pg_class c WHERE c.oid = %s::regclass"
              .formatted(Sql.literal(table));
      try (ResultSet row = statement.executeQuery(size)) {
        row.next();
        if (row.getLong(1) > COUNTED_BYTES && row.getLong(2) >= 0) {
          return new Counted(row.getLong(2), true);
        }
      }
      if (HiddenRows.hides(connection, table)) {
        return new Counted(null, false);
      }
      String count = "SELECT count(%s) FROM %s".formatted(column.isEmpty() ? "*" : column, table);
      try (ResultSet row = statement.executeQuery(count)) {
        row.next();
        return new Counted(row.getLong(1), false);
      }
    }
  }
}

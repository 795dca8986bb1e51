package org.learnflow.db.report;

import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.HistoryTable;
import org.learnflow.db.postgres.Sql;

/**
 * The tables of a database with their columns and foreign keys, as far as a picture can show them.
 *
 * @param tables by name
 * @param references foreign keys between these tables
 * @param total number of tables in the database; the migrator's own, partitions and those of
 *     extensions do not count
 */
public record DatabaseTables(List<Table> tables, List<Reference> references, int total) {
  /** What a picture has room for. */
  private static final int MOST = 80;

  private static final String TABLES =
      """
      SELECT c.oid::bigint, n.nspname, c.relname
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('learnflow_db', 'information_schema')
        AND
      """
          + HistoryTable.isNot("n.nspname", "c.relname")
          + """

            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
          ORDER BY n.nspname <> 'public', n.nspname COLLATE "C", c.relname COLLATE "C"
          """;

  private static final String REFERENCES =
      """
      SELECT k.conrelid::bigint, k.confrelid::bigint, k.conname,
             array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (num, place)
                   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.place),
             array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (num, place)
                   JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.place),
             (SELECT bool_and(a.attnotnull) FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
      FROM pg_constraint k
      WHERE k.contype = 'f' AND k.conparentid = 0
      ORDER BY k.conrelid, k.conname COLLATE "C"
      """;

  private static final String COLUMNS =
      """
      SELECT a.attrelid::bigint, a.attname,
             replace(replace(replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
                             'timestamp without time zone', 'timestamp'), 'character varying', 'varchar'),
             a.attnotnull,
             EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'p' AND a.attnum = ANY (k.conkey)),
             EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
      FROM pg_attribute a
      WHERE a.attrelid::bigint IN (@TABLES@) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attrelid, a.attnum
      """;

  /**
   * A table.
   *
   * @param id of its own in this database
   * @param name with its schema if that is not public
   */
  public record Table(long id, String name, List<Column> columns) {}

  /**
   * A column of a table.
   *
   * @param primary whether it is in the primary key
   * @param foreign whether it is in a foreign key
   */
  public record Column(
      String name, String type, boolean required, boolean primary, boolean foreign) {
    boolean isKey() {
      return primary || foreign;
    }
  }

  /**
   * A foreign key.
   *
   * @param table ID of the table that has it
   * @param target ID of the table that it refers to
   * @param name of the constraint
   * @param columns in {@code table}
   * @param targetColumns in {@code target}
   * @param required whether a row must have a target
   */
  public record Reference(
      long table,
      long target,
      String name,
      List<String> columns,
      List<String> targetColumns,
      boolean required) {}

  /** Reads them; of more than fit in a picture only those with the most foreign keys. */
  public static DatabaseTables read(Connection connection) throws SQLException {
    List<Table> all = CatalogQuery.rows(connection, TABLES, DatabaseTables::table);
    Set<Long> known = all.stream().map(Table::id).collect(Collectors.toSet());
    List<Reference> references =
        CatalogQuery.rows(connection, REFERENCES, DatabaseTables::reference).stream()
            .filter(one -> known.contains(one.table()) && known.contains(one.target()))
            .toList();
    Set<Long> shown = all.size() <= MOST ? known : mostReferenced(all, references);
    if (shown.isEmpty()) {
      return new DatabaseTables(List.of(), List.of(), all.size());
    }
    Map<Long, List<Column>> columns = columns(connection, shown);
    return new DatabaseTables(
        all.stream()
            .filter(table -> shown.contains(table.id()))
            .map(table ->
                new Table(table.id(), table.name(), columns.getOrDefault(table.id(), List.of())))
            .toList(),
        references.stream()
            .filter(one -> shown.contains(one.table()) && shown.contains(one.target()))
            .toList(),
        all.size());
  }

  private static Set<Long> mostReferenced(List<Table> all, List<Reference> references) {
    Map<Long, Integer> ends = new HashMap<>();
    references.forEach(one ->
        Stream.of(one.table(), one.target())
            .distinct()
            .forEach(table -> ends.merge(table, 1, Integer::sum)));
    return all.stream()
        .map(Table::id)
        .filter(ends::containsKey)
        .sorted(Comparator.comparing((Long id) -> ends.getOrDefault(id, 0)).reversed())
        .limit(MOST)
        .collect(Collectors.toCollection(HashSet::new));
  }

  private static Map<Long, List<Column>> columns(Connection connection, Set<Long> tables)
      throws SQLException {
    Map<Long, List<Column>> columns = new HashMap<>();
    String ids = tables.stream().map(String::valueOf).collect(Collectors.joining(", "));
    CatalogQuery.rows(
        connection,
        Sql.filled(COLUMNS, Map.of("TABLES", ids)),
        row ->
            columns
                .computeIfAbsent(row.getLong(1), _ -> new ArrayList<>())
                .add(
                    new Column(
                        row.getString(2),
                        row.getString(3),
                        row.getBoolean(4),
                        row.getBoolean(5),
                        row.getBoolean(6))));
    return columns;
  }

  private static Table table(ResultSet row) throws SQLException {
    String schema = row.getString(2);
    String name = row.getString(3);
    return new Table(
        row.getLong(1), schema.equals("public") ? name : schema + "." + name, List.of());
  }

  private static Reference reference(ResultSet row) throws SQLException {
    return new Reference(
        row.getLong(1),
        row.getLong(2),
        row.getString(3),
        texts(row.getArray(4)),
        texts(row.getArray(5)),
        row.getBoolean(6));
  }

  private static List<String> texts(Array array) throws SQLException {
    return List.of((String[]) array.getArray());
  }
}

package org.learnflow.db.seed;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.seed.SeedTable.Column;

/** The SQL for one CSV file: staging table, references, merge. */
final class SeedMerge {
  /** The temporary table that rows are copied to. */
  static final String STAGING = "pg_temp.seed_rows";

  /** Its name in the server's messages. */
  static final String STAGING_NAME = "seed_rows";

  private final SeedCsv csv;
  private final SeedTable table;
  private final List<Bound> columns;

  /**
   * A CSV column with what the catalog says about it.
   *
   * @param referenced the row that its values name, if it is a reference
   */
  private record Bound(SeedColumn csv, Column column, Optional<ReferencedRow> referenced) {}

  /**
   * How a natural key leads to the stored value.
   *
   * @param table the referenced table
   * @param key its unique column, whose values the file contains
   * @param stored its column that the foreign key points to
   */
  record ReferencedRow(SeedTable table, Column key, String stored) {}

  /** Finds what a reference of a column points to. */
  @FunctionalInterface
  interface ReferenceLookup {
    /** The referenced row's table and columns. */
    ReferencedRow find(SeedColumn column, SeedColumn.Reference reference)
        throws java.sql.SQLException;
  }

  private SeedMerge(SeedCsv csv, SeedTable table, List<Bound> columns) {
    this.csv = csv;
    this.table = table;
    this.columns = columns;
  }

  /**
   * Binds a file to its table.
   *
   * @throws org.learnflow.db.Failure 8 if the table has no such column
   */
  static SeedMerge bind(SeedCsv csv, SeedTable table, ReferenceLookup lookup)
      throws java.sql.SQLException {
    List<Bound> columns = new ArrayList<>();
    for (SeedColumn column : csv.columns()) {
      Column found =
          table
              .column(column.name())
              .orElseThrow(() ->
                  SeedFailures.at(
                      csv.path() + ", line 1, column " + column.name(),
                      "table %s has no column %s; it has %s"
                          .formatted(
                              csv.table(),
                              column.name(),
                              table.columns().stream()
                                  .map(Column::name)
                                  .collect(Collectors.joining(", ")))));
      Optional<ReferencedRow> referenced =
          column.reference().isPresent()
              ? Optional.of(lookup.find(column, column.reference().get()))
              : Optional.empty();
      columns.add(new Bound(column, found, referenced));
    }
    return new SeedMerge(csv, table, List.copyOf(columns));
  }

  SeedTable table() {
    return table;
  }

  /** Whether COPY itself stores and checks everything that is needed, if the table is empty. */
  boolean canBeCopiedDirectly() {
    return keyIsUnique()
        && keys().allMatch(column -> column.column().notNull())
        && columns.stream().noneMatch(column -> column.referenced().isPresent());
  }

  boolean keyIsUnique() {
    return table.isUnique(keys().map(column -> column.column().name()).collect(Collectors.toSet()));
  }

  /** Columns that the file contains numbers for, so that their sequences must be advanced. */
  List<String> numberedColumns() {
    return columns.stream().map(Bound::column).filter(Column::sequence).map(Column::name).toList();
  }

  private java.util.stream.Stream<Bound> keys() {
    return columns.stream().filter(column -> column.csv().key());
  }

  private static String name(Bound column) {
    return Sql.identifier(column.column().name());
  }

  private String names() {
    return columns.stream().map(SeedMerge::name).collect(Collectors.joining(", "));
  }

  /** COPY from the client into {@code target}. */
  String copy(String target) {
    // The staging table was created in this transaction, so its rows can be frozen, which saves
    // work.
    return "COPY %s (%s) FROM STDIN (FORMAT csv, HEADER, ENCODING 'UTF8'%s)"
        .formatted(target, names(), target.equals(STAGING) ? ", FREEZE" : "");
  }

  /**
   * Creates the staging table: the target's columns with its not-null and check constraints, so
   * that COPY itself reports line and column of a bad value; referenced columns hold natural keys
   * instead.
   */
  String createStaging() {
    StringBuilder sql =
        new StringBuilder(
            "CREATE TEMPORARY TABLE seed_rows (LIKE %s INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING GENERATED) ON COMMIT DROP"
                .formatted(table.name()));
    Set<String> given =
        columns.stream().map(column -> column.column().name()).collect(Collectors.toSet());
    List<String> changes = new ArrayList<>();
    for (Column column : table.columns()) {
      if (!given.contains(column.name())) {
        changes.add("ALTER %s DROP NOT NULL".formatted(Sql.identifier(column.name())));
      }
    }
    for (Bound column : columns) {
      column
          .referenced()
          .ifPresent(row -> {
            changes.add("DROP %s CASCADE".formatted(name(column)));
            changes.add(
                "ADD %s %s%s"
                    .formatted(
                        name(column),
                        row.key().type(),
                        column.column().notNull() ? " NOT NULL" : ""));
          });
    }
    keys().forEach(column -> changes.add("ALTER %s SET NOT NULL".formatted(name(column))));
    // Each change is a statement: DROP and ADD of one column cannot share one.
    changes.forEach(
        change -> sql.append(";\nALTER TABLE ").append(STAGING).append(' ').append(change));
    return sql.toString();
  }

  /** The staged rows with references resolved, as {@code s}; {@code s.ctid} gives their order. */
  String source() {
    StringBuilder select = new StringBuilder("(SELECT x.ctid");
    StringBuilder joins = new StringBuilder();
    int number = 0;
    for (Bound column : columns) {
      Optional<ReferencedRow> referenced = column.referenced();
      if (referenced.isEmpty()) {
        select.append(", x.").append(name(column));
      } else {
        String alias = "r" + ++number;
        select.append(
            ", %s.%s AS %s"
                .formatted(alias, Sql.identifier(referenced.get().stored()), name(column)));
        joins.append(
            " LEFT JOIN %s %s ON %s.%s = x.%s"
                .formatted(
                    referenced.get().table().name(),
                    alias,
                    alias,
                    Sql.identifier(referenced.get().key().name()),
                    name(column)));
      }
    }
    return select + " FROM " + STAGING + " x" + joins + ") s";
  }

  /** Queries that return the first staged row whose reference has no target: value, row number. */
  List<UnknownReference> unknownReferences() {
    List<UnknownReference> queries = new ArrayList<>();
    for (Bound column : columns) {
      column
          .referenced()
          .ifPresent(row ->
              queries.add(
                  new UnknownReference(
                      column.csv(),
                      """
                      SELECT x.%1$s::text, (SELECT count(*) FROM %2$s y WHERE y.ctid <= x.ctid)
                      FROM %2$s x LEFT JOIN %3$s r ON r.%4$s = x.%1$s
                      WHERE x.%1$s IS NOT NULL AND r.%4$s IS NULL ORDER BY x.ctid LIMIT 1
                      """
                          .formatted(
                              name(column),
                              STAGING,
                              row.table().name(),
                              Sql.identifier(row.key().name())))));
    }
    return queries;
  }

  /**
   * A check for values that do not name a row.
   *
   * @param column the column that contains them
   * @param query returns the first such value and the number of its row
   */
  record UnknownReference(SeedColumn column, String query) {}

  /** Returns the number of the first row that repeats an earlier row's key. */
  String repeatedKey() {
    String key = keyNames("");
    return """
    SELECT (SELECT count(*) FROM %1$s y WHERE y.ctid <= d.ctid)
    FROM (SELECT ctid, row_number() OVER (PARTITION BY %2$s ORDER BY ctid) AS n FROM %1$s) d
    WHERE n > 1 ORDER BY d.ctid LIMIT 1
    """
        .formatted(STAGING, key);
  }

  /** Whether row {@code t} of the table and row {@code s} are the same. */
  String sameKey() {
    return keys()
        .map(column -> "t.%1$s = s.%1$s".formatted(name(column)))
        .collect(Collectors.joining(" AND "));
  }

  /**
   * Stores the keys of staged rows that are missing in the table and, in update mode, of those that
   * differ. Only keys and compared columns are joined, along the key's index, which is several
   * times faster than INSERT or MERGE over every row; usually there is little or nothing to change.
   */
  String findChanges(SeedMode mode) {
    String key = "t." + name(keys().findFirst().orElseThrow());
    String differs =
        mode == SeedMode.SKIP
            ? ""
            : others()
                .map(column ->
                    " OR %s IS DISTINCT FROM %s"
                        .formatted(comparable(column, "t"), comparable(column, "s")))
                .collect(Collectors.joining());
    // Measured: more memory speeds up the sort of keys, but not that of whole rows.
    return """
    SET LOCAL enable_hashjoin = off;
    SET LOCAL random_page_cost = 1.1;
    SET LOCAL jit = off;
    %6$s
    CREATE TEMPORARY TABLE seed_changes ON COMMIT DROP AS
    SELECT %7$s, %1$s IS NULL AS "is missing"
    FROM %2$s LEFT JOIN %3$s t ON %4$s
    WHERE %1$s IS NULL%5$s;
    SET LOCAL enable_hashjoin = DEFAULT;
    SET LOCAL random_page_cost = DEFAULT;
    SET LOCAL jit = DEFAULT;
    SET LOCAL work_mem = DEFAULT;
    """
        .formatted(
            key,
            source(),
            table.name(),
            sameKey(),
            differs,
            mode == SeedMode.SKIP ? "SET LOCAL work_mem = '64MB';" : "",
            keyNames("s."));
  }

  private String isChange(boolean missing) {
    return "(%s) IN (SELECT %s FROM pg_temp.seed_changes WHERE %s\"is missing\")"
        .formatted(keyNames("s."), keyNames(""), missing ? "" : "NOT ");
  }

  private String keyNames(String prefix) {
    return keys().map(column -> prefix + name(column)).collect(Collectors.joining(", "));
  }

  /** Inserts the rows that are missing, in the file's order. */
  String insertMissing() {
    String values =
        columns.stream().map(column -> "s." + name(column)).collect(Collectors.joining(", "));
    String sql =
        "INSERT INTO %s (%s)%s SELECT %s FROM %s WHERE %s ORDER BY s.ctid"
            .formatted(
                table.name(),
                names(),
                numberedColumns().isEmpty() ? "" : " OVERRIDING SYSTEM VALUE",
                values,
                source(),
                isChange(true));
    // A service may insert the same row at this moment.
    return keyIsUnique() ? sql + " ON CONFLICT (%s) DO NOTHING".formatted(keyNames("")) : sql;
  }

  /** Changes the rows that differ; empty if all columns are part of the key. */
  Optional<String> updateDiffering() {
    String assignments =
        others()
            .map(column -> "%1$s = s.%1$s".formatted(name(column)))
            .collect(Collectors.joining(", "));
    return assignments.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "UPDATE %s t SET %s FROM %s WHERE %s AND %s"
                .formatted(table.name(), assignments, source(), sameKey(), isChange(false)));
  }

  /**
   * Columns that update mode compares and changes. The number that an identity column once assigned
   * to a row stays: other rows refer to it.
   */
  private java.util.stream.Stream<Bound> others() {
    return columns.stream().filter(column -> !column.csv().key() && !column.column().identity());
  }

  /** Type json has no equality. */
  private static String comparable(Bound column, String alias) {
    return alias + "." + name(column) + (column.column().type().equals("json") ? "::text" : "");
  }

  /** Makes room for the next file. */
  String dropStaging() {
    return "DROP TABLE %s, pg_temp.seed_changes".formatted(STAGING);
  }

  SeedCsv csv() {
    return csv;
  }
}

package org.learnflow.db.seed;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.postgres.Sql;

/**
 * What the catalog says about a table.
 *
 * @param name qualified and quoted, as in SQL
 * @param columns its columns, in order
 * @param uniqueKeys sets of columns that a unique index without expression or condition covers, and
 *     checks immediately rather than at commit
 */
public record SeedTable(String name, List<Column> columns, List<Set<String>> uniqueKeys) {
  /**
   * One column.
   *
   * @param name not quoted
   * @param type as SQL writes it, such as {@code numeric(5,2)}
   * @param notNull whether it rejects null
   * @param identity whether the database numbers it, and rejects other values
   * @param sequence whether a sequence belongs to it, by identity or {@code serial}
   */
  record Column(String name, String type, boolean notNull, boolean identity, boolean sequence) {}

  private static final Pattern FILE = Pattern.compile("\\d+_(?<table>.+)\\.csv");

  /** The table that a CSV file seeds, according to its name; empty if it is named differently. */
  public static Optional<String> of(Path file) {
    Matcher matcher = FILE.matcher(String.valueOf(file.getFileName()));
    return matcher.matches() ? Optional.of(matcher.group("table")) : Optional.empty();
  }

  /** A table's own name, without its schema and quotes. */
  static String ownName(String name) {
    List<String> parts = Sql.parts(name);
    return parts.isEmpty() ? name : parts.getLast();
  }

  /**
   * The table with exactly that name, if it exists.
   *
   * @param name with or without schema, as {@link Sql#parts} reads it
   */
  static Optional<SeedTable> find(Connection connection, String name) throws SQLException {
    List<String> parts = Sql.parts(name);
    if (parts.isEmpty() || parts.size() > 2) {
      return Optional.empty();
    }
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT format('%I.%I', n.nspname, c.relname), c.oid
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = to_regclass(?)
            """)) {
      statement.setString(1, parts.stream().map(Sql::identifier).collect(Collectors.joining(".")));
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          return Optional.empty();
        }
        long oid = row.getLong(2);
        return Optional.of(
            new SeedTable(row.getString(1), columns(connection, oid), uniqueKeys(connection, oid)));
      }
    }
  }

  /**
   * The name as it is written in SQL, if a table with exactly that name exists.
   *
   * @param name with or without schema, as in a seed file's name
   */
  public static Optional<String> quotedName(Connection connection, String name)
      throws SQLException {
    return find(connection, name).map(SeedTable::name);
  }

  private static List<Column> columns(Connection connection, long oid) throws SQLException {
    List<Column> columns = new ArrayList<>();
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity <> '',
                   pg_get_serial_sequence(attrelid::regclass::text, attname) IS NOT NULL
            FROM pg_attribute WHERE attrelid = ?::oid AND attnum > 0 AND NOT attisdropped
            ORDER BY attnum
            """)) {
      statement.setLong(1, oid);
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          columns.add(
              new Column(
                  rows.getString(1),
                  rows.getString(2),
                  rows.getBoolean(3),
                  rows.getBoolean(4),
                  rows.getBoolean(5)));
        }
      }
    }
    return List.copyOf(columns);
  }

  private static List<Set<String>> uniqueKeys(Connection connection, long oid) throws SQLException {
    List<Set<String>> keys = new ArrayList<>();
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT array_agg(a.attname::text)
            FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[:i.indnkeyatts - 1])
            WHERE i.indrelid = ?::oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
            GROUP BY i.indexrelid
            """)) {
      statement.setLong(1, oid);
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          keys.add(Set.of((String[]) rows.getArray(1).getArray()));
        }
      }
    }
    return List.copyOf(keys);
  }

  /** The column with that name. */
  Optional<Column> column(String wanted) {
    return columns.stream().filter(column -> column.name().equals(wanted)).findFirst();
  }

  /** Whether exactly these columns are unique. */
  boolean isUnique(Set<String> names) {
    return uniqueKeys.contains(names);
  }
}

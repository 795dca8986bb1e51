package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Names and values in SQL syntax, running a text, and asking for one value. */
public final class Sql {
  private static final Pattern PLACE = Pattern.compile("@([A-Z_]+)@");

  /** A part of a name that users write, as {@link #parts} reads it. */
  public static final String NAME_PART = "(?:\"(?:[^\"]|\"\")+\"|[^\".\\s][^.\\s]*)";

  private static final Pattern PART = Pattern.compile(NAME_PART);
  private static final Pattern NAME = Pattern.compile(NAME_PART + "(?:\\." + NAME_PART + ")*");

  private Sql() {}

  /** A name in double quotes, whatever is in it. */
  public static String identifier(String name) {
    return '"' + withoutZero(name).replace("\"", "\"\"") + '"';
  }

  /**
   * The parts of a name that users write, such as schema and table: a part that contains a dot, a
   * space or a double quote is in double quotes, as in SQL. Unlike in SQL, everything else stays as
   * it is written.
   *
   * @return no parts if it is not a valid name
   */
  public static List<String> parts(String name) {
    return NAME.matcher(name).matches()
        ? PART.matcher(name)
            .results()
            .map(MatchResult::group)
            .map(part ->
                part.startsWith("\"")
                    ? part.substring(1, part.length() - 1).replace("\"\"", "\"")
                    : part)
            .toList()
        : List.of();
  }

  /**
   * A value in single quotes that means the same whatever standard_conforming_strings is; as
   * quote_literal() in PostgreSQL writes it.
   */
  public static String literal(String value) {
    String quoted = "'" + withoutZero(value).replace("\\", "\\\\").replace("'", "''") + "'";
    return value.indexOf('\\') >= 0 ? "E" + quoted : quoted;
  }

  /** Values in single quotes, separated by commas, such as what stands in {@code IN (...)}. */
  public static String literals(Collection<String> values) {
    return values.stream().map(Sql::literal).collect(Collectors.joining(", "));
  }

  private static String withoutZero(String text) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("a name or value with a zero byte");
    }
    return text;
  }

  /**
   * A text with values in place of {@code @NAME@}. All are replaced at once, so that a value can
   * look like a place itself.
   *
   * @param values SQL by place, for all places
   */
  public static String filled(String text, Map<String, String> values) {
    return PLACE
        .matcher(text)
        .replaceAll(place ->
            Matcher.quoteReplacement(
                Objects.requireNonNull(values.get(place.group(1)), place.group())));
  }

  /**
   * Runs a text of one or more statements, as it is: without JDBC's escapes.
   *
   * @return the number of rows that were inserted, updated or deleted
   */
  public static long execute(Connection connection, String sql) throws SQLException {
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

  /**
   * The first value of a query.
   *
   * @return empty if there is no row, or the value is null
   */
  public static Optional<String> value(Connection connection, String query) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      return row.next() ? Optional.ofNullable(row.getString(1)) : Optional.empty();
    }
  }

  /**
   * Whether a relation exists.
   *
   * @param relation its name as in SQL, with its schema
   */
  public static boolean exists(Connection connection, String relation) throws SQLException {
    return isTrue(
        connection, "SELECT pg_catalog.to_regclass(%s) IS NOT NULL".formatted(literal(relation)));
  }

  /** Whether a query has a row that begins with true. */
  public static boolean isTrue(Connection connection, String query) throws SQLException {
    return value(connection, query).map("t"::equals).orElse(false);
  }
}

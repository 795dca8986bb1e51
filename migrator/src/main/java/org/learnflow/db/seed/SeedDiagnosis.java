package org.learnflow.db.seed;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.Failure;
import org.learnflow.db.SqlStates;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Finds file, line and column of what the server refused. */
final class SeedDiagnosis {
  /** As in PostgreSQL's CopyFromErrorCallback; the word for "line" is translated. */
  private static final Pattern COPY_CONTEXT =
      Pattern.compile(
          "COPY [^,]+, \\D*(?<line>\\d+)(?:, \\S+ (?<column>[^:]+))?.*", Pattern.DOTALL);

  private static final String BAD_COPY_FILE_FORMAT = "22P04";

  private final Connection connection;
  private final SeedMerge merge;

  /**
   * A diagnosis.
   *
   * @param connection in the transaction of the set, usable again after the error, with the rows
   *     staged
   */
  SeedDiagnosis(Connection connection, SeedMerge merge) {
    this.connection = connection;
    this.merge = merge;
  }

  /** The failure, where the server named the line itself. */
  static Optional<Failure> fromContext(SeedCsv csv, SQLException e) {
    return serverMessage(e)
        .flatMap(message -> {
          Matcher matcher = COPY_CONTEXT.matcher(Objects.toString(message.getWhere(), ""));
          if (!matcher.find()) {
            return Optional.empty();
          }
          long line = Long.parseLong(matcher.group("line"));
          // The server notices an open quote at the end of the file.
          boolean openQuote =
              BAD_COPY_FILE_FORMAT.equals(message.getSQLState())
                  && Objects.toString(message.getMessage(), "").contains("unterminated");
          String column =
              Objects.requireNonNullElse(
                  matcher.group("column"), Objects.toString(message.getColumn(), ""));
          return Optional.of(failure(csv, e, openQuote ? csv.lineOfLastRow() : line, column));
        });
  }

  /** The failure, with the line found by asking for the row that breaks the constraint. */
  Failure ofConstraint(SQLException e) throws SQLException {
    String constraint =
        serverMessage(e).map(message -> Objects.toString(message.getConstraint(), "")).orElse("");
    OptionalLong row =
        switch (Objects.toString(e.getSQLState(), "")) {
          case SqlStates.UNIQUE_VIOLATION -> firstRepeated(constraint);
          case SqlStates.FOREIGN_KEY_VIOLATION -> firstWithoutParent(constraint);
          default -> OptionalLong.empty();
        };
    String columns =
        serverMessage(e)
            .map(message -> Objects.toString(message.getDetail(), ""))
            .map(detail -> Pattern.compile("\\((.+?)\\)=\\(").matcher(detail))
            .filter(Matcher::find)
            .map(matcher -> matcher.group(1))
            .orElse("");
    return failure(
        merge.csv(), e, row.isPresent() ? merge.csv().lineOfRow(row.getAsLong()) : 0, columns);
  }

  private OptionalLong firstRepeated(String index) throws SQLException {
    List<String> expressions =
        expressions(
            """
            SELECT array_agg(pg_get_indexdef(i.indexrelid, n, true) ORDER BY n)
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid, generate_series(1, i.indnkeyatts) n
            WHERE i.indrelid = ?::regclass AND c.relname = ?
            """,
            index);
    if (expressions.isEmpty()) {
      return OptionalLong.empty();
    }
    String tuple = String.join(", ", expressions);
    return firstRow(
        """
        SELECT (SELECT count(*) FROM %1$s y WHERE y.ctid <= d.ctid) FROM (
          SELECT s.ctid, row_number() OVER (PARTITION BY %2$s ORDER BY s.ctid) > 1
                 OR (%2$s) IN (SELECT %2$s FROM %3$s) AS repeated
          FROM %4$s) d
        WHERE d.repeated ORDER BY d.ctid LIMIT 1
        """
            .formatted(SeedMerge.STAGING, tuple, merge.table().name(), merge.source()));
  }

  private OptionalLong firstWithoutParent(String constraint) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT string_agg(format('p.%I = s.%I', pa.attname, ca.attname), ' AND '), c.confrelid::regclass::text,
                   string_agg(format('s.%I IS NOT NULL', ca.attname), ' AND ')
            FROM pg_constraint c, unnest(c.conkey, c.confkey) k (child, parent)
            JOIN pg_attribute ca ON ca.attnum = k.child JOIN pg_attribute pa ON pa.attnum = k.parent
            WHERE c.conrelid = ?::regclass AND c.conname = ? AND ca.attrelid = c.conrelid AND pa.attrelid = c.confrelid
            GROUP BY c.confrelid
            """)) {
      statement.setString(1, merge.table().name());
      statement.setString(2, constraint);
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          return OptionalLong.empty();
        }
        return firstRow(
            """
            SELECT (SELECT count(*) FROM %s y WHERE y.ctid <= s.ctid) FROM %s
            WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s) ORDER BY s.ctid LIMIT 1
            """
                .formatted(
                    SeedMerge.STAGING,
                    merge.source(),
                    row.getString(3),
                    row.getString(2),
                    row.getString(1)));
      }
    }
  }

  private List<String> expressions(String query, String name) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(query)) {
      statement.setString(1, merge.table().name());
      statement.setString(2, name);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        Array array = row.getArray(1);
        return array == null ? List.of() : Arrays.asList((String[]) array.getArray());
      }
    }
  }

  private OptionalLong firstRow(String query) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      return row.next() ? OptionalLong.of(row.getLong(1)) : OptionalLong.empty();
    }
  }

  private static Failure failure(SeedCsv csv, SQLException e, long line, String column) {
    String message =
        serverMessage(e)
            .map(server ->
                java.util.stream.Stream.of(server.getMessage(), server.getDetail())
                    .filter(Objects::nonNull)
                    .collect(Collectors.joining(": ")))
            .orElse(Objects.toString(e.getMessage(), "the server refused a row"));
    String where =
        csv.path()
            + (line > 0 ? ", line " + line : "")
            + (column.isEmpty() ? "" : ", column " + column)
            + ", SQLSTATE "
            + e.getSQLState();
    return SeedFailures.at(where, message).causedBy(e);
  }

  private static Optional<ServerErrorMessage> serverMessage(SQLException e) {
    return e instanceof PSQLException server
        ? Optional.ofNullable(server.getServerErrorMessage())
        : Optional.empty();
  }
}

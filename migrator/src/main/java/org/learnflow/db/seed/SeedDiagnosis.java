package org.learnflow.db.seed;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.SqlStates;

/** Finds file, line and column of what the server rejected. */
final class SeedDiagnosis {
  /** As in {@code Key (lower(email))=(a@b.example) already exists.} */
  private static final Pattern KEY_DETAIL = Pattern.compile("\\((?<columns>.+?)\\)=\\(");

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

  /** The failure, if the server named the line itself. */
  static Optional<Failure> fromContext(SeedCsv csv, SQLException e) {
    return SeedFailures.serverMessage(e)
        .map(message -> copyContext(csv).matcher(Objects.toString(message.getWhere(), "")))
        .filter(Matcher::find)
        .map(context -> {
          // The server counts up to the end of a row.
          long line = csv.lineOfRowAt(Long.parseLong(context.group("line")));
          return failure(csv, e, line, Objects.toString(context.group("column"), columns(e)));
        });
  }

  /**
   * As in PostgreSQL's CopyFromErrorCallback, which does not quote names; the word for "line" is
   * translated.
   */
  private static Pattern copyContext(SeedCsv csv) {
    return Pattern.compile(
        "COPY (?:%s|%s), \\D*(?<line>\\d+)(?:, \\S+ (?<column>%s)(?=:|$))?"
            .formatted(
                SeedMerge.STAGING_NAME,
                Pattern.quote(SeedTable.ownName(csv.table())),
                csv.columns().stream()
                    .map(column -> Pattern.quote(column.name()))
                    .collect(Collectors.joining("|"))));
  }

  /** The failure, with the line found by a query for the row that violates the constraint. */
  Failure ofConstraint(SQLException e) throws SQLException {
    String constraint =
        SeedFailures.serverMessage(e)
            .map(message -> Objects.toString(message.getConstraint(), ""))
            .orElse("");
    OptionalLong row;
    try {
      row =
          switch (SqlStates.of(e)) {
            case SqlStates.UNIQUE_VIOLATION -> firstRepeated(constraint);
            case SqlStates.FOREIGN_KEY_VIOLATION -> firstWithoutParent(constraint);
            default -> OptionalLong.empty();
          };
    } catch (SQLException again) {
      if (SqlStates.connectionLost(again)) {
        throw again;
      }
      row = OptionalLong.empty(); // the constraint is about columns that are not in the file
    }
    long line = row.isPresent() ? merge.csv().lineOfRow(row.getAsLong()) : 0;
    return failure(merge.csv(), e, line, columns(e));
  }

  /** The first row whose values in a unique index are those of an earlier or stored row. */
  private OptionalLong firstRepeated(String index) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n),
                   coalesce(pg_get_expr(i.indpred, i.indrelid), 'true')
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid, generate_series(1, i.indnkeyatts) n
            WHERE i.indrelid = ?::regclass AND c.relname = ?
            GROUP BY i.indexrelid, i.indrelid, i.indpred
            """)) {
      statement.setString(1, merge.table().name());
      statement.setString(2, index);
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          return OptionalLong.empty();
        }
        return firstRow(
            """
            SELECT (SELECT count(*) FROM %1$s y WHERE y.ctid <= s.ctid)
            FROM (SELECT s.*, ROW(%2$s) AS "index entry",
                         row_number() OVER (PARTITION BY %2$s ORDER BY s.ctid) AS "occurrence"
                  FROM %3$s WHERE (%4$s) AND ROW(%2$s) IS NOT NULL) s
            WHERE s."occurrence" > 1
               OR EXISTS (SELECT FROM %5$s t WHERE (%4$s) AND ROW(%2$s) = s."index entry" AND NOT (%6$s))
            ORDER BY s.ctid LIMIT 1
            """
                .formatted(
                    SeedMerge.STAGING,
                    row.getString(1),
                    merge.source(),
                    row.getString(2),
                    merge.table().name(),
                    merge.sameKey()));
      }
    }
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

  private OptionalLong firstRow(String query) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(query)) {
      return row.next() ? OptionalLong.of(row.getLong(1)) : OptionalLong.empty();
    }
  }

  /** The columns that the server names, or an empty string. */
  private static String columns(SQLException e) {
    return SeedFailures.serverMessage(e)
        .map(message -> {
          Matcher key = KEY_DETAIL.matcher(Objects.toString(message.getDetail(), ""));
          return key.find() ? key.group("columns") : Objects.toString(message.getColumn(), "");
        })
        .orElse("");
  }

  private static Failure failure(SeedCsv csv, SQLException e, long line, String column) {
    String where =
        csv.path()
            + (line > 0 ? ", line " + line : "")
            + (column.isEmpty() ? "" : ", column " + column);
    Failure failure = SeedFailures.at(where, e);
    return failure.what(
        failure.what().replace(SeedMerge.STAGING_NAME, SeedTable.ownName(csv.table())));
  }
}

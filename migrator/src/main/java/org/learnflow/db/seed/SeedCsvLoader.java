package org.learnflow.db.seed;

import java.io.IOException;
import java.io.InputStream;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Optional;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.seed.SeedReport.FileReport;
import org.postgresql.PGConnection;

/**
 * Loads a CSV file: by COPY directly into an empty table, otherwise into a temporary table from
 * which missing rows are inserted and, in update mode, different ones are updated.
 */
record SeedCsvLoader(SeedMode mode, FileState state) {
  /** Loads it in the transaction that is open. */
  FileReport load(Connection connection, SeedCsv csv, SeedChecksum checksum) throws SQLException {
    SeedTable table = SeedReferences.visibleTable(connection, csv.path().toString(), csv.table());
    SeedMerge merge =
        SeedMerge.bind(
            csv,
            table,
            (column, reference) ->
                SeedReferences.lookup(connection, csv, table, column, reference));
    FileReport report =
        merge.canBeCopiedDirectly()
                // The server rejects COPY into a table with row level security.
                && HiddenRows.of(connection, table.name()).isEmpty()
                && isEmptyAndLocked(connection, table)
            ? copyDirectly(connection, merge, checksum)
            : copyAndMerge(connection, merge, checksum);
    state.doing("advancing sequences");
    advanceSequences(connection, merge);
    return report;
  }

  /** An empty table is locked against writers, so that it stays empty. */
  private static boolean isEmptyAndLocked(Connection connection, SeedTable table)
      throws SQLException {
    if (hasRows(connection, table)) {
      return false;
    }
    Sql.execute(connection, "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE".formatted(table.name()));
    return !hasRows(connection, table);
  }

  private static boolean hasRows(Connection connection, SeedTable table) throws SQLException {
    return Sql.isTrue(connection, "SELECT EXISTS (SELECT FROM %s)".formatted(table.name()));
  }

  private FileReport copyDirectly(Connection connection, SeedMerge merge, SeedChecksum checksum)
      throws SQLException {
    Savepoint before = connection.setSavepoint();
    try {
      long rows = copy(connection, merge, merge.table().name(), checksum);
      return new FileReport(name(merge), rows, 0, 0);
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      Optional<Failure> failure = SeedDiagnosis.fromContext(merge.csv(), e);
      if (failure.isPresent()) {
        throw failure.get();
      }
      connection.rollback(before);
      stage(connection, merge, new SeedChecksum());
      throw new SeedDiagnosis(connection, merge).ofConstraint(e);
    }
  }

  private FileReport copyAndMerge(Connection connection, SeedMerge merge, SeedChecksum checksum)
      throws SQLException {
    long rows = stage(connection, merge, checksum);
    state.doing("comparing %,d rows with table %s".formatted(rows, merge.table().name()));
    refuseUnknownReferences(connection, merge);
    if (!merge.keyIsUnique()) {
      refuseRepeatedKeys(connection, merge);
    }
    long changes = Sql.execute(connection, merge.findChanges(mode));
    Savepoint before = connection.setSavepoint();
    try {
      long updated = 0;
      long inserted = 0;
      if (changes > 0) {
        if (mode == SeedMode.UPDATE && merge.updateDiffering().isPresent()) {
          state.doing("updating rows of table " + merge.table().name());
          updated = Sql.execute(connection, merge.updateDiffering().get());
        }
        state.doing("inserting rows into table " + merge.table().name());
        inserted = Sql.execute(connection, merge.insertMissing());
        if (merge.keyIsUnique() && (updated > 0 || inserted < changes)) {
          refuseRepeatedKeys(connection, merge); // the second row changes nothing, or at random
        }
      }
      long unchanged = Math.max(rows - inserted - updated, 0); // a key may name several rows
      Sql.execute(connection, merge.dropStaging());
      return new FileReport(name(merge), inserted, updated, unchanged);
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e) || !SqlStates.of(e).startsWith("23")) {
        throw e;
      }
      connection.rollback(before);
      throw new SeedDiagnosis(connection, merge).ofConstraint(e);
    }
  }

  private long stage(Connection connection, SeedMerge merge, SeedChecksum checksum)
      throws SQLException {
    Sql.execute(connection, merge.createStaging());
    try {
      return copy(connection, merge, SeedMerge.STAGING, checksum);
    } catch (SQLException e) {
      Optional<Failure> failure = SeedDiagnosis.fromContext(merge.csv(), e);
      if (failure.isPresent() && !SqlStates.connectionLost(e)) {
        throw failure.get();
      }
      throw e;
    }
  }

  private long copy(Connection connection, SeedMerge merge, String target, SeedChecksum checksum)
      throws SQLException {
    try (InputStream content =
        new ObservedInput(merge.csv().content(state.reading("copied")), checksum)) {
      return connection
          .unwrap(PGConnection.class)
          .getCopyAPI()
          .copyIn(merge.copy(target), content, 1 << 16);
    } catch (IOException e) {
      throw SeedFailures.reading(merge.csv().path(), e);
    }
  }

  private static String name(SeedMerge merge) {
    return String.valueOf(merge.csv().path().getFileName());
  }

  private static void refuseUnknownReferences(Connection connection, SeedMerge merge)
      throws SQLException {
    for (SeedMerge.UnknownReference check : merge.unknownReferences()) {
      try (Statement statement = connection.createStatement();
          ResultSet row = statement.executeQuery(check.query())) {
        if (row.next()) {
          SeedColumn.Reference reference = check.column().reference().orElseThrow();
          throw SeedFailures.at(
              "%s, line %d, column %s"
                  .formatted(
                      merge.csv().path(),
                      merge.csv().lineOfRow(row.getLong(2)),
                      check.column().name()),
              "there is no row in %s whose %s is \"%s\""
                  .formatted(reference.table(), reference.column(), row.getString(1)));
        }
      }
    }
  }

  private static void refuseRepeatedKeys(Connection connection, SeedMerge merge)
      throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(merge.repeatedKey())) {
      if (row.next()) {
        throw SeedFailures.at(
            merge.csv().path() + ", line " + merge.csv().lineOfRow(row.getLong(1)),
            "the row has the same key as an earlier row of the file");
      }
    }
  }

  /** A sequence must not return numbers that the file has used. */
  private static void advanceSequences(Connection connection, SeedMerge merge) throws SQLException {
    for (String column : merge.numberedColumns()) {
      String sql =
          """
          SELECT setval(q.name::regclass, q.highest)
          FROM (SELECT pg_get_serial_sequence(%1$s, %2$s) AS name, max(%3$s) AS highest FROM %4$s) q
          WHERE q.highest > coalesce(pg_sequence_last_value(q.name::regclass), 0)
          """
              .formatted(
                  Sql.literal(merge.table().name()),
                  Sql.literal(column),
                  Sql.identifier(column),
                  merge.table().name());
      Sql.value(connection, sql);
    }
  }
}

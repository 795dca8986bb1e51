package org.learnflow.db.seed;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.connect.SessionSettings;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.SessionText;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.postgres.StateSchema;
import org.learnflow.db.seed.SeedReport.FileReport;
import org.postgresql.PGConnection;
import org.postgresql.util.ServerErrorMessage;

/**
 * Loads seed sets, one transaction each: COPY straight into an empty table, else into a temporary
 * table from which missing rows are inserted and, in update mode, differing ones changed.
 */
public final class SeedLoader {
  private static final String STEP = "seed";

  private final SeedMode mode;
  private final boolean force;
  private final Progress progress;

  /**
   * A loader.
   *
   * @param force loads sets again whose content was loaded before
   */
  public SeedLoader(SeedMode mode, boolean force, Progress progress) {
    this.mode = mode;
    this.force = force;
    this.progress = progress;
  }

  /**
   * Loads {@code sets} in their order.
   *
   * @param connection a session of the owner in autocommit mode, and so it is left
   * @throws Failure 8 naming file, line and column; the set in question is not loaded then
   */
  public List<SeedReport> load(Connection connection, List<SeedSet> sets) throws SQLException {
    Map<String, SeedLedger.Entry> ledger = SeedLedger.read(connection);
    List<SeedReport> reports = new ArrayList<>();
    for (SeedSet set : sets) {
      try {
        reports.add(isLoaded(ledger, set) ? unchanged(set) : loadLocked(connection, set));
      } catch (UncheckedIOException e) {
        throw SeedFailures.at("seed set " + set.name(), Reason.of(e)).causedBy(e);
      }
    }
    return List.copyOf(reports);
  }

  private boolean isLoaded(Map<String, SeedLedger.Entry> ledger, SeedSet set) {
    return !force
        && Optional.ofNullable(ledger.get(set.name()))
            .filter(entry -> entry.covers(mode))
            .map(entry -> entry.checksum().equals(set.checksum()))
            .orElse(false);
  }

  private SeedReport unchanged(SeedSet set) {
    progress.line(STEP, set.name() + ": loaded before, nothing to do");
    return new SeedReport(set.name(), false, List.of());
  }

  private SeedReport loadLocked(Connection connection, SeedSet set) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.SEED, progress)) {
      if (isLoaded(SeedLedger.read(connection), set)) { // by another migrator, meanwhile
        return unchanged(set);
      }
      StateSchema.ensure(connection);
      connection.setAutoCommit(false);
      try {
        SeedReport report = loadFiles(connection, set);
        commit(connection, set);
        return report;
      } catch (SQLException | RuntimeException | Error e) { // else autocommit would commit
        rollBack(connection, e);
        if (SqlStates.LOCK_NOT_AVAILABLE.equals(SqlStates.of(e)) && e instanceof Failure failure) {
          throw locked(connection, failure);
        }
        throw e;
      } finally {
        if (!connection.isClosed()) {
          connection.setAutoCommit(true);
        }
      }
    }
  }

  /** Constraints that are deferred are checked now, by a statement that says so. */
  private static void commit(Connection connection, SeedSet set) throws SQLException {
    try {
      execute(connection, "SET CONSTRAINTS ALL IMMEDIATE");
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      throw SeedFailures.at("seed set " + set.name() + ", at its end", e);
    }
    connection.commit();
  }

  private static void rollBack(Connection connection, Throwable first) {
    try {
      connection.rollback();
    } catch (SQLException e) {
      first.addSuppressed(e); // the session is gone, and its transaction with it
    }
  }

  /** Whoever holds a lock that was waited for in vain has begun before the wait. */
  private static Failure locked(Connection connection, Failure failure) throws SQLException {
    String holders =
        query(
                connection,
                "SELECT string_agg("
                    + SessionText.SQL
                    + """
                    , '; ' ORDER BY a.xact_start)
                    FROM pg_stat_activity a
                    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
                      AND a.xact_start < now() - current_setting('lock_timeout')::interval
                    """)
            .orElse("");
    String timeout = query(connection, "SELECT current_setting('lock_timeout')").orElse("");
    return SeedFailures.locked(failure, timeout, holders);
  }

  private SeedReport loadFiles(Connection connection, SeedSet set) throws SQLException {
    SeedChecksum checksum = new SeedChecksum();
    List<FileReport> files = new ArrayList<>();
    for (Path file : set.files()) {
      checksum.begin(file);
      FileReport report = loadFile(connection, file, checksum);
      progress.line(
          STEP,
          "%s/%s: %d inserted, %d updated, %d unchanged"
              .formatted(
                  set.name(),
                  report.file(),
                  report.inserted(),
                  report.updated(),
                  report.unchanged()));
      files.add(report);
    }
    SeedLedger.write(connection, set.name(), checksum.value(), mode);
    return new SeedReport(set.name(), true, List.copyOf(files));
  }

  private FileReport loadFile(Connection connection, Path file, SeedChecksum checksum)
      throws SQLException {
    try {
      return file.toString().endsWith(".sql")
          ? executeSql(connection, file, checksum)
          : loadCsv(connection, SeedCsv.read(file), checksum);
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      throw SeedFailures.at(file.toString(), e);
    }
  }

  private FileReport loadCsv(Connection connection, SeedCsv csv, SeedChecksum checksum)
      throws SQLException {
    SeedTable table =
        SeedTable.find(connection, csv.table())
            .orElseThrow(
                () -> SeedFailures.at(csv.path().toString(), "there is no table " + csv.table()));
    refuseHidden(connection, csv.path().toString(), table);
    SeedMerge merge =
        SeedMerge.bind(
            csv, table, (column, reference) -> lookup(connection, csv, table, column, reference));
    FileReport report =
        merge.canBeCopiedDirectly()
                // The server refuses to copy into a table with row level security.
                && HiddenRows.of(connection, table.name()).isEmpty()
                && isEmptyAndLocked(connection, table)
            ? copyDirectly(connection, merge, checksum)
            : copyAndMerge(connection, merge, checksum);
    advanceSequences(connection, merge);
    return report;
  }

  /** A row that cannot be seen would be missing again and again. */
  private static void refuseHidden(Connection connection, String where, SeedTable table)
      throws SQLException {
    if (HiddenRows.of(connection, table.name())
        .filter(HiddenRows.By.POLICIES::equals)
        .isPresent()) {
      String role = query(connection, "SELECT current_user").orElse("");
      List<String> tables = List.of(table.name());
      throw SeedFailures.at(where, HiddenRows.what(tables, role))
          .next(
              "let it see them all, in a migration: %s then run: learnflow-db run; docs/reference/seeds.md"
                  .formatted(HiddenRows.policies(tables, role)));
    }
  }

  /** An empty table is locked against writers, so that it stays empty. */
  private static boolean isEmptyAndLocked(Connection connection, SeedTable table)
      throws SQLException {
    if (hasRows(connection, table)) {
      return false;
    }
    execute(connection, "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE".formatted(table.name()));
    return !hasRows(connection, table);
  }

  private static boolean hasRows(Connection connection, SeedTable table) throws SQLException {
    return query(connection, "SELECT EXISTS (SELECT FROM %s)".formatted(table.name()))
        .map("t"::equals)
        .orElse(false);
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
    refuseUnknownReferences(connection, merge);
    if (!merge.keyIsUnique()) {
      refuseRepeatedKeys(connection, merge);
    }
    long changes = execute(connection, merge.findChanges(mode));
    Savepoint before = connection.setSavepoint();
    try {
      long updated = 0;
      long inserted = 0;
      if (changes > 0) {
        if (mode == SeedMode.UPDATE && merge.updateDiffering().isPresent()) {
          updated = execute(connection, merge.updateDiffering().get());
        }
        inserted = execute(connection, merge.insertMissing());
        if (merge.keyIsUnique() && (updated > 0 || inserted < changes)) {
          refuseRepeatedKeys(connection, merge); // the second changes nothing, or at random
        }
      }
      long unchanged = Math.max(rows - inserted - updated, 0); // a key may name several rows
      execute(connection, merge.dropStaging());
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
    execute(connection, merge.createStaging());
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
    try (InputStream content = new Observed(merge.csv().content(), checksum, name(merge))) {
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

  /** The referenced table; its key must be unique, and a foreign key tells what is stored. */
  private static SeedMerge.ReferencedRow lookup(
      Connection connection,
      SeedCsv csv,
      SeedTable table,
      SeedColumn column,
      SeedColumn.Reference reference)
      throws SQLException {
    String where = csv.path() + ", line 1, column " + column.name();
    SeedTable parent =
        SeedTable.find(connection, reference.table())
            .orElseThrow(() -> SeedFailures.at(where, "there is no table " + reference.table()));
    refuseHidden(connection, where, parent);
    SeedTable.Column key =
        parent
            .column(reference.column())
            .filter(found -> parent.isUnique(java.util.Set.of(found.name())))
            .orElseThrow(() ->
                SeedFailures.at(
                    where,
                    "%s is no unique column of %s"
                        .formatted(reference.column(), reference.table())));
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT pa.attname
            FROM pg_constraint c
            JOIN pg_attribute ca ON ca.attrelid = c.conrelid AND ca.attnum = c.conkey[1]
            JOIN pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = c.confkey[1]
            WHERE c.contype = 'f' AND c.conrelid = ?::regclass AND c.confrelid = ?::regclass
              AND cardinality(c.conkey) = 1 AND ca.attname = ?
            """)) {
      statement.setString(1, table.name());
      statement.setString(2, parent.name());
      statement.setString(3, column.name());
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          throw SeedFailures.at(
              where, "%s is no foreign key to %s".formatted(column.name(), reference.table()));
        }
        return new SeedMerge.ReferencedRow(parent, key, row.getString(1));
      }
    }
  }

  /** A sequence must not hand out numbers that the file has used. */
  private static void advanceSequences(Connection connection, SeedMerge merge) throws SQLException {
    for (String column : merge.numberedColumns()) {
      String sql =
          """
          SELECT setval(q.name::regclass, q.highest)
          FROM (SELECT pg_get_serial_sequence(%1$s, %2$s) AS name, max(%3$s) AS highest FROM %4$s) q
          WHERE q.highest > coalesce(pg_sequence_last_value(q.name::regclass), 0)
          """
              .formatted(
                  SqlText.literal(merge.table().name()),
                  SqlText.literal(column),
                  SqlText.identifier(column),
                  merge.table().name());
      query(connection, sql);
    }
  }

  /** All of it is looked at before anything of it is executed. */
  private FileReport executeSql(Connection connection, Path path, SeedChecksum checksum)
      throws SQLException {
    String name = String.valueOf(path.getFileName());
    long rows = 0;
    try {
      try (SqlFile file = new SqlFile(path, NormalizedInput.of(path))) {
        while (file.next().isPresent()) {}
      }
      try (SqlFile file =
          new SqlFile(path, new Observed(NormalizedInput.of(path), checksum, name))) {
        for (var next = file.next(); next.isPresent(); next = file.next()) {
          rows += execute(connection, next.get());
        }
      }
    } catch (IOException e) {
      throw SeedFailures.reading(path, e);
    }
    SessionSettings.reset(connection); // what the file has set is for itself
    return new FileReport(name, rows, 0, 0);
  }

  private static long execute(Connection connection, SqlFile.Statement statement)
      throws SQLException {
    try {
      return execute(connection, statement.sql());
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      int position = SeedFailures.serverMessage(e).map(ServerErrorMessage::getPosition).orElse(0);
      throw SeedFailures.at(statement.place(position), e);
    }
  }

  /** Runs a text of one or more statements; the rows that they touched. */
  private static long execute(Connection connection, String sql) throws SQLException {
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

  private static Optional<String> query(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(sql)) {
      return row.next() ? Optional.ofNullable(row.getString(1)) : Optional.empty();
    }
  }

  /** Sums what is read and tells how far it has come. */
  private final class Observed extends FilterInputStream {
    private static final long TELL_EVERY = 16L << 20;

    private final SeedChecksum checksum;
    private final String file;
    private long bytes;
    private long told;

    Observed(InputStream input, SeedChecksum checksum, String file) {
      super(input);
      this.checksum = checksum;
      this.file = file;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int n = in.read(target, offset, length);
      if (n > 0) {
        checksum.update(target, offset, n);
        bytes += n;
        if (bytes - told >= TELL_EVERY) {
          told = bytes;
          progress.update(STEP, "%s: %d MiB".formatted(file, bytes >> 20));
        }
      }
      return n;
    }
  }
}

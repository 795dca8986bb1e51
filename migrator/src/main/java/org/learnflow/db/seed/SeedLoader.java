package org.learnflow.db.seed;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.Failure;
import org.learnflow.db.Meter;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.SessionText;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.StateSchema;
import org.learnflow.db.seed.SeedReport.FileReport;

/** Loads seed sets, one transaction each. */
public final class SeedLoader {
  static final String STEP = "seed";

  private final SeedMode mode;
  private final boolean force;
  private final Progress progress;

  /**
   * A loader.
   *
   * @param force whether sets whose content was loaded before are loaded again
   */
  public SeedLoader(SeedMode mode, boolean force, Progress progress) {
    this.mode = mode;
    this.force = force;
    this.progress = progress;
  }

  /**
   * Loads {@code sets} in their order.
   *
   * @param connection a session of the owner in autocommit mode; it stays in that mode
   * @throws Failure 8 with file, line and column; that set is then not loaded
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
            .map(entry -> entry.checksum().equals(checksum(set)))
            .orElse(false);
  }

  private String checksum(SeedSet set) {
    Meter meter = new Meter("compared with what was loaded", set.bytes());
    try (var _ = Ongoing.begin(progress, STEP, () -> set.name() + ": " + meter.text())) {
      return set.checksum(meter);
    }
  }

  private SeedReport unchanged(SeedSet set) {
    progress.line(STEP, set.name() + ": already loaded, nothing to do");
    return new SeedReport(set.name(), false, List.of());
  }

  private SeedReport loadLocked(Connection connection, SeedSet set) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.SEED, progress)) {
      if (isLoaded(SeedLedger.read(connection), set)) { // by another migrator, in the meantime
        return unchanged(set);
      }
      StateSchema.ensure(connection);
      connection.setAutoCommit(false);
      try {
        SeedReport report = loadFiles(connection, set);
        commit(connection, set);
        return report;
      } catch (SQLException | RuntimeException | Error e) { // otherwise autocommit would commit
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

  /** Deferred constraints are checked now, by an explicit statement. */
  private static void commit(Connection connection, SeedSet set) throws SQLException {
    try {
      Sql.execute(connection, "SET CONSTRAINTS ALL IMMEDIATE");
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
      first.addSuppressed(e); // the session is lost, and its transaction with it
    }
  }

  /** A session whose lock was not released in time began its transaction before the wait. */
  private static Failure locked(Connection connection, Failure failure) throws SQLException {
    String holders =
        Sql.value(
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
    String timeout = Sql.value(connection, "SELECT current_setting('lock_timeout')").orElse("");
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
    try (FileState state = FileState.begin(progress, file)) {
      return file.toString().endsWith(".sql")
          ? new SeedSqlLoader(state).load(connection, file, checksum)
          : new SeedCsvLoader(mode, state).load(connection, SeedCsv.read(file), checksum);
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      throw SeedFailures.at(file.toString(), e);
    }
  }
}

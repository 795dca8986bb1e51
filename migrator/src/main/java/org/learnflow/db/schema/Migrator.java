package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.Trace;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.LockRetries;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.StateSchema;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.roles.WithheldPrivileges;
import org.postgresql.PGConnection;

/**
 * Applies pending migrations with Flyway, one transaction each, and in sessions that show none of
 * them what was applied before it in the same run ({@link SharedSession}).
 */
public final class Migrator {
  private static final String STEP = "migrate";

  /** With more migrations than this, each progress line replaces the one before it. */
  private static final int MOST_LINES = 100;

  private static final String LOCK_TIMEOUT_OFF = "SET lock_timeout = 0";

  private final DataSource source;
  private final MigrationFiles files;
  private final int lockRetries;
  private final Optional<RoleManager> roles;
  private final Progress progress;
  private final Optional<Confinement> confinement;

  /**
   * A migrator.
   *
   * @param source sessions of the owner, with lock_timeout set
   * @param lockRetries how often a migration is tried again after lock_timeout or a deadlock
   */
  public Migrator(DataSource source, MigrationFiles files, int lockRetries, Progress progress) {
    this(source, files, lockRetries, progress, Optional.empty(), Optional.empty());
  }

  /**
   * A migrator.
   *
   * @param roles grants the service role its privileges on what is created; empty in a trial
   * @param confinement for migrations that are only tried, or whose database has not taken its
   *     place yet
   */
  public Migrator(
      DataSource source,
      MigrationFiles files,
      int lockRetries,
      Progress progress,
      Optional<RoleManager> roles,
      Optional<Confinement> confinement) {
    this.source = source;
    this.files = files;
    this.lockRetries = lockRetries;
    this.roles = roles;
    this.progress = progress;
    this.confinement = confinement;
  }

  /** Applies what is pending, at once. */
  public MigrationReport migrate(Connection connection, Optional<MigrationVersion> target)
      throws SQLException {
    return migrate(connection, target, BeforeMigrations.NOTHING);
  }

  /**
   * Applies what is pending.
   *
   * @param connection a session of the owner in autocommit mode
   * @param target apply nothing newer than this
   * @param beforehand has to succeed before anything is applied to a database that has migrations
   * @throws Failure 6 if a migration fails, 7 if history and files differ, 10 if the schema was
   *     created by something else, 2 if the target does not exist
   */
  public MigrationReport migrate(
      Connection connection, Optional<MigrationVersion> target, BeforeMigrations beforehand)
      throws SQLException {
    return progress
        .trace()
        .part(
            STEP,
            part -> {
              MigrationReport report = migrate(connection, target, beforehand, part);
              part.tell("learnflow_db.schema.to", report.to());
              return report;
            });
  }

  private MigrationReport migrate(
      Connection connection,
      Optional<MigrationVersion> target,
      BeforeMigrations beforehand,
      Trace.Part part)
      throws SQLException {
    files.notes().forEach(note -> progress.line(STEP, note));
    SchemaState before = SchemaState.read(connection, files);
    before.requireUnchanged();
    List<MigrationFile> pending = pending(before, target);
    part.tell("learnflow_db.schema.from", before.currentText())
        .tell("learnflow_db.migrations.pending", pending.size());
    PendingCheck.require(files, pending);
    if (pending.isEmpty()
        && before.failed().isEmpty()
        && UndoScripts.missing(connection, before, files).isEmpty()) {
      HistoryProtection.apply(connection);
      if (CatalogLedger.isIncomplete(connection)) {
        try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
          CatalogLedger.bringUpToDate(connection, progress);
        }
      }
      return report(before, before, List.of());
    }
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
      before = SchemaState.read(connection, files);
      before.requireUnchanged();
      pending = pending(before, target);
      storeMissing(connection, before);
      boolean first = before.applied().isEmpty();
      if (first && SchemaState.isForeign(connection)) {
        throw foreignDatabase();
      }
      if (pending.isEmpty()) {
        HistoryProtection.apply(connection);
        forgetGivenUp(connection, before);
        CatalogLedger.bringUpToDate(connection, progress);
        return report(before, before, List.of());
      }
      if (!first) {
        beforehand.run(connection, pending);
      }
      beginCatalog(connection, first);
      try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.FLYWAY, progress)) {
        ensureRights(connection);
        apply(connection, before, pending);
        ensureRights(connection);
      } finally {
        finishCatalog(connection);
      }
      return report(before, SchemaState.read(connection, files), pending);
    }
  }

  /** What a migration revokes is only known if the service role had all its privileges before. */
  private void ensureRights(Connection connection) throws SQLException {
    if (roles.isPresent()) {
      roles.get().ensureRightsAfterChanges(connection);
    }
  }

  /** Definitions of views cannot be read while another session locks one of their tables. */
  private void beginCatalog(Connection connection, boolean first) throws SQLException {
    for (int attempt = 0; ; attempt++) {
      try {
        if (!first) {
          CatalogLedger.bringUpToDate(connection, progress);
        }
        CatalogLedger.begin(connection);
        return;
      } catch (SQLException e) {
        if (!SqlStates.lockProblem(e)) {
          throw e;
        }
        if (!retries().allow(attempt, e, "could not get a lock in time to read the catalog")) {
          throw Failure.of(
                  ExitCode.MIGRATION_FAILED,
                  "the catalog could not be read before the migrations: " + e.getMessage())
              .where("SQLSTATE " + SqlStates.of(e))
              .state("nothing was changed")
              .next(
                  "find the session that locks a table (SELECT * FROM pg_locks WHERE mode = 'AccessExclusiveLock'),"
                      + " and run the same command again")
              .causedBy(e);
        }
      }
    }
  }

  /** The migrations are applied, or a failure is under way that must not be hidden. */
  private void finishCatalog(Connection connection) {
    try {
      CatalogLedger.finish(connection);
    } catch (SQLException e) {
      progress.line(
          STEP,
          "the applied migrations are not recorded for drift yet, the next run records them: "
              + e.getMessage());
    }
  }

  /** Undo scripts of what was applied before undo scripts were stored. */
  private void storeMissing(Connection connection, SchemaState state) throws SQLException {
    List<MigrationFile> missing = UndoScripts.missing(connection, state, files);
    if (!missing.isEmpty()) {
      PendingCheck.require(files, missing);
      StateSchema.ensure(connection);
      UndoScripts.store(connection, files, missing);
      progress.line(STEP, "undo scripts of %d applied migrations stored".formatted(missing.size()));
    }
  }

  /** What {@link #migrate} would apply; nothing is changed. */
  public List<MigrationFile> dryRun(Connection connection, Optional<MigrationVersion> target)
      throws SQLException {
    SchemaState state = SchemaState.read(connection, files);
    state.requireUnchanged();
    List<MigrationFile> pending = pending(state, target);
    PendingCheck.require(files, pending);
    return pending;
  }

  private List<MigrationFile> pending(SchemaState state, Optional<MigrationVersion> target) {
    if (target.isEmpty()) {
      return state.pending();
    }
    if (files.files().stream().noneMatch(file -> file.version().equals(target.get()))) {
      throw Failure.of(ExitCode.USAGE, "there is no migration " + target.get())
          .where(files.directory().toString())
          .state("nothing was changed")
          .next("list the pending ones with: learnflow-db migrate --dry-run");
    }
    return state.pending().stream()
        .filter(file -> file.version().compareTo(target.get()) <= 0)
        .toList();
  }

  private MigrationReport report(
      SchemaState before, SchemaState after, List<MigrationFile> applied) {
    return new MigrationReport(
        before.currentText(),
        after.currentText(),
        applied.stream()
            .map(file -> new MigrationReport.Applied(file.version().toString(), file.description()))
            .toList(),
        after.newer().stream().map(row -> row.version().toString()).toList());
  }

  private void apply(Connection connection, SchemaState before, List<MigrationFile> pending)
      throws SQLException {
    forgetFailed(connection, before, pending);
    Counter counter = new Counter(pending.size());
    try (BlockerWatch watch = new BlockerWatch(source, STEP, progress)) {
      for (List<MigrationFile> left = pending; !left.isEmpty(); ) {
        List<MigrationFile> together = SharedSession.first(connection, left);
        try {
          apply(connection, together, watch, counter);
        } finally {
          tidyUp(connection);
        }
        left = left.subList(together.size(), left.size());
      }
    }
  }

  /** Also after a failure, which must not be hidden by a second one; the next run tries again. */
  private static void tidyUp(Connection connection) {
    try {
      HistoryProtection.apply(connection);
      ConcurrentIndexes.crossOutApplied(connection);
    } catch (SQLException e) {
      // A lost connection ends this run anyway, or makes it start again.
    }
  }

  private void apply(
      Connection connection, List<MigrationFile> together, BlockerWatch watch, Counter counter)
      throws SQLException {
    List<MigrationFile> left = together;
    for (int attempt = 0; ; attempt++) {
      Listener listener = new Listener(connection, watch, counter);
      try {
        new FlywayRun(source, left, listener).migrate();
        return;
      } catch (RuntimeException e) {
        watch.end();
        String what =
            "could not get a lock in time%s; rolled back"
                .formatted(LockRetries.heldBy(watch.lastBlockers()));
        if (!retries().allow(attempt, e, what)) {
          RuntimeException failure = failure(e, left, watch, counter);
          listener.part.failed(failure);
          throw failure;
        }
        listener.part.failed(e);
      } finally {
        watch.end();
        listener.part.close();
      }
      // A repeated attempt starts after the migrations that the one before it applied.
      SchemaState state = SchemaState.read(connection, files);
      left = left.stream().filter(file -> !state.applied().containsKey(file.version())).toList();
      forgetFailed(connection, state, left);
    }
  }

  /** A failed migration is forgotten even if no other file takes its place. */
  private void forgetGivenUp(Connection connection, SchemaState state) throws SQLException {
    List<AppliedMigration> givenUp =
        state.failed().stream().filter(row -> !isAmong(files.files(), row)).toList();
    if (givenUp.isEmpty()) {
      return;
    }
    beginCatalog(connection, false);
    try {
      for (AppliedMigration row : givenUp) {
        forget(connection, row, false);
      }
    } finally {
      finishCatalog(connection);
    }
  }

  /** Deletes the rows that failures outside a transaction left, because they would stop Flyway. */
  private void forgetFailed(Connection connection, SchemaState state, List<MigrationFile> pending)
      throws SQLException {
    for (AppliedMigration row : state.failed()) {
      forget(connection, row, isAmong(pending, row));
    }
  }

  private static boolean isAmong(List<MigrationFile> some, AppliedMigration row) {
    return some.stream().anyMatch(file -> file.version().equals(row.version()));
  }

  private void forget(Connection connection, AppliedMigration row, boolean again)
      throws SQLException {
    progress.line(
        STEP,
        row.script()
            + " failed before, outside a transaction; "
            + (again
                ? "trying it again"
                : "it is no longer among the files to apply: what it did before the statement"
                    + " that failed stays, except for unfinished indexes"));
    if (!again) {
      new ConcurrentIndexes(connection, progress).abandon(STEP, row.version());
    }
    deleteFailedRow(connection, row.version());
  }

  private static void deleteFailedRow(Connection connection, MigrationVersion version)
      throws SQLException {
    try (PreparedStatement delete =
        connection.prepareStatement(
            "DELETE FROM " + SchemaState.HISTORY + " WHERE NOT success AND version = ?")) {
      delete.setString(1, version.toString());
      delete.executeUpdate();
    }
  }

  private LockRetries retries() {
    return new LockRetries(lockRetries, STEP, progress);
  }

  private static boolean isForeignDatabase(Throwable thrown) {
    return thrown instanceof FlywayException flyway
        && flyway.getErrorCode()
            == org.flywaydb.core.api.CoreErrorCode.NON_EMPTY_SCHEMA_WITHOUT_SCHEMA_HISTORY_TABLE;
  }

  private RuntimeException failure(
      RuntimeException e, List<MigrationFile> together, BlockerWatch watch, Counter counter) {
    boolean readOnlyByItself = counter.onPrimary && SqlStates.of(e).equals(SqlStates.READ_ONLY);
    if (SqlStates.connectionLost(e) && !readOnlyByItself) {
      return e; // repeated once the database is back
    }
    Optional<Failure> known = Failure.in(e);
    if (known.isPresent()) {
      return known.get();
    }
    if (isForeignDatabase(e)) {
      return foreignDatabase().causedBy(e);
    }
    Failure failure =
        new MigrationFailures(source, files, together)
            .describe(e, counter.current, watch.lastBlockers(), lockRetries + 1);
    // Otherwise its cause would look like that of a standby, and the whole step would be repeated.
    return readOnlyByItself ? failure.causedBy(new FlywayException(e.getMessage())) : failure;
  }

  private static Failure foreignDatabase() {
    return Failure.of(
            ExitCode.REFUSED,
            "schema public holds tables, but no migration history: something else created them")
        .state("nothing was changed")
        .next(
            "adopt them with learnflow-db adopt --baseline V, where V is the version that they"
                + " are at (docs/how-to/adopt.md), or use an empty database");
  }

  /** The progress of this call. */
  private static final class Counter {
    private final int total;
    private int done;
    private Optional<MigrationFile> current = Optional.empty();

    /**
     * Whether the server is a primary, so that only a file itself can have made its transaction
     * read-only.
     */
    private boolean onPrimary;

    Counter(int total) {
      this.total = total;
    }
  }

  /** Progress for each migration, and the watch over it. */
  private final class Listener implements FlywayRun.MigrationListener {
    private final Connection own;
    private final BlockerWatch watch;
    private final Counter counter;
    private @Nullable WithheldPrivileges withheld;
    private boolean begun;
    private Trace.Part part = Trace.NOTHING;

    /**
     * A listener.
     *
     * @param own the session that holds the migration lock
     */
    Listener(Connection own, BlockerWatch watch, Counter counter) {
      this.own = own;
      this.watch = watch;
      this.counter = counter;
    }

    @Override
    public void begin(MigrationFile file, Connection connection) throws SQLException {
      if (!begun) {
        begun = true;
        StateSchema.ensure(own);
        withheld = roles.isEmpty() ? null : roles.get().withheld(own);
      }
      counter.current = Optional.of(file);
      part =
          progress
              .trace()
              .begin("migration " + file.version())
              .tell("learnflow_db.migration.version", file.version())
              .tell("learnflow_db.migration.description", file.description());
      counter.onPrimary =
          "off".equals(connection.unwrap(PGConnection.class).getParameterStatus("in_hot_standby"));
      if (connection.getAutoCommit()) {
        watch.begin(title(file), own.unwrap(PGConnection.class).getBackendPID());
        new ConcurrentIndexes(own, progress).prepare(file);
      }
      if (withheld != null) {
        withheld.begin(connection, file.sql());
      }
      if (confinement.isPresent()) {
        confinement.get().begin(file, connection);
      }
      watch.begin(title(file), connection.unwrap(PGConnection.class).getBackendPID());
    }

    private String title(MigrationFile file) {
      return "%s (%d of %d)".formatted(file.name(), counter.done + 1, counter.total);
    }

    @Override
    public void end(MigrationFile file, Connection connection) throws SQLException {
      watch.end();
      if (confinement.isPresent()) {
        confinement.get().end(file, connection);
      }
      if (connection.getAutoCommit()) {
        // What it did cannot be rolled back any more, and its history row comes next.
        Sql.execute(connection, LOCK_TIMEOUT_OFF);
      }
      UndoScripts.store(connection, files, List.of(file));
      if (withheld != null) {
        withheld
            .end(connection, file.version().toString(), file.name())
            .forEach(line -> progress.line(STEP, line));
      }
      part.close();
      counter.done++;
      counter.current = Optional.empty();
      String line =
          "%s %s (%d of %d)"
              .formatted(file.version(), file.description(), counter.done, counter.total);
      if (counter.total <= MOST_LINES) {
        progress.line(STEP, line);
      } else {
        progress.update(STEP, line);
      }
    }
  }
}

package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.SessionSettings;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.SqlErrorKind;
import org.learnflow.db.postgres.SqlScript;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.roles.WithheldPrivileges;
import org.learnflow.db.rollback.RollbackPlan.Loss;
import org.learnflow.db.schema.AppliedMigration;
import org.learnflow.db.schema.BlockerWatch;
import org.learnflow.db.schema.ConcurrentIndexes;
import org.learnflow.db.schema.HistoryProtection;
import org.learnflow.db.schema.MigrationFailures;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.UndoScript;
import org.learnflow.db.schema.UndoScripts;
import org.learnflow.db.schema.UndoStep;
import org.postgresql.PGConnection;

/**
 * Undoes applied migrations, newest first, one transaction each, by the undo scripts that are
 * stored in the database. Flyway's open edition does not know this: to it, an undone migration is
 * one that never was applied.
 */
public final class Rollback {
  private static final String STEP = "rollback";
  private static final Duration RETRY_PAUSE = Duration.ofSeconds(1);

  /**
   * A look ahead holds the locks of a real rollback for a moment: it gives up before the server
   * looks for deadlocks (1 s), so that none of the services' transactions is ended for it.
   */
  private static final String BRIEFLY =
      "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '5s'";

  /**
   * setval() is not taken back with its transaction, so that a look ahead may not do it. Numbers
   * that nextval() gives are gone as with any transaction that is rolled back.
   */
  private static final String KEEP_SEQUENCES =
      """
      DO $$
      DECLARE
          statement text;
      BEGIN
          FOR statement IN
              SELECT pg_catalog.format('GRANT USAGE ON SEQUENCE %1$I.%2$I TO %3$I; REVOKE UPDATE ON SEQUENCE %1$I.%2$I FROM %3$I',
                                       n.nspname, c.relname, current_user)
              FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                   JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) c.relowner
              WHERE c.relkind OPERATOR(pg_catalog.=) 'S' AND r.rolname OPERATOR(pg_catalog.=) current_user
                AND n.nspname OPERATOR(pg_catalog.<>) 'learnflow_db'
          LOOP
              EXECUTE statement;
          END LOOP;
      END
      $$
      """;

  /** Not where another one of that name and schema cannot be deferred: SET would refuse it. */
  private static final String DEFER =
      """
      SELECT format('SET CONSTRAINTS %I.%I DEFERRED', n.nspname, c.conname)
      FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
      GROUP BY n.nspname, c.conname
      HAVING bool_or(c.condeferred) AND bool_and(c.condeferrable)
      """;

  private final DataSource source;
  private final MigrationFiles files;
  private final Optional<MigrationVersion> target;
  private final boolean fromFiles;
  private final int lockRetries;
  private final RoleManager roles;
  private final Progress progress;

  /** Of all attempts: a lost connection begins a new one. */
  private final List<String> undone = new ArrayList<>();

  /**
   * A rollback.
   *
   * @param source sessions of the owner, with lock_timeout set
   * @param files to compare with what was applied
   * @param target the newest version to keep; empty to keep none
   * @param fromFiles whether undo scripts come from {@code files}, not from the database
   * @param lockRetries how often an undo is tried again after lock_timeout or a deadlock
   * @param roles gives the services their rights on what is made again
   */
  public Rollback(
      DataSource source,
      MigrationFiles files,
      Optional<MigrationVersion> target,
      boolean fromFiles,
      int lockRetries,
      RoleManager roles,
      Progress progress) {
    this.source = source;
    this.files = files;
    this.target = target;
    this.fromFiles = fromFiles;
    this.lockRetries = lockRetries;
    this.roles = roles;
    this.progress = progress;
  }

  /** Work under the locks of migrate and of Flyway. */
  @FunctionalInterface
  private interface Work<T> {
    T run() throws SQLException;
  }

  private <T> T locked(Connection connection, Work<T> work) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress);
        var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.FLYWAY, progress)) {
      return work.run();
    }
  }

  /** Whether migrations newer than the target are applied, or have failed half-way. */
  public boolean isNeeded(Connection connection) throws SQLException {
    SchemaState state = SchemaState.read(connection, files);
    return !newerThanTarget(state).isEmpty() || !failed(state).isEmpty();
  }

  /**
   * What {@link #undo} would do and lose; found out by doing it in a transaction that is rolled
   * back.
   *
   * @param connection a session of the owner in autocommit mode
   * @throws Failure 10 where it would be refused, 6 where an undo script fails, 2 where there is no
   *     such target
   */
  public RollbackPlan plan(Connection connection) throws SQLException {
    SchemaState state = SchemaState.read(connection, files);
    requireKnownTarget(state);
    if (!isNeeded(connection)) {
      return plan(state, List.of(), List.of(), Optional.empty());
    }
    return locked(
        connection,
        () -> {
          SchemaState now = SchemaState.read(connection, files);
          List<UndoStep> steps = steps(connection, now);
          List<TableColumns.Change> lost = new ArrayList<>();
          Optional<String> unseen = preview(steps, lost);
          List<Loss> counted = new ArrayList<>();
          for (TableColumns.Change change : lost) {
            TableColumns.counted(connection, change).ifPresent(counted::add);
          }
          return plan(now, steps, counted, unseen);
        });
  }

  private RollbackPlan plan(
      SchemaState state, List<UndoStep> steps, List<Loss> lost, Optional<String> unseen) {
    return new RollbackPlan(
        state.currentText(),
        Optional.ofNullable(target.map(version -> state.applied().floorKey(version)).orElse(null))
            .map(MigrationVersion::toString)
            .orElse("none"),
        steps.stream().map(step -> step.script().script()).toList(),
        failed(state).stream().map(AppliedMigration::script).toList(),
        List.copyOf(lost),
        unseen);
  }

  /**
   * Undoes what is newer than the target; nothing where that has been done.
   *
   * @param connection a session of the owner in autocommit mode
   * @param agreed what may be undone
   * @return the undone migrations by file name, newest first
   * @throws Failure 10 where it is refused, 6 where an undo script fails
   */
  public List<String> undo(Connection connection, RollbackPlan agreed) throws SQLException {
    return locked(
        connection,
        () -> {
          SchemaState state = SchemaState.read(connection, files);
          List<UndoStep> steps = steps(connection, state);
          requireAgreed(steps, agreed);
          CatalogLedger.begin(connection);
          for (AppliedMigration row : failed(state)) {
            new ConcurrentIndexes(connection, progress).abandon(STEP, row.version());
            deleteHistoryRow(connection, row.version());
            progress.line(STEP, "removed what the failed %s left".formatted(row.script()));
          }
          WithheldPrivileges withheld = roles.withheld(connection);
          try (BlockerWatch watch = new BlockerWatch(source, STEP, progress)) {
            for (UndoStep step : steps) {
              // What a script leaves in its session must not reach the next one.
              try (Connection session = source.getConnection()) {
                undo(session, step, withheld, watch);
              }
              undone.add(step.script().script());
              progress.line(
                  STEP,
                  "%s undone (%d of %d)"
                      .formatted(step.script().script(), undone.size(), agreed.undo().size()));
            }
            roles.ensureRightsAfterChanges(connection);
          } finally {
            tidyUp(connection);
          }
          return List.copyOf(undone);
        });
  }

  /** Also after a failure, which must not be hidden by a second one. */
  private static void tidyUp(Connection connection) {
    try {
      CatalogLedger.finish(connection);
      HistoryProtection.apply(connection);
    } catch (SQLException e) {
      // A lost connection ends this run anyway, or makes it begin again.
    }
  }

  private void requireKnownTarget(SchemaState state) {
    if (target.isEmpty()
        || state.applied().containsKey(target.get())
        || files.files().stream().anyMatch(file -> file.version().equals(target.get()))) {
      return;
    }
    throw Failure.of(ExitCode.USAGE, "there is no migration " + target.get())
        .state("nothing was changed; the database is at " + state.currentText())
        .next(
            "give one of the applied versions, or none: %s"
                .formatted(
                    String.join(
                        ", ", state.applied().keySet().stream().map(Object::toString).toList())));
  }

  private NavigableMap<MigrationVersion, AppliedMigration> newerThanTarget(SchemaState state) {
    return target
        .map(version -> state.applied().tailMap(version, false))
        .orElse(state.applied())
        .descendingMap();
  }

  private List<AppliedMigration> failed(SchemaState state) {
    return state.failed().stream()
        .filter(row -> target.filter(version -> row.version().compareTo(version) <= 0).isEmpty())
        .toList();
  }

  /** The ways back, newest first, all of which can be gone. */
  private List<UndoStep> steps(Connection connection, SchemaState state) throws SQLException {
    requireUnchanged(state);
    NavigableMap<MigrationVersion, UndoScript> scripts = scripts(connection);
    List<UndoStep> steps = new ArrayList<>();
    for (AppliedMigration row : newerThanTarget(state).values()) {
      UndoScript script = scripts.get(row.version());
      if (script == null) {
        throw withoutScript(row);
      }
      if (!Objects.equals(row.checksum(), script.checksum())) {
        throw refused(
            "%s is the way back of another %s than the one that was applied"
                .formatted(script.undoScript(), row.script()),
            fromFiles ? files.directory().toString() : "learnflow_db.undo_scripts");
      }
      if (script.altered()) {
        throw refused(
            script.undoScript() + " was altered after it was stored", "learnflow_db.undo_scripts");
      }
      steps.add(UndoStep.of(script));
    }
    return steps;
  }

  private NavigableMap<MigrationVersion, UndoScript> scripts(Connection connection)
      throws SQLException {
    if (!fromFiles) {
      return UndoScripts.read(connection);
    }
    NavigableMap<MigrationVersion, UndoScript> scripts = new TreeMap<>();
    files
        .files()
        .forEach(file -> files.undo(file).ifPresent(script -> scripts.put(file.version(), script)));
    return scripts;
  }

  private void requireUnchanged(SchemaState state) {
    for (MigrationFile file : files.files()) {
      AppliedMigration row = state.applied().get(file.version());
      if (row != null
          && row.checksum() != null
          && !Objects.equals(row.checksum(), file.checksum())) {
        throw refused(file.name() + " was changed after it was applied", file.path().toString())
            .next(
                "use the image or checkout that has it as it was applied, or put it back:"
                    + " git log -p -- '*/%s'".formatted(file.name()));
      }
    }
  }

  private static Failure refused(String what, String where) {
    return Failure.of(ExitCode.REFUSED, what)
        .where(where)
        .state("nothing was changed")
        .next(
            "take the undo scripts from a checkout that has the applied files:"
                + " learnflow-db rollback --from-files --migrations DIR ...; docs/rollback.md");
  }

  private Failure withoutScript(AppliedMigration row) {
    return Failure.of(
            ExitCode.REFUSED,
            "%s has no undo script%s"
                .formatted(row.script(), fromFiles ? " among the files" : " in the database"))
        .where(fromFiles ? files.directory().toString() : "learnflow_db.undo_scripts")
        .state("nothing was changed")
        .next(
            fromFiles
                ? "write it, or undo that migration by hand: docs/rollback.md"
                : "with the image or checkout that has its U file: learnflow-db rollback"
                    + " --from-files ...; docs/rollback.md");
  }

  private static void requireAgreed(List<UndoStep> steps, RollbackPlan agreed) {
    List<String> more =
        steps.stream()
            .map(step -> step.script().script())
            .filter(script -> !agreed.undo().contains(script))
            .toList();
    if (!more.isEmpty()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "%s was applied meanwhile by another migrator".formatted(String.join(", ", more)))
          .state("nothing was changed")
          .next("run the same command again, which shows what would be undone now");
    }
  }

  /**
   * Goes all the way in one transaction, and then takes it back.
   *
   * @param lost gets what was not there any more, or not as it was
   * @return why it could not be gone
   */
  private Optional<String> preview(List<UndoStep> steps, List<TableColumns.Change> lost)
      throws SQLException {
    List<UndoStep> tried = new ArrayList<>();
    // Not with the session that holds the locks, which a script may give back.
    try (Connection session = source.getConnection()) {
      WithheldPrivileges withheld = roles.withheld(session);
      session.setAutoCommit(false);
      try {
        SqlText.execute(session, BRIEFLY);
        SqlText.execute(session, KEEP_SEQUENCES);
        TableColumns before = TableColumns.read(session);
        for (UndoStep step : steps) {
          tried.add(step);
          // What drops indexes concurrently loses no data, and is not possible here.
          if (step.transactional()) {
            withheld.begin(session, step.script().undoSql());
            execute(session, step, BRIEFLY, Rollback::preview);
            // The next one comes in a transaction and a session of its own.
            defer(session);
            SessionSettings.forget(session);
            SqlText.execute(session, BRIEFLY);
            record(session, step, withheld);
          }
        }
        lost.addAll(before.lostUntilNow(session));
        return Optional.empty();
      } finally {
        if (!session.isClosed()) {
          session.rollback();
        }
      }
    } catch (UndoFailedException e) {
      if (SqlStates.connectionLost(e)) {
        throw e.sqlException();
      }
      if (SqlStates.of(e).equals(SqlStates.INSUFFICIENT_PRIVILEGE)
          && setsSequence(e.step().script().undoSql())) {
        return Optional.of(
            "%s sets a sequence, which no rollback takes back"
                .formatted(e.step().script().undoScript()));
      }
      return Optional.of(whyUnseen(e, tried));
    }
  }

  /** A deferred constraint begins each transaction deferred, also after one that was checked. */
  private static void defer(Connection connection) throws SQLException {
    for (String statement : CatalogQuery.rows(connection, DEFER, row -> row.getString(1))) {
      SqlText.execute(connection, statement);
    }
  }

  /**
   * What keeps a look ahead from its end, but would not keep a rollback.
   *
   * @param tried the scripts up to the one that failed
   * @throws Failure 6 for what would fail in a rollback too
   */
  private static String whyUnseen(UndoFailedException e, List<UndoStep> tried) {
    String script = e.step().script().undoScript();
    if (SqlStates.lockProblem(e)) {
      return script + " got no lock within half a second";
    }
    if (SqlStates.of(e).equals(SqlStates.QUERY_CANCELED)) {
      return script + " takes longer than five seconds";
    }
    Optional<UndoStep> notTried = tried.stream().filter(step -> !step.transactional()).findFirst();
    if (notTried.isPresent()) {
      return "%s could not be tried, and without it %s fails (%s); first: learnflow-db rollback --to %s"
          .formatted(
              notTried.get().script().undoScript(),
              script,
              MigrationFailures.message(e),
              e.step().script().version());
    }
    if (SqlStates.of(e).equals(SqlStates.UNSAFE_NEW_ENUM_VALUE) && tried.size() > 1) {
      return "%s needs another transaction than the scripts before it (%s); first: learnflow-db rollback --to %s"
          .formatted(script, MigrationFailures.message(e), e.step().script().version());
    }
    throw failure(e, "nothing was changed");
  }

  /** Carries what a statement of a way back failed with. */
  private static final class UndoFailedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient UndoStep step;
    private final int line;
    private final SQLException sqlException;

    UndoFailedException(UndoStep step, int line, SQLException cause) {
      super(cause);
      this.step = step;
      this.line = line;
      this.sqlException = cause;
    }

    UndoStep step() {
      return step;
    }

    SQLException sqlException() {
      return sqlException;
    }
  }

  /**
   * Runs a script, to its deferred constraints, under its own settings.
   *
   * @param before what comes before each statement
   */
  private static void execute(
      Connection connection, UndoStep step, String before, Execution execution)
      throws UndoFailedException {
    for (SqlScript.Statement each : step.statements()) {
      try {
        SqlText.execute(connection, before);
        execution.run(connection, each);
      } catch (SQLException e) {
        throw new UndoFailedException(step, MigrationFailures.line(each.sql(), each.line(), e), e);
      }
    }
    try {
      if (step.transactional()) {
        SqlText.execute(connection, before);
        SqlText.execute(connection, "SET CONSTRAINTS ALL IMMEDIATE");
      }
    } catch (SQLException e) {
      throw new UndoFailedException(step, 1, e);
    }
  }

  /** How a statement is executed. */
  @FunctionalInterface
  private interface Execution {
    void run(Connection connection, SqlScript.Statement statement) throws SQLException;
  }

  private static void run(Connection connection, SqlScript.Statement statement)
      throws SQLException {
    SqlText.execute(connection, statement.sql());
  }

  /** A query that only sets a sequence is left out: it loses nothing. */
  private static void preview(Connection connection, SqlScript.Statement statement)
      throws SQLException {
    Savepoint before = connection.setSavepoint();
    try {
      run(connection, statement);
      connection.releaseSavepoint(before);
    } catch (SQLException e) {
      if (!SqlStates.of(e).equals(SqlStates.INSUFFICIENT_PRIVILEGE)
          || !statement.words().begin("SELECT")
          || !setsSequence(statement.sql())) {
        throw e;
      }
      connection.rollback(before);
    }
  }

  private static boolean setsSequence(String sql) {
    return sql.toLowerCase(Locale.ROOT).contains("setval");
  }

  private void undo(
      Connection connection, UndoStep step, WithheldPrivileges withheld, BlockerWatch watch)
      throws SQLException {
    for (int attempt = 0; ; attempt++) {
      watch.begin(
          step.script().undoScript(), connection.unwrap(PGConnection.class).getBackendPID());
      try {
        if (step.transactional()) {
          inTransaction(connection, step, withheld);
        } else {
          outsideTransaction(connection, step, withheld);
        }
        return;
      } catch (UndoFailedException e) {
        if (SqlStates.connectionLost(e)) {
          throw e.sqlException();
        }
        if (!SqlStates.lockProblem(e) || attempt >= lockRetries) {
          throw failed(e, watch);
        }
      } finally {
        watch.end();
      }
      progress.line(
          STEP,
          "%s got no lock in time%s; rolled back, attempt %d of %d follows"
              .formatted(
                  step.script().undoScript(),
                  watch.lastBlockers().isEmpty()
                      ? ""
                      : ", held by " + String.join("; ", watch.lastBlockers()),
                  attempt + 2,
                  lockRetries + 1));
      pause();
    }
  }

  private void inTransaction(Connection connection, UndoStep step, WithheldPrivileges withheld)
      throws SQLException, UndoFailedException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      TableColumns before = TableColumns.read(connection);
      withheld.begin(connection, step.script().undoSql());
      execute(connection, step, "", Rollback::run);
      SessionSettings.reset(connection);
      if (!before.lostUntilNow(connection).isEmpty()) {
        // What was loaded may be gone; the next run loads it again.
        statement.execute("DELETE FROM learnflow_db.seed_sets");
      }
      record(connection, step, withheld);
      connection.commit();
    } catch (SQLException e) {
      throw new UndoFailedException(step, 1, e);
    } finally {
      if (!connection.isClosed()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    }
  }

  private void outsideTransaction(Connection connection, UndoStep step, WithheldPrivileges withheld)
      throws SQLException, UndoFailedException {
    // It waits for every older transaction and blocks nobody meanwhile.
    SqlText.execute(connection, "SET lock_timeout = 0");
    withheld.begin(connection, step.script().undoSql());
    execute(connection, step, "", Rollback::run);
    SqlText.execute(connection, "RESET lock_timeout");
    connection.setAutoCommit(false);
    try {
      record(connection, step, withheld);
      connection.commit();
    } finally {
      if (!connection.isClosed()) {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    }
  }

  /** To Flyway it was never applied; what was done is kept for people. */
  private void record(Connection connection, UndoStep step, WithheldPrivileges withheld)
      throws SQLException {
    UndoScript script = step.script();
    withheld
        .end(connection, "undo of " + script.version(), script.undoScript())
        .forEach(line -> progress.line(STEP, line));
    withheld.forget(connection, script.version().toString());
    deleteHistoryRow(connection, step.script().version());
    UndoScripts.delete(connection, step.script().version());
    try (PreparedStatement insert =
        connection.prepareStatement(
            "INSERT INTO learnflow_db.rollbacks (version, script, undo_sql) VALUES (?, ?, ?)")) {
      insert.setString(1, step.script().version().toString());
      insert.setString(2, step.script().script());
      insert.setString(3, step.script().undoSql());
      insert.executeUpdate();
    }
  }

  private static void deleteHistoryRow(Connection connection, MigrationVersion version)
      throws SQLException {
    try (PreparedStatement delete =
        connection.prepareStatement(
            "DELETE FROM " + SchemaState.HISTORY + " WHERE version = ? AND type <> 'DELETE'")) {
      delete.setString(1, version.toString());
      delete.executeUpdate();
    }
  }

  private Failure failed(UndoFailedException e, BlockerWatch watch) throws SQLException {
    String current;
    try (Connection connection = source.getConnection()) {
      current = SchemaState.read(connection, files).currentText();
    }
    String state =
        "%s; undone before it: %s; the database is at %s"
            .formatted(
                e.step().transactional()
                    ? "this undo was rolled back whole"
                    : "it runs outside a transaction, so indexes dropped before this one stay so",
                undone.isEmpty() ? "nothing" : String.join(", ", undone),
                current);
    if (SqlStates.lockProblem(e)) {
      return failure(e, state)
          .what(
              "%s got no lock within lock_timeout in %d attempts%s"
                  .formatted(
                      e.step().script().undoScript(),
                      lockRetries + 1,
                      watch.lastBlockers().isEmpty()
                          ? ""
                          : ": blocked by " + String.join("; ", watch.lastBlockers())))
          .next(
              "end that transaction (or wait until it ends) and run the same command again;"
                  + " --lock-timeout and --lock-retries wait longer");
    }
    return failure(e, state);
  }

  private static Failure failure(UndoFailedException e, String state) {
    SqlErrorKind kind = SqlErrorKind.of(e);
    return Failure.of(
            ExitCode.MIGRATION_FAILED,
            "%s failed: %s".formatted(e.step().script().undoScript(), MigrationFailures.message(e)))
        .where(
            "%s, line %d, SQLSTATE %s"
                .formatted(e.step().script().undoScript(), e.line, SqlStates.of(e)))
        .state(state)
        .next(
            kind.next("run the same command again")
                + (kind.isOfFile()
                    ? "; a corrected file is taken with --from-files; docs/rollback.md"
                    : ""))
        .causedBy(e);
  }

  private static void pause() {
    try {
      Thread.sleep(RETRY_PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.of(ExitCode.MIGRATION_FAILED, "interrupted while waiting for a lock")
          .causedBy(e);
    }
  }
}

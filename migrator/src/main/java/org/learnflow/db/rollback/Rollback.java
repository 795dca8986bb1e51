package org.learnflow.db.rollback;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.rollback.RollbackPlan.Loss;
import org.learnflow.db.schema.AppliedMigration;
import org.learnflow.db.schema.BlockerWatch;
import org.learnflow.db.schema.ConcurrentIndexes;
import org.learnflow.db.schema.HistoryProtection;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.UndoStep;

/**
 * Undoes applied migrations, newest first, one transaction each, with the undo scripts that are
 * stored in the database. Flyway's open edition has no undo: to it, an undone migration was never
 * applied.
 */
public final class Rollback {
  /** Its name in progress lines. */
  public static final String STEP = "rollback";

  private final DataSource source;
  private final UndoSelection selection;
  private final int lockRetries;
  private final RoleManager roles;
  private final Progress progress;

  /** Of all attempts: a lost connection starts a new one. */
  private final List<String> undone = new ArrayList<>();

  /**
   * A rollback.
   *
   * @param source sessions of the owner, with lock_timeout set
   * @param files to compare with what was applied
   * @param target the newest version to keep; empty to keep none
   * @param fromFiles whether undo scripts come from {@code files}, not from the database
   * @param lockRetries how often an undo is tried again after lock_timeout or a deadlock
   * @param roles grants the service role its privileges on what is created again
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
    this.selection = new UndoSelection(files, target, fromFiles);
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

  /** Whether migrations newer than the target are applied, or failed halfway. */
  public boolean isNeeded(Connection connection) throws SQLException {
    return selection.isNeeded(read(connection));
  }

  private SchemaState read(Connection connection) throws SQLException {
    return SchemaState.read(connection, selection.files());
  }

  /**
   * What {@link #undo} would do and lose; found out by doing it in a transaction that is rolled
   * back.
   *
   * @param connection a session of the owner in autocommit mode
   * @throws Failure 10 if it would be refused, 6 if an undo script fails, 2 if the target does not
   *     exist
   */
  public RollbackPlan plan(Connection connection) throws SQLException {
    SchemaState state = read(connection);
    selection.requireKnownTarget(state);
    if (!selection.isNeeded(state)) {
      return plan(state, List.of(), List.of(), Optional.empty());
    }
    return locked(
        connection,
        () -> {
          SchemaState now = read(connection);
          List<UndoStep> steps = selection.steps(connection, now);
          List<TableColumns.Change> lost = new ArrayList<>();
          try (var _ = Ongoing.begin(progress, STEP, "finding out what is lost")) {
            Optional<String> unseen = new Preview(source, roles, progress).run(steps, lost);
            List<Loss> counted = new ArrayList<>();
            for (TableColumns.Change change : lost) {
              TableColumns.counted(connection, change).ifPresent(counted::add);
            }
            return plan(now, steps, counted, unseen);
          }
        });
  }

  private RollbackPlan plan(
      SchemaState state, List<UndoStep> steps, List<Loss> lost, Optional<String> unseen) {
    return new RollbackPlan(
        state.currentText(),
        selection.kept(state),
        steps.stream().map(step -> step.script().script()).toList(),
        selection.failed(state).stream().map(AppliedMigration::script).toList(),
        List.copyOf(lost),
        unseen);
  }

  /**
   * Undoes what is newer than the target; does nothing if that was done already.
   *
   * @param connection a session of the owner in autocommit mode
   * @param agreed what was agreed to
   * @return the undone migrations by file name, newest first
   * @throws Failure 10 if it is refused, 6 if an undo script fails
   */
  public List<String> undo(Connection connection, RollbackPlan agreed) throws SQLException {
    return locked(
        connection,
        () -> {
          SchemaState state = read(connection);
          List<UndoStep> steps = selection.steps(connection, state);
          requireAgreed(steps, agreed);
          CatalogLedger.begin(connection);
          for (AppliedMigration row : selection.failed(state)) {
            new ConcurrentIndexes(connection, progress).abandon(STEP, row.version());
            UndoExecution.deleteHistoryRow(connection, row.version());
            progress.line(STEP, "removed what the failed %s left".formatted(row.script()));
          }
          UndoRun run =
              new UndoRun(
                  source,
                  selection.files(),
                  lockRetries,
                  new UndoExecution(roles.withheld(connection), progress),
                  progress);
          try (BlockerWatch watch = new BlockerWatch(source, STEP, progress)) {
            for (UndoStep step : steps) {
              // What a script leaves in its session must not reach the next one.
              progress
                  .trace()
                  .part(
                      "undo " + step.script().version(),
                      part -> {
                        part.tell("learnflow_db.migration.version", step.script().version());
                        try (Connection session = source.getConnection()) {
                          run.undo(session, step, watch, undone, agreed.undo().size());
                        }
                        return step;
                      });
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
      // A lost connection ends this run anyway, or makes it start again.
    }
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
              "%s was applied in the meantime by another migrator"
                  .formatted(String.join(", ", more)))
          .state("nothing was changed")
          .next("run the same command again, to see what would be undone now");
    }
  }
}

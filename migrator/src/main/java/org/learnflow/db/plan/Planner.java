package org.learnflow.db.plan;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.NotRestorable;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.schema.Confinement;
import org.learnflow.db.schema.FlywayRun;
import org.learnflow.db.schema.MigrationFailures;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.Migrator;
import org.learnflow.db.schema.PendingCheck;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.schema.ScratchDatabase;
import org.learnflow.db.schema.SharedSession;
import org.learnflow.db.schema.Trial;

/**
 * Finds out what pending migrations will do, by applying all migrations to a {@link
 * ScratchDatabase}. The real database is only read, and no table of it is locked.
 */
public final class Planner {
  private static final String STEP = "plan";

  /**
   * Not pg_total_relation_size: it waits for the session that holds ACCESS EXCLUSIVE on the table.
   */
  private static final String SIZES =
      """
      SELECT t.name, coalesce(f.pages, 0) * current_setting('block_size')::bigint,
             coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), greatest(c.reltuples, 0)::bigint, 0)
      FROM unnest(?) t (name)
      LEFT JOIN pg_class c ON c.oid = to_regclass(t.name)
      LEFT JOIN LATERAL (
        SELECT sum(r.relpages) AS pages FROM pg_class r
        WHERE r.oid IN (c.oid, c.reltoastrelid)
           OR r.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid IN (c.oid, c.reltoastrelid))) f ON true
      """;

  private final MigrationFiles files;
  private final Progress progress;

  /** A planner for the migrations in {@code files}. */
  public Planner(MigrationFiles files, Progress progress) {
    this.files = files;
    this.progress = progress;
  }

  /** Creates a scratch database on the server of a session. */
  @FunctionalInterface
  public interface ScratchMaker {
    /** Creates it; {@code connection} stays open for as long as it is used. */
    ScratchDatabase create(Connection connection) throws SQLException;
  }

  /**
   * Finds out what is pending and what it does.
   *
   * @param connection a session of the owner in the real database, in autocommit mode
   * @throws Failure 6 if a migration fails in the scratch database, 7 if history and files differ,
   *     10 if a scratch database cannot be created
   */
  public MigrationPlan plan(Connection connection, ScratchMaker scratches) throws SQLException {
    SchemaState state = SchemaState.read(connection, files);
    state.requireUnchanged();
    PendingCheck.require(files, state.pending());
    if (state.pending().isEmpty()) {
      ScratchDatabase.sweep(connection, progress);
      return new MigrationPlan(state.currentText(), List.of(), List.of(), List.of());
    }
    Trial trial = Trial.of(files);
    List<PlanObserver.Observed> observed;
    List<String> notes;
    try (ScratchDatabase scratch = scratches.create(connection);
        Connection own = scratch.source().getConnection()) {
      Confinement confinement = new Confinement(connection, scratch.name(), true, progress);
      String what = "applying the migrations to " + scratch.name();
      try (var _ = Ongoing.begin(progress, STEP, what)) {
        applyAgain(scratch, own, trial, confinement, state);
        observed = observe(scratch, own, trial, confinement, state);
        notes = NotRestorable.breaking(own);
      } finally {
        confinement.compare();
      }
    }
    return new MigrationPlan(
        state.currentText(),
        steps(observed, connection),
        trial.leftOut().stream()
            .filter(one -> !state.applied().containsKey(one.file().version()))
            .map(Trial.LeftOut::text)
            .toList(),
        notes);
  }

  /** Applies what the real database already has. */
  private void applyAgain(
      ScratchDatabase scratch,
      Connection own,
      Trial trial,
      Confinement confinement,
      SchemaState state)
      throws SQLException {
    MigrationFiles applied =
        trial
            .files()
            .only(
                trial.files().files().stream()
                    .filter(file -> state.applied().containsKey(file.version()))
                    .toList());
    try {
      new Migrator(
              scratch.source(),
              applied,
              0,
              Progress.SILENT,
              Optional.empty(),
              Optional.of(confinement))
          .migrate(own, Optional.empty());
    } catch (Failure failure) {
      if (failure.code() == ExitCode.REFUSED) {
        throw failure;
      }
      throw inScratch(failure, state)
          .next("it is already applied, so do not change the file; see docs/how-to/plan.md");
    }
  }

  private List<PlanObserver.Observed> observe(
      ScratchDatabase scratch,
      Connection own,
      Trial trial,
      Confinement confinement,
      SchemaState state)
      throws SQLException {
    PlanObserver observer = new PlanObserver(own, confinement);
    List<MigrationFile> pending =
        trial.files().files().stream()
            .filter(file -> !state.applied().containsKey(file.version()))
            .toList();
    try {
      for (List<MigrationFile> left = pending; !left.isEmpty(); ) {
        List<MigrationFile> together = SharedSession.first(own, left);
        new FlywayRun(scratch.source(), together, observer).migrate();
        left = left.subList(together.size(), left.size());
      }
      return observer.observed();
    } catch (RuntimeException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      Optional<Failure> known = Failure.in(e);
      if (known.filter(failure -> failure.code() == ExitCode.REFUSED).isPresent()) {
        throw known.get();
      }
      Failure failure =
          known.orElseGet(() ->
              new MigrationFailures(scratch.source(), files, pending)
                  .describe(e, observer.current(), List.of(), 1));
      throw inScratch(failure, state)
          .next(failure.next().orElse("").replace("learnflow-db migrate", "learnflow-db plan"));
    }
  }

  private static Failure inScratch(Failure failure, SchemaState state) {
    return failure
        .what(failure.what() + " (in a scratch database)")
        .state("the real database was not changed; it is at " + state.currentText());
  }

  private static List<MigrationPlan.Step> steps(
      List<PlanObserver.Observed> observed, Connection connection) throws SQLException {
    List<String> names =
        observed.stream().flatMap(one -> one.tables().keySet().stream()).distinct().toList();
    Map<String, MigrationPlan.Size> sizes = sizes(connection, names);
    List<MigrationPlan.Step> steps = new ArrayList<>();
    for (PlanObserver.Observed one : observed) {
      List<MigrationPlan.TableEffect> tables = new ArrayList<>();
      one.tables()
          .forEach((name, effect) ->
              tables.add(
                  new MigrationPlan.TableEffect(
                      shown(name),
                      effect.lock(),
                      effect.rewritten(),
                      effect.rebuiltIndexes().stream().map(Planner::shown).toList(),
                      sizes.getOrDefault(name, new MigrationPlan.Size(0L, 0)))));
      steps.add(new MigrationPlan.Step(one.file(), one.transaction(), List.copyOf(tables)));
    }
    return List.copyOf(steps);
  }

  private static String shown(String name) {
    return name.startsWith("public.") ? name.substring("public.".length()) : name;
  }

  private static Map<String, MigrationPlan.Size> sizes(Connection connection, List<String> names)
      throws SQLException {
    Map<String, MigrationPlan.Size> sizes = new HashMap<>();
    Array array = connection.createArrayOf("text", names.toArray());
    try (PreparedStatement select = connection.prepareStatement(SIZES)) {
      select.setArray(1, array);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          long bytes = row.getLong(2);
          long rows = row.getLong(3);
          sizes.put(
              row.getString(1),
              new MigrationPlan.Size(bytes == 0 && rows > 0 ? null : bytes, rows));
        }
      }
    }
    return sizes;
  }
}

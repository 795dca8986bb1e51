package org.learnflow.db.cli;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.RecordedRun;
import org.learnflow.db.verify.ReleaseStages;
import org.learnflow.db.verify.ServiceRoutes;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;

/**
 * The stages that {@link VerifyCommand} prints, and {@link ReportCommand} writes down.
 *
 * @param withOptions makes commands in a text pasteable
 */
record Checks(DatabaseOptions database, ClusterOptions cluster, UnaryOperator<String> withOptions) {
  /**
   * Checks everything; what keeps it from being checked is a stage that fails.
   *
   * @param seeds the sets that must be loaded, of a release or of none
   * @param recorded with which what was found is recorded, if it is to be
   * @throws Failure 2 if the command line is invalid
   */
  Verification verification(
      MigrationFiles migrations,
      Function<Optional<Release>, List<SeedSet>> seeds,
      VerifyOptions verifying,
      Optional<RecordedRun> recorded,
      ConsoleProgress progress) {
    List<StageResult> stages = new CopyOnWriteArrayList<>();
    AtomicReference<String> looking = new AtomicReference<>("reachable");
    try {
      new TimeLimit(database.timeout())
          .run(() -> {
            verify(migrations, seeds, verifying, recorded, progress, stages, looking);
            return stages;
          });
    } catch (Failure failure) {
      if (failure.code() == ExitCode.USAGE) {
        throw failure;
      }
      failure.next().ifPresent(next -> progress.line("next", next));
      switch (failure.code()) {
        case NOT_DEPLOYED -> {
          progress.line("verify", failure.what());
          return Verification.notDeployed();
        }
        default ->
            stages.add(new StageResult(failed(stages, looking.get()), false, failure.what()));
      }
    }
    return new Verification(true, stages.stream().map(this::pasteable).toList());
  }

  private StageResult pasteable(StageResult stage) {
    int next = stage.detail().indexOf("next: ");
    return next < 0
        ? stage
        : new StageResult(
            stage.name(),
            stage.ok(),
            stage.warning(),
            stage.detail().substring(0, next) + withOptions.apply(stage.detail().substring(next)));
  }

  /**
   * The stage that failed.
   *
   * @param looking the one that was under way once the database was found
   */
  private String failed(List<StageResult> stages, String looking) {
    List<String> done = stages.stream().map(StageResult::name).toList();
    if (done.contains("credentials") || cluster.namedRelease().isEmpty()) {
      return looking;
    }
    return done.contains("release") ? "credentials" : database.isNamed() ? looking : "release";
  }

  private void verify(
      MigrationFiles migrations,
      Function<Optional<Release>, List<SeedSet>> seeds,
      VerifyOptions verifying,
      Optional<RecordedRun> recorded,
      ConsoleProgress progress,
      List<StageResult> stages,
      AtomicReference<String> looking) {
    Optional<Release> release = database.release(cluster);
    List<SeedSet> sets = seeds.apply(release);
    Optional<ReleaseStages> around = release.map(found -> new ReleaseStages(cluster.api(), found));
    around.map(ReleaseStages::deployed).ifPresent(stages::add);
    DatabaseAccess access = database.access(cluster, false, progress);
    around.map(ReleaseStages::credentials).ifPresent(stages::add);
    Optional<StageResult> pod = around.flatMap(found -> found.pod(access.target()));
    pod.ifPresent(stages::add);
    if (pod.filter(stage -> !stage.ok()).isPresent()) {
      return;
    }
    Verifier verifier = new Verifier(access, migrations, sets, verifying.requireNewestMinor());
    try (Session session = access.ownerSession()) {
      stages.addAll(verifier.verify(session).stages());
      looking.set("tls");
      stages.addAll(verifier.encryption(session));
      looking.set("pooler");
      stages.addAll(ServiceRoutes.look(access));
      looking.set("drift");
      stages.add(session.run("verify", verifier::drift));
      looking.set("published");
      around
          .map(found ->
              found.published(
                  access.target(),
                  session.run(
                      "verify",
                      connection -> SchemaState.read(connection, migrations).currentText())))
          .ifPresent(stages::add);
      recorded.ifPresent(
          run -> run.verified(session, access, new Verification(true, List.copyOf(stages))));
    }
  }
}

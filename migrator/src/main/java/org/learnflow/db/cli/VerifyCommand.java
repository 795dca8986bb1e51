package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.pipeline.RecordedRun;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.ReleaseStages;
import org.learnflow.db.verify.ServiceRoutes;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Checks the database. */
@Command(
    name = "verify",
    description =
        "Checks the database stage by stage; the last line is healthy, unhealthy: REASON, not"
            + " deployed or, if the command line is invalid, not checked: REASON. Exit code 0, 1 or"
            + " 2. A stage that starts with ! is a warning and does not make the database"
            + " unhealthy. Takes no longer than --timeout.")
final class VerifyCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();
  @Mixin private VerifyOptions verifying = new VerifyOptions();

  @Option(
      names = "--record",
      description =
          "Records in the database what was found, for metrics: docs/how-to/monitoring.md.")
  private boolean record;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    Verification verification = verification(migrations, progress);
    print(
        Stream.concat(
                verification.stages().stream().map(StageResult::line),
                Stream.of(verification.summary()))
            .collect(Collectors.joining("\n")),
        document(verification));
    conclude(verification.summary());
    return verification.healthy() ? ExitCode.OK : ExitCode.FAILED;
  }

  private Verification verification(MigrationFiles migrations, ConsoleProgress progress) {
    List<StageResult> stages = new CopyOnWriteArrayList<>();
    try {
      new TimeLimit(database.timeout())
          .run(() -> {
            verify(migrations, progress, stages);
            return stages;
          });
    } catch (Failure failure) {
      if (failure.code() == ExitCode.USAGE) {
        if (!output().isJson()) {
          print("not checked: " + failure.what(), Map.of());
        }
        throw failure;
      }
      failure.next().ifPresent(next -> progress.line("next", next));
      switch (failure.code()) {
        case NOT_DEPLOYED -> {
          progress.line("verify", failure.what());
          return Verification.notDeployed();
        }
        default -> stages.add(new StageResult(stageAfter(stages), false, failure.what()));
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
            stage.detail().substring(0, next) + pasteable(stage.detail().substring(next)));
  }

  /** The stage that failed: the one after the last good one. */
  private String stageAfter(List<StageResult> stages) {
    List<String> done = stages.stream().map(StageResult::name).toList();
    if (done.contains("reachable")) {
      return "published";
    }
    if (done.contains("credentials") || cluster().namedRelease().isEmpty()) {
      return "reachable";
    }
    return done.contains("release") ? "credentials" : database.isNamed() ? "reachable" : "release";
  }

  private void verify(
      MigrationFiles migrations, ConsoleProgress progress, List<StageResult> stages) {
    Optional<Release> release = database.release(cluster());
    List<SeedSet> sets = seeds.sets(files, release);
    Optional<ReleaseStages> around =
        release.map(found -> new ReleaseStages(cluster().api(), found));
    around.map(ReleaseStages::deployed).ifPresent(stages::add);
    DatabaseAccess access = database.access(cluster(), false, progress);
    around.map(ReleaseStages::credentials).ifPresent(stages::add);
    Optional<StageResult> pod = around.flatMap(found -> found.pod(access.target()));
    pod.ifPresent(stages::add);
    if (pod.filter(stage -> !stage.ok()).isPresent()) {
      return;
    }
    RecordedRun recorded = new RecordedRun("verify", migrations);
    Verifier verifier = new Verifier(access, migrations, sets, verifying.requireNewestMinor());
    try (Session session = access.ownerSession()) {
      stages.addAll(verifier.verify(session).stages());
      stages.addAll(verifier.encryption(session));
      stages.addAll(ServiceRoutes.look(access));
      stages.add(session.run("verify", verifier::drift));
      around
          .map(found ->
              found.published(
                  access.target(),
                  session.run(
                      "verify",
                      connection -> SchemaState.read(connection, migrations).currentText())))
          .ifPresent(stages::add);
      if (record) {
        recorded.verified(session, access, new Verification(true, List.copyOf(stages)));
      }
    }
  }

  static Map<String, Object> document(Verification verification) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put(
        "status",
        !verification.deployed()
            ? "not deployed"
            : verification.healthy() ? "healthy" : "unhealthy");
    document.put("reason", verification.reason().orElse(""));
    document.put("stages", verification.stages());
    return document;
  }
}

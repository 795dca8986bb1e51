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
import org.learnflow.db.connect.Session;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Checks the database. */
@Command(
    name = "verify",
    description =
        "Checks the database stage by stage; last line: healthy, unhealthy: REASON, not"
            + " deployed or, where the command line cannot be used, not checked: REASON. Exit code 0,"
            + " 1 or 2. A stage with ! before it is a warning, and no reason to be"
            + " unhealthy. It takes no longer than --timeout in all.")
final class VerifyCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    Verification verification = verification(migrations, progress);
    print(
        Stream.concat(
                verification.stages().stream().map(VerifyCommand::line),
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

  /** The stage that failed: the one behind the last good one. */
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
    release.ifPresent(found ->
        stages.add(
            new StageResult(
                "release",
                true,
                "%s in namespace %s, %s"
                    .formatted(found.name(), found.namespace(), found.chart()))));
    DatabaseOptions.Target target = database.target(cluster(), false, progress);
    if (release.isPresent()) {
      stages.add(credentials(release.get()));
      Optional<StageResult> pod = pod(release.get(), target);
      pod.ifPresent(stages::add);
      if (pod.filter(stage -> !stage.ok()).isPresent()) {
        return;
      }
    }
    Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
    try (Session session = steps.ownerSession()) {
      stages.addAll(steps.verify(session, migrations, sets).stages());
      stages.add(session.run("verify", steps.verifier(migrations, sets)::drift));
      if (release.isPresent()) {
        String version =
            session.run(
                "verify", connection -> SchemaState.read(connection, migrations).currentText());
        stages.add(published(release.get(), target, version));
      }
    }
  }

  private StageResult credentials(Release release) {
    Optional<String> interrupted = CredentialsSecret.interruption(cluster().api(), release);
    return new StageResult(
        "credentials",
        interrupted.isEmpty(),
        interrupted.orElse(release.credentialsSecret().name() + " is complete"));
  }

  private static Optional<StageResult> pod(Release release, DatabaseOptions.Target target) {
    return release
        .statefulSet()
        .map(set ->
            target
                .hosting()
                .obstacle()
                .map(obstacle ->
                    new StageResult(
                        "pod", false, "%s; next: %s".formatted(obstacle.what(), obstacle.next())))
                .orElseGet(() -> new StageResult("pod", true, set + "-0 is ready")));
  }

  private StageResult published(Release release, DatabaseOptions.Target target, String version) {
    List<String> namespaces = release.publishNamespaces();
    List<String> wrong =
        new KubernetesTarget(cluster().api(), release.name(), namespaces)
            .compare(PublishOptions.connection(target), version).stream()
                .filter(found -> !found.matches())
                .map(found ->
                    "%s in namespace %s is %s"
                        .formatted(found.object(), found.namespace(), found.state()))
                .toList();
    if (!wrong.isEmpty()) {
      return new StageResult(
          "published",
          false,
          "%s; next: learnflow-db publish --release %s --namespace %s"
              .formatted(String.join("; ", wrong), release.name(), release.namespace()));
    }
    return new StageResult(
        "published",
        true,
        namespaces.isEmpty() ? "nowhere, as asked for" : "in " + String.join(", ", namespaces));
  }

  /** A stage as a line: {@code ✓ migrations: 9 applied, at 009}; {@code !} before a warning. */
  static String line(StageResult stage) {
    return "%s %s: %s"
        .formatted(stage.warning() ? "!" : stage.ok() ? "✓" : "✗", stage.name(), stage.detail());
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

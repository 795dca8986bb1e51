package org.learnflow.db.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Session;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.Rebuild;
import org.learnflow.db.schema.SchemaState;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Keeps what is published as it should be, again and again; never migrates. */
@Command(
    name = "reconcile",
    description =
        "For a schedule: verifies the database, tells what was changed outside migrations, and"
            + " publishes the connection where it is missing or differs. Migrates nothing, loads"
            + " nothing, makes no role. Where another learnflow-db is changing the database, it does"
            + " nothing and ends with 0.")
final class ReconcileCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Option(
      names = "--rebuild-empty",
      description =
          "Where no migration is applied, do what run does: for a database without a volume, whose"
              + " data went with its pod.")
  private boolean rebuildEmpty;

  /** How it ended. */
  private enum Outcome {
    UNCHANGED,
    PUBLISHED,
    REBUILT,
    SKIPPED,
    UNHEALTHY
  }

  /**
   * What was found and done.
   *
   * @param reason why it was skipped
   * @param pending migrations that were left alone
   */
  private record Result(
      Outcome outcome,
      String reason,
      String schemaVersion,
      List<String> pending,
      List<StageResult> stages,
      String published) {
    Verification verification() {
      return new Verification(true, stages);
    }

    List<StageResult> warnings() {
      return stages.stream().filter(StageResult::warning).toList();
    }

    String text() {
      return switch (outcome) {
        case SKIPPED -> "skipped: " + reason;
        case UNHEALTHY -> verification().summary();
        case UNCHANGED -> "nothing to do: schema at " + schemaVersion + "\nhealthy";
        case PUBLISHED -> "published again: " + published + "\nhealthy";
        case REBUILT -> "made anew: schema at " + schemaVersion + "\nhealthy";
      };
    }

    Map<String, Object> document() {
      Map<String, Object> document = new LinkedHashMap<>();
      document.put("outcome", outcome.name().toLowerCase(Locale.ROOT));
      document.put("reason", reason);
      document.put("schemaVersion", schemaVersion);
      document.put("pending", pending);
      document.put("stages", stages);
      document.put("published", published);
      return document;
    }
  }

  @Override
  boolean raisesEvents() {
    return true;
  }

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    MigrationFiles migrations = files.migrations();
    List<SeedSet> sets = seeds.sets(files, database.release(cluster()));
    DatabaseOptions.Target target = database.target(cluster(), false, progress);
    Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
    Pipeline pipeline =
        new Pipeline(
            target,
            migrations,
            sets,
            new MigrateOptions(),
            new SeedOptions.Loading(),
            publishing,
            cluster(),
            progress);
    try (Session session = steps.ownerSession()) {
      Result result =
          look(steps, session, pipeline).orElseGet(() -> rebuild(steps, session, pipeline));
      print(result.text(), result.document());
      conclude(conclusion(result, pipeline));
      return result.outcome() == Outcome.UNHEALTHY ? ExitCode.FAILED : ExitCode.OK;
    }
  }

  private static String conclusion(Result result, Pipeline pipeline) {
    if (result.outcome() == Outcome.SKIPPED || result.outcome() == Outcome.UNHEALTHY) {
      return result.text();
    }
    return pipeline.healthy(result.schemaVersion())
        + result.warnings().stream()
            .map(stage -> "; warning: %s: %s".formatted(stage.name(), stage.detail()))
            .collect(Collectors.joining());
  }

  /** What is to be done with a database that is there; nothing where it is to be made anew. */
  private Optional<Result> look(Steps steps, Session session, Pipeline pipeline) {
    try {
      // One step, so that a lost connection, and the locks with it, begins it again.
      return session.run("reconcile", connection -> look(steps, connection, pipeline));
    } catch (Failure failure) {
      if (rebuildEmpty && failure.code() == ExitCode.NOT_DEPLOYED) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  /**
   * Under the locks that everybody takes who changes something, so that nothing is published that
   * is no longer true; whoever comes meanwhile waits for them.
   */
  private Optional<Result> look(Steps steps, Connection connection, Pipeline pipeline)
      throws SQLException {
    Optional<AdvisoryLock.Held> busy = AdvisoryLock.tryAll(connection);
    if (busy.isPresent()) {
      busy.get().refuseForeign();
      String reason = "another learnflow-db is changing the database: " + busy.get().text();
      return Optional.of(new Result(Outcome.SKIPPED, reason, "", List.of(), List.of(), ""));
    }
    try {
      SchemaState state = SchemaState.read(connection, pipeline.migrations());
      boolean empty = state.applied().isEmpty() && state.failed().isEmpty();
      if (rebuildEmpty && (empty || Rebuild.isUnfinished(connection))) {
        return Optional.empty();
      }
      return Optional.of(keep(steps, connection, pipeline, state));
    } finally {
      releaseQuietly(connection);
    }
  }

  private static void releaseQuietly(Connection connection) {
    try {
      AdvisoryLock.releaseAll(connection);
    } catch (SQLException e) {
      // Gone with the session.
    }
  }

  private Result keep(Steps steps, Connection connection, Pipeline pipeline, SchemaState state)
      throws SQLException {
    ConsoleProgress progress = pipeline.progress();
    Verifier verifier = steps.verifier(pipeline.migrations(), pipeline.sets());
    List<StageResult> stages = new ArrayList<>(verifier.verifyAsItIs(connection).stages());
    steps.login().ifPresent(stages::add);
    stages.add(verifier.drift(connection));
    List<String> pending = state.pending().stream().map(MigrationFile::name).toList();
    Verification verification = new Verification(true, List.copyOf(stages));
    if (!verification.healthy()) {
      Pipeline.tellUnhealthy(verification, progress);
      return new Result(
          Outcome.UNHEALTHY, "", state.currentText(), pending, verification.stages(), "");
    }
    progress.line("verify", "healthy, %d stages".formatted(stages.size()));
    stages.stream()
        .filter(StageResult::warning)
        .forEach(stage -> progress.line("verify", VerifyCommand.line(stage)));
    if (!pending.isEmpty()) {
      progress.line("migrate", "not done by reconcile; the next helm upgrade or sync does it");
    }
    String published = steps.publishLocked(publishing, cluster(), state.currentText());
    progress.line("publish", published);
    return new Result(
        published.endsWith("written") ? Outcome.PUBLISHED : Outcome.UNCHANGED,
        "",
        state.currentText(),
        pending,
        verification.stages(),
        published);
  }

  /** The locks were given back: this is what any run does, and several may at once. */
  private Result rebuild(Steps steps, Session session, Pipeline pipeline) {
    ConsoleProgress progress = pipeline.progress();
    progress.line("reconcile", "the database is empty; doing everything that run does");
    List<String> roles = steps.roles(session);
    session.run(
        "reconcile",
        connection -> {
          Rebuild.begin(connection, progress);
          return true;
        });
    Pipeline.Outcome outcome = pipeline.run(steps, session, roles);
    boolean healthy = outcome.verification().healthy();
    if (healthy) {
      session.run(
          "reconcile",
          connection -> {
            Rebuild.finish(connection);
            return true;
          });
    }
    return new Result(
        healthy ? Outcome.REBUILT : Outcome.UNHEALTHY,
        "",
        outcome.migrated().to(),
        List.of(),
        outcome.verification().stages(),
        outcome.published());
  }
}

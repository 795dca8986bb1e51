package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.pipeline.Pipeline;
import org.learnflow.db.pipeline.Reconcile;
import org.learnflow.db.schema.MigrateStep;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.seed.SeedStep;
import org.learnflow.db.verify.RecordedRun;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Keeps the published connection up to date, on a schedule; never migrates. */
@Command(
    name = "reconcile",
    description =
        "For a schedule: verifies the database, reports what was changed outside migrations, and"
            + " publishes the connection again if it is missing or differs. Renews the server's"
            + " certificate if --tls-secret is given. Applies no migration,"
            + " loads no seeds and creates no role. If another learnflow-db is changing the"
            + " database, it does nothing and exits with 0.")
final class ReconcileCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();
  @Mixin private TlsOptions tls = new TlsOptions();
  @Mixin private VerifyOptions verifying = new VerifyOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Option(
      names = "--rebuild-empty",
      description =
          "If no migration is applied, do what run does: for a database without a volume, which"
              + " loses its data with its pod.")
  private boolean rebuildEmpty;

  @Override
  boolean raisesEvents() {
    return true;
  }

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    publishing.prepare(cluster());
    Optional<Failure> certificate = renewCertificate(progress);
    MigrationFiles migrations = files.migrations();
    List<SeedSet> sets = seeds.sets(files, database.release(cluster()));
    DatabaseAccess access = database.access(cluster(), false, progress);
    Pipeline pipeline =
        new Pipeline(
            access,
            MigrateStep.all(migrations, progress),
            SeedStep.missing(progress),
            sets,
            verifying.requireNewestMinor(),
            publishing.publisher(access, database, cluster(), progress),
            progress);
    try (Session session = access.ownerSession()) {
      Reconcile.Result result =
          new RecordedRun("reconcile", migrations)
              .in(
                  session,
                  () -> new Reconcile(pipeline, rebuildEmpty).run(session),
                  Reconcile.Result::verified);
      print(text(result), document(result));
      conclude(conclusion(result, pipeline));
      certificate.ifPresent(failure -> {
        throw failure;
      });
      return result.outcome() == Reconcile.Outcome.UNHEALTHY ? ExitCode.FAILED : ExitCode.OK;
    }
  }

  /** A failure does not keep the database from being verified and published; it is thrown after. */
  private Optional<Failure> renewCertificate(ConsoleProgress progress) {
    try {
      tls.ensure(cluster(), false, progress);
      return Optional.empty();
    } catch (Failure failure) {
      progress.line("tls", failure.what());
      return Optional.of(failure);
    }
  }

  private static String conclusion(Reconcile.Result result, Pipeline pipeline) {
    if (result.outcome() == Reconcile.Outcome.SKIPPED
        || result.outcome() == Reconcile.Outcome.UNHEALTHY) {
      return text(result);
    }
    return pipeline.healthy(result.schemaVersion())
        + result.warnings().stream()
            .map(stage -> "; warning: %s: %s".formatted(stage.name(), stage.detail()))
            .collect(Collectors.joining());
  }

  /** How it ended, as a document. */
  private static Map<String, Object> document(Reconcile.Result result) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("outcome", result.outcome().name().toLowerCase(Locale.ROOT));
    document.put("reason", result.reason());
    document.put("schemaVersion", result.schemaVersion());
    document.put("pending", result.pending());
    document.put("stages", result.stages());
    document.put("published", result.published());
    return document;
  }

  private static String text(Reconcile.Result result) {
    return switch (result.outcome()) {
      case SKIPPED -> "skipped: " + result.reason();
      case UNHEALTHY -> result.verification().summary();
      case UNCHANGED -> "nothing to do: schema at " + result.schemaVersion() + "\nhealthy";
      case PUBLISHED -> "published again: " + result.published() + "\nhealthy";
      case REBUILT -> "rebuilt: schema at " + result.schemaVersion() + "\nhealthy";
    };
  }
}

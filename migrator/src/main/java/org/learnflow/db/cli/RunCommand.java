package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.backup.RequestedDump;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.pipeline.Pipeline;
import org.learnflow.db.schema.BeforeMigrations;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.seed.SeedReport;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.Verification;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The whole pipeline. */
@Command(
    name = "run",
    description =
        "Runs every step: wait, roles, migrate, seed, verify, publish. Run it again at any time: it"
            + " does only what is left to do.")
final class RunCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();
  @Mixin private VerifyOptions verifying = new VerifyOptions();
  @Mixin private SeedOptions.Loading loading = new SeedOptions.Loading();
  @Mixin private MigrateOptions migrating = new MigrateOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Option(
      names = "--dump-requests",
      paramLabel = "DIR",
      hidden = true,
      description =
          "For the chart's migrate Job: before migrations are applied to a database that has some,"
              + " request a dump in this folder, and apply none without it.")
  private @Nullable Path dumpRequests;

  @Override
  boolean raisesEvents() {
    return true;
  }

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    publishing.prepare(cluster());
    migrating.check();
    MigrationFiles migrations = files.migrations();
    List<SeedSet> sets = seeds.sets(files, database.release(cluster()));
    DatabaseAccess access = database.access(cluster(), true, progress);
    Optional<RequestedDump> dump =
        Optional.ofNullable(dumpRequests).map(folder -> new RequestedDump(folder, progress));
    Pipeline pipeline =
        new Pipeline(
            access,
            migrating
                .step(migrations, progress)
                .after(dump.isPresent() ? dump.get() : BeforeMigrations.NOTHING),
            loading.step(progress),
            sets,
            verifying.requireNewestMinor(),
            publishing.publisher(access, database, cluster(), progress),
            progress);
    try (Session session = access.ownerSession()) {
      Pipeline.Outcome outcome = pipeline.run(session);
      Verification verification = outcome.verification();
      print(text(outcome), document(outcome));
      conclude(
          verification.healthy()
              ? pipeline.healthy(outcome.migrated().to())
              : verification.summary());
      dump.ifPresent(RequestedDump::end);
      return verification.healthy() ? ExitCode.OK : ExitCode.FAILED;
    }
  }

  private static String text(Pipeline.Outcome outcome) {
    if (!outcome.verification().healthy()) {
      return outcome.verification().summary();
    }
    MigrationReport migrated = outcome.migrated();
    return (outcome.nothingDone()
            ? "nothing to do: schema at " + migrated.to()
            : "done: schema at %s, %d migrations applied, %d seed sets loaded"
                .formatted(
                    migrated.to(),
                    migrated.applied().size(),
                    outcome.seeded().stream().filter(SeedReport::loaded).count()))
        + "\nhealthy";
  }

  private static Map<String, Object> document(Pipeline.Outcome outcome) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("roles", outcome.roles());
    document.put("migrations", outcome.migrated());
    document.put("seeds", outcome.seeded());
    document.put("verification", VerifyCommand.document(outcome.verification()));
    document.put("published", outcome.published());
    document.put("seconds", outcome.seconds());
    return document;
  }
}

package org.learnflow.db.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.seed.SeedReport;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.Verification;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The whole pipeline. */
@Command(
    name = "run",
    description =
        "Does everything: wait, roles, migrate, seed, verify, publish. Run again, it does what is"
            + " left to do.")
final class RunCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();
  @Mixin private SeedOptions.Loading loading = new SeedOptions.Loading();
  @Mixin private MigrateOptions migrating = new MigrateOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init")
  private PublishOptions publishing;

  @Override
  boolean raisesEvents() {
    return true;
  }

  @Override
  ExitCode execute(ConsoleProgress progress) {
    publishing.check();
    migrating.check();
    MigrationFiles migrations = files.migrations();
    List<SeedSet> sets = seeds.sets(files, database.release(cluster()));
    DatabaseOptions.Target target = database.target(cluster(), true, progress);
    Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
    try (Session session = steps.ownerSession()) {
      Optional<List<String>> roles = steps.roles(session);
      MigrationReport migrated = migrating.migrate(session, migrations, progress);
      List<SeedReport> seeded = loading.load(session, sets, progress);
      Verification verification = VerifyCommand.verify(session, migrations, sets, target.names());
      if (!verification.healthy()) {
        verification.stages().forEach(stage -> progress.line("verify", VerifyCommand.line(stage)));
        progress.line("publish", "not done, since the database is not healthy");
        print(verification.summary(), document(roles, migrated, seeded, verification, ""));
        conclude(verification.summary());
        return ExitCode.FAILED;
      }
      progress.line("verify", "healthy, %d stages".formatted(verification.stages().size()));
      String published =
          steps.publish(session, () -> publishing.publish(target, cluster(), migrated.to()));
      progress.line("publish", published);
      print(
          text(roles, migrated, seeded, published),
          document(roles, migrated, seeded, verification, published));
      conclude(
          "healthy, schema %s, published to %s"
              .formatted(migrated.to(), publishing.place(target, cluster())));
      return ExitCode.OK;
    }
  }

  private static String text(
      Optional<List<String>> roles,
      MigrationReport migrated,
      List<SeedReport> seeded,
      String published) {
    boolean nothingDone =
        roles.map(List::isEmpty).orElse(true)
            && migrated.applied().isEmpty()
            && seeded.stream().noneMatch(SeedReport::loaded)
            && !published.endsWith("written");
    return (nothingDone
            ? "nothing to do: schema at " + migrated.to()
            : "done: schema at %s, %d migrations applied, %d seed sets loaded"
                .formatted(
                    migrated.to(),
                    migrated.applied().size(),
                    seeded.stream().filter(SeedReport::loaded).count()))
        + "\nhealthy";
  }

  private static Map<String, Object> document(
      Optional<List<String>> roles,
      MigrationReport migrated,
      List<SeedReport> seeded,
      Verification verification,
      String published) {
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("roles", roles.orElse(List.of()));
    document.put("migrations", migrated);
    document.put("seeds", seeded);
    document.put("verification", VerifyCommand.document(verification));
    document.put("published", published);
    return document;
  }
}

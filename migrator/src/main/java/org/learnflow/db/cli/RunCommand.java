package org.learnflow.db.cli;

import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.seed.SeedSet;
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
    Pipeline pipeline =
        new Pipeline(target, migrations, sets, migrating, loading, publishing, cluster(), progress);
    try (Session session = steps.ownerSession()) {
      Pipeline.Outcome outcome = pipeline.run(steps, session, steps.roles(session));
      print(outcome.text(), outcome.document());
      conclude(pipeline.conclusion(outcome));
      return outcome.verification().healthy() ? ExitCode.OK : ExitCode.FAILED;
    }
  }
}

package org.learnflow.db.cli;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.MigrationReport;
import org.learnflow.db.schema.Migrator;
import org.learnflow.db.verify.RecordedRun;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Applies pending migrations. */
@Command(name = "migrate", description = "Applies pending migrations, one transaction each.")
final class MigrateCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private MigrateOptions migrating = new MigrateOptions();

  @Option(names = "--dry-run", description = "List what would be applied and change nothing.")
  private boolean dryRun;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      if (dryRun) {
        Migrator migrator = new Migrator(session.source(), migrations, 0, progress);
        List<String> pending =
            session
                .run("migrate", connection -> migrator.dryRun(connection, migrating.target()))
                .stream()
                .map(MigrationFile::name)
                .toList();
        print(
            pending.isEmpty()
                ? "nothing is pending"
                : "pending:\n  " + String.join("\n  ", pending),
            Map.of("pending", pending));
        return ExitCode.OK;
      }
      MigrationReport report =
          new RecordedRun("migrate", migrations)
              .in(
                  session,
                  () ->
                      migrating
                          .step(migrations, progress)
                          .run(session, RoleManager.of(access.target(), progress)),
                  _ -> Optional.empty());
      print(
          report.applied().isEmpty()
              ? "nothing to do: schema at " + report.to()
              : "done: schema at %s, %d migrations applied"
                  .formatted(report.to(), report.applied().size()),
          report);
      return ExitCode.OK;
    }
  }
}

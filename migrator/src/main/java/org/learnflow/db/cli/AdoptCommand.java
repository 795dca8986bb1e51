package org.learnflow.db.cli;

import org.flywaydb.core.api.MigrationVersion;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.adoption.Adoption;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.ScratchDatabase;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Adopts a database that has tables, but no migration history. */
@Command(
    name = "adopt",
    description =
        "Adopts a database that already has the tables of a version, but no migration history:"
            + " compares it with what the migrations up to that version create in a scratch"
            + " database on the same server, and records them as applied. The next migrate"
            + " continues from there.")
final class AdoptCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  @Option(
      names = "--baseline",
      paramLabel = "V",
      description = "The version that the database is at, such as 008.")
  private @Nullable String baseline;

  @Option(
      names = "--accept",
      description = "Adopt the database even if it differs from that version.")
  private boolean accept;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    if (baseline == null || !baseline.matches("\\d+([._]\\d+)*")) {
      throw Failure.of(
              ExitCode.USAGE,
              baseline == null
                  ? "--baseline is missing"
                  : "--baseline is not a valid version" + GivenOptions.shown(baseline))
          .state("nothing was changed")
          .next(
              "specify the version that the database is at, such as --baseline 008"
                  + " (docs/how-to/adopt.md)");
    }
    Adoption adoption =
        new Adoption(files.migrations(), MigrationVersion.fromVersion(baseline), accept, progress);
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      Adoption.Report report =
          session.run(
              "adopt",
              connection ->
                  adoption.adopt(
                      connection, owner -> ScratchDatabase.create(owner, access, progress)));
      print(
          report.adopted().isEmpty()
              ? "nothing to do: the history already exists, at " + report.version()
              : pasteable(
                  "done: %d migrations are recorded as applied, schema at %s%nNext: learnflow-db run, or helm upgrade"
                      .formatted(report.adopted().size(), report.version())),
          report);
      return ExitCode.OK;
    }
  }
}

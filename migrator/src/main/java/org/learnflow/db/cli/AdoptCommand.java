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

/** Takes over a database that has tables, but no migration history. */
@Command(
    name = "adopt",
    description =
        "Takes over a database that has the tables of a version already, but no migration history:"
            + " compares it with what the migrations up to that version make in a scratch database"
            + " on the same server, and writes the history as if they had been applied. The next"
            + " migrate goes on from there.")
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
      description = "Takes it over also where it differs from that version.")
  private boolean accept;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    if (baseline == null || !baseline.matches("\\d+([._]\\d+)*")) {
      throw Failure.of(
              ExitCode.USAGE,
              baseline == null
                  ? "--baseline is missing"
                  : "--baseline is no version" + GivenOptions.shown(baseline))
          .state("nothing was changed")
          .next(
              "say which version the database is at, such as --baseline 008 (docs/how-to/adopt.md)");
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
              ? "nothing to do: the history is there, at " + report.version()
              : pasteable(
                  "done: %d migrations are taken as applied, schema at %s%nNext: learnflow-db run, or helm upgrade"
                      .formatted(report.adopted().size(), report.version())),
          report);
      return ExitCode.OK;
    }
  }
}

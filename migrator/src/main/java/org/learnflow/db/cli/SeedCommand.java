package org.learnflow.db.cli;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.seed.SeedReport;
import org.learnflow.db.seed.SeedSet;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Loads seeds. */
@Command(name = "seed", description = "Loads seed sets, one transaction each.")
final class SeedCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();
  @Mixin private SeedOptions seeds = new SeedOptions();
  @Mixin private SeedOptions.Loading loading = new SeedOptions.Loading();

  @Override
  ExitCode execute(ConsoleProgress progress) {
    List<SeedSet> sets = seeds.sets(files, database.release(cluster()));
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      List<SeedReport> reports = loading.step(progress).run(session, sets);
      print(
          reports.stream().map(SeedCommand::line).collect(Collectors.joining("\n")),
          Map.of("seeds", reports));
      return ExitCode.OK;
    }
  }

  private static String line(SeedReport report) {
    if (!report.loaded()) {
      return report.set() + ": nothing to do";
    }
    return "%s: %d inserted, %d updated, %d unchanged"
        .formatted(
            report.set(),
            report.files().stream().mapToLong(SeedReport.FileReport::inserted).sum(),
            report.files().stream().mapToLong(SeedReport.FileReport::updated).sum(),
            report.files().stream().mapToLong(SeedReport.FileReport::unchanged).sum());
  }
}

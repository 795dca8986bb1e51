package org.learnflow.db.cli;

import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.plan.FailOn;
import org.learnflow.db.plan.MigrationPlan;
import org.learnflow.db.plan.Planner;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.ScratchDatabase;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows what pending migrations will do to the tables. */
@Command(
    name = "plan",
    description =
        "Shows what each pending migration will do to existing tables: locks, rewrites, sizes."
            + " Tries them in an empty scratch database on the same server and changes nothing.")
final class PlanCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Mixin private FileOptions files = new FileOptions();

  @Option(
      names = "--fail-on",
      split = ",",
      paramLabel = "rewrite|share|access-exclusive",
      description =
          "Exit with code 10 if a pending migration does this to a table that has rows: rewrite,"
              + " share (a lock that blocks writes), access-exclusive (a lock that also blocks"
              + " reads).")
  private List<FailOn> failOn = List.of();

  @Override
  ExitCode execute(ConsoleProgress progress) {
    MigrationFiles migrations = files.migrations();
    DatabaseAccess access = database.access(cluster(), false, progress);
    MigrationPlan plan;
    try (Session session = access.ownerSession()) {
      Planner planner = new Planner(migrations, progress);
      plan =
          session.run(
              "plan",
              connection ->
                  planner.plan(
                      connection, owner -> ScratchDatabase.create(owner, access, progress)));
    }
    List<String> refused = plan.refused(failOn);
    print(PlanOutput.text(plan, refused), PlanOutput.document(plan, refused));
    if (refused.isEmpty()) {
      return ExitCode.OK;
    }
    progress.line(
        "next", "see docs/how-to/plan.md for migrations that block a running database" + " less");
    return ExitCode.REFUSED;
  }
}

package org.learnflow.db.cli;

import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.schema.Reindex;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Rebuilds indexes on text after another image sorts differently. */
@Command(
    name = "reindex",
    description =
        "After a change of PostgreSQL's image or operating system: rebuilds the indexes that depend"
            + " on a collation whose version changed, and records the new version. Blocks no reads"
            + " and writes, except for exclusion constraints. Interrupt it at any time, and run it"
            + " again.")
final class ReindexCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  @Override
  ExitCode execute(ConsoleProgress progress) {
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.ownerSession()) {
      Reindex.Outcome outcome = new Reindex(progress).run(session);
      print(
          outcome.reindexed().isEmpty() && outcome.refreshed().isEmpty()
              ? "nothing to do: no collation has changed"
              : "done: %d indexes rebuilt".formatted(outcome.reindexed().size()),
          outcome);
      return ExitCode.OK;
    }
  }
}

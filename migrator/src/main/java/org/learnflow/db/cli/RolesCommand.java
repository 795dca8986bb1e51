package org.learnflow.db.cli;

import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.pipeline.RolesStep;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Makes roles and rights. */
@Command(
    name = "roles",
    description =
        "Makes the database, the roles and their rights, with admin credentials; without them, what"
            + " the owner may.")
final class RolesCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  /**
   * What roles did.
   *
   * @param changes a line for each
   */
  record Outcome(List<String> changes) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    DatabaseAccess access = database.access(cluster(), true, progress);
    try (Session owner = access.ownerSession()) {
      List<String> done = new RolesStep(access, progress).run(owner);
      print(
          done.isEmpty() ? "nothing to do" : "done: %d changes".formatted(done.size()),
          new Outcome(done));
      return ExitCode.OK;
    }
  }
}

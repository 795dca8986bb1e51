package org.learnflow.db.cli;

import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import org.learnflow.db.pipeline.RolesStep;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Creates roles and grants privileges. */
@Command(
    name = "roles",
    description =
        "Creates the database, the roles and their privileges, with admin credentials; without"
            + " them, does what the owner can do.")
final class RolesCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  /**
   * What roles did.
   *
   * @param changes one line each
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

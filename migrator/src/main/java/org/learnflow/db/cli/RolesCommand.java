package org.learnflow.db.cli;

import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.Session;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Makes roles and rights. */
@Command(
    name = "roles",
    description = "Makes the database, the roles and their rights, with admin credentials.")
final class RolesCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  /**
   * What roles did.
   *
   * @param skipped because there are no admin credentials
   * @param changes a line for each
   */
  record Outcome(boolean skipped, List<String> changes) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    DatabaseOptions.Target target = database.target(cluster(), true, progress);
    Steps steps = new Steps(target, database.connector(), database.timeout(), progress);
    try (Session owner = steps.ownerSession()) {
      Optional<List<String>> done = steps.roles(owner);
      print(
          done.map(list ->
                  list.isEmpty() ? "nothing to do" : "done: %d changes".formatted(list.size()))
              .orElse("skipped: no admin credentials"),
          new Outcome(done.isEmpty(), done.orElse(List.of())));
      return ExitCode.OK;
    }
  }
}

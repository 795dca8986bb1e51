package org.learnflow.db.cli;

import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Session;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Waits for the database. */
@Command(
    name = "wait",
    description = "Waits until the database answers SQL queries, and reports why it does not yet.")
final class WaitCommand extends BaseCommand {
  @Mixin
  @SuppressWarnings("NullAway.Init")
  private DatabaseOptions database;

  /**
   * What wait found.
   *
   * @param database address without password
   * @param serverVersion of PostgreSQL
   */
  record Answer(String database, String serverVersion) {}

  @Override
  ExitCode execute(ConsoleProgress progress) {
    return new TimeLimit(database.timeout()).run(() -> look(progress));
  }

  private ExitCode look(ConsoleProgress progress) {
    DatabaseAccess access = database.access(cluster(), false, progress);
    try (Session session = access.anySession()) {
      String version = session.serverVersion("wait");
      print(
          "%s answers: PostgreSQL %s".formatted(access.target().owner(), version),
          new Answer(access.target().owner().toString(), version));
      return ExitCode.OK;
    }
  }
}

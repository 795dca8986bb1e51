package org.learnflow.db.cli;

import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups the commands for credentials. */
@Command(
    name = "credentials",
    description =
        "Creates the release's passwords, rotates them, and repairs them where database and Secret"
            + " differ.",
    subcommands = {
      CredentialsEnsureCommand.class,
      CredentialsRotateCommand.class,
      CredentialsRepairCommand.class,
      CommandLine.HelpCommand.class
    })
final class CredentialsCommand extends StandardOptions {
  /**
   * Continues only if the command line names a release.
   *
   * @param what the failure says
   * @throws Failure 2 if it does not
   */
  static void requireRelease(DatabaseOptions database, ClusterOptions cluster, String what) {
    if (database.isNamed() || cluster.namedRelease().isEmpty()) {
      throw Failure.of(ExitCode.USAGE, what)
          .state("nothing was changed")
          .next("specify it: --release NAME --namespace NS");
    }
  }
}

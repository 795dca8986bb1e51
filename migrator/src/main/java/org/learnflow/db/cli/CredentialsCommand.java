package org.learnflow.db.cli;

import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Version;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Groups what is done with credentials. */
@Command(
    name = "credentials",
    description =
        "Makes the release's passwords, replaces them, and sets them where they do not fit.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    usageHelpAutoWidth = true,
    subcommands = {
      CredentialsEnsureCommand.class,
      CredentialsRotateCommand.class,
      CredentialsRepairCommand.class,
      CommandLine.HelpCommand.class
    })
final class CredentialsCommand {
  /**
   * Goes on only where the command line names a release.
   *
   * @param what the failure says
   * @throws Failure 2 where it does not
   */
  static void requireRelease(DatabaseOptions database, ClusterOptions cluster, String what) {
    if (database.isNamed() || cluster.namedRelease().isEmpty()) {
      throw Failure.of(ExitCode.USAGE, what)
          .state("nothing was changed")
          .next("name it: --release NAME --namespace NS");
    }
  }
}

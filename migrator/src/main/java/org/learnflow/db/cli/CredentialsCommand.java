package org.learnflow.db.cli;

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
final class CredentialsCommand {}

package org.learnflow.db.cli;

import picocli.CommandLine.Command;

/** Groups what is done with credentials. */
@Command(
    name = "credentials",
    description = "Makes the release's passwords.",
    mixinStandardHelpOptions = true,
    usageHelpAutoWidth = true,
    subcommands = CredentialsEnsureCommand.class)
final class CredentialsCommand {}

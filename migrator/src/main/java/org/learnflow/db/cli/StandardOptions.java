package org.learnflow.db.cli;

import org.learnflow.db.Version;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Help and version, in place of picocli's own: theirs have variables as names, which stay as they
 * are in the help where variables in values are taken literally.
 */
@Command(usageHelpAutoWidth = true, versionProvider = Version.class)
@SuppressWarnings("UnusedVariable") // picocli looks at what was given
abstract class StandardOptions {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  private boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version and exit.")
  private boolean version;
}

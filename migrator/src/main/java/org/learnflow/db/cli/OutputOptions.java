package org.learnflow.db.cli;

import picocli.CommandLine.Option;

/** Options of every command. */
final class OutputOptions {
  /** The format of data on stdout. */
  enum Format {
    TEXT,
    JSON
  }

  @Option(
      names = "--output",
      paramLabel = "text|json",
      description = "Format of the data on stdout: text (default) or json.")
  private Format format = Format.TEXT;

  @Option(
      names = {"-v", "--verbose"},
      description = "Show stack traces.")
  private boolean verbose;

  boolean isJson() {
    return format == Format.JSON;
  }

  boolean isVerbose() {
    return verbose;
  }
}

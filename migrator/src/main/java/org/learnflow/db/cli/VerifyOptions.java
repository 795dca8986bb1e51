package org.learnflow.db.cli;

import picocli.CommandLine.Option;

/** What a healthy database needs besides what it always needs. */
final class VerifyOptions {
  @Option(
      names = "--require-newest-minor",
      description =
          "A PostgreSQL that is older than the newest minor version that this program knows, or out"
              + " of support, is unhealthy; without it, a warning.")
  private boolean newestMinor;

  boolean requireNewestMinor() {
    return newestMinor;
  }
}

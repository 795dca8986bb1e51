package org.learnflow.db.cli;

import java.util.logging.Level;
import java.util.logging.Logger;

/** Libraries log through java.util.logging: nothing, unless -v asks for warnings. */
final class Logging {
  /** Kept, because loggers without a reference are garbage-collected with their settings. */
  private static final Logger ROOT = Logger.getLogger("");

  private Logging() {}

  static void configure(boolean verbose) {
    ROOT.setLevel(verbose ? Level.WARNING : Level.OFF);
  }
}

package org.learnflow.db.cli;

import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/** How failures of the command line begin. */
final class Failures {
  private Failures() {}

  /** An invalid command line, found before any work is done. */
  static Failure usage(String what) {
    return Failure.of(ExitCode.USAGE, what).state("nothing was changed");
  }
}

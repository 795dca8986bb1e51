package org.learnflow.db.seed;

import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/** Makes the failures of seeding, which all leave the same state behind. */
final class SeedFailures {
  private static final String STATE = "nothing of this set was loaded; sets before it stay loaded";

  private SeedFailures() {}

  /** Exit code 8 at a place in a seed file. */
  static Failure at(String where, String what) {
    return Failure.of(ExitCode.SEEDING_FAILED, what)
        .where(where)
        .state(STATE)
        .next("correct the file and run: learnflow-db seed");
  }
}

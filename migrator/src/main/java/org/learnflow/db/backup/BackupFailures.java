package org.learnflow.db.backup;

import java.sql.SQLException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/** Failures that backup and restore share. */
final class BackupFailures {
  private BackupFailures() {}

  /** A refusal before any work is done. */
  static Failure refused(ExitCode code, String what) {
    return Failure.of(code, what).state("nothing was changed");
  }

  /** An error from the server in the middle of the work. */
  static Failure failed(String step, SQLException e, String state) {
    return Failure.of(ExitCode.FAILED, "%s failed: %s".formatted(step, e.getMessage()))
        .where("SQLSTATE " + e.getSQLState())
        .state(state)
        .next("fix what the server reports and run the same command again")
        .causedBy(e);
  }
}

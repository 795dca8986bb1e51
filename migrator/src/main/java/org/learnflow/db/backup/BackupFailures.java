package org.learnflow.db.backup;

import java.sql.SQLException;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/** What backup and restore say in the same words. */
final class BackupFailures {
  private BackupFailures() {}

  /** Something that is refused before any work is done. */
  static Failure refused(ExitCode code, String what) {
    return Failure.of(code, what).state("nothing was changed");
  }

  /** What the server said in the middle of the work. */
  static Failure failed(String step, SQLException e, String state) {
    return Failure.of(ExitCode.FAILED, "%s failed: %s".formatted(step, e.getMessage()))
        .where("SQLSTATE " + e.getSQLState())
        .state(state)
        .next("correct what the server says and run the same command again")
        .causedBy(e);
  }
}

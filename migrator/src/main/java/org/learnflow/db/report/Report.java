package org.learnflow.db.report;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.plan.MigrationPlan;
import org.learnflow.db.verify.DatabaseStatus;
import org.learnflow.db.verify.ReleaseStatus;
import org.learnflow.db.verify.Runs;
import org.learnflow.db.verify.Verification;

/**
 * All that a report says.
 *
 * @param made when it was made
 * @param program version of learnflow-db
 * @param release the state of the release; null without one
 * @param status the state of the database; null if it was not reached
 * @param health what verify found
 * @param plan what pending migrations will do
 * @param runs the last ones, newest first
 * @param services roles that services log in as
 * @param tables for the picture
 */
public record Report(
    Instant made,
    String program,
    @Nullable ReleaseStatus release,
    @Nullable DatabaseStatus status,
    Answer<Verification> health,
    Answer<MigrationPlan> plan,
    Answer<List<Runs.Run>> runs,
    List<ServiceRole> services,
    Answer<DatabaseTables> tables) {
  private static final String UNREACHED = "The database was not reached.";

  /** Of a release whose database was not reached. */
  public static Report unreached(Instant made, String program, ReleaseStatus release) {
    return new Report(
        made,
        program,
        release,
        null,
        Answer.missing(release.problem()),
        Answer.missing(UNREACHED),
        Answer.missing(UNREACHED),
        List.of(),
        Answer.missing(UNREACHED));
  }
}

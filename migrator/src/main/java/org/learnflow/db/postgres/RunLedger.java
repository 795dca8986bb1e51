package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Resource;

/**
 * How the last commands ended, in {@code learnflow_db.runs}; and what metrics need of the state
 * schema, in that table's comment.
 *
 * <p>Everybody may read a comment, without a right on the schema, and reading it runs nothing that
 * the owner of the database could have planted, as a view or a policy of a table would: so that a
 * role with more rights, such as one of pg_monitor, can.
 */
public final class RunLedger {
  /** How many are kept of each command. */
  private static final int KEPT = 100;

  private static final String INSERT =
      """
      INSERT INTO learnflow_db.runs
             (command, started_at, seconds, failure, schema_version, pending, steps, findings, program)
      VALUES (?, clock_timestamp() - make_interval(secs => ?), ?, ?, ?, ?, ?::jsonb, ?::jsonb, ?);
      DELETE FROM learnflow_db.runs WHERE id <=
        (SELECT id FROM learnflow_db.runs WHERE command = ? ORDER BY id DESC OFFSET ? LIMIT 1) AND command = ?;
      """;

  private static final String TELL = Resource.text(RunLedger.class, "recorded.sql");

  private RunLedger() {}

  /**
   * How a command ended.
   *
   * @param seconds that it took, up to now
   * @param failure one line without passwords; empty if it succeeded
   * @param pending number of migrations
   * @param steps a JSON object: seconds by step
   * @param findings a JSON object: what was verified; null if nothing was
   * @param program version of this program
   */
  public record Run(
      String command,
      double seconds,
      String failure,
      String schemaVersion,
      int pending,
      String steps,
      @Nullable String findings,
      String program) {}

  /**
   * Records it, if this database has the table yet; with the comment, in one transaction and one
   * round trip.
   *
   * @param owner in autocommit mode
   */
  public static void record(Connection owner, Run run) throws SQLException {
    try {
      insert(owner, INSERT + TELL, run);
    } catch (SQLException e) {
      if (SqlStates.lockProblem(e)) {
        insert(owner, INSERT, run); // as where tell() is kept from it
      } else if (!SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())) {
        throw e;
      }
    }
  }

  private static void insert(Connection owner, String sql, Run run) throws SQLException {
    try (PreparedStatement insert = owner.prepareStatement(sql)) {
      insert.setString(1, run.command());
      insert.setDouble(2, run.seconds());
      insert.setDouble(3, run.seconds());
      insert.setString(4, run.failure());
      insert.setString(5, run.schemaVersion());
      insert.setInt(6, run.pending());
      insert.setString(7, run.steps());
      insert.setString(8, run.findings());
      insert.setString(9, run.program());
      insert.setString(10, run.command());
      insert.setInt(11, KEPT);
      insert.setString(12, run.command());
      insert.execute();
    }
  }

  /**
   * Writes the comment again, after a change of the state schema. Where another session keeps it
   * from that, the next command does it.
   *
   * @param owner with the whole state schema
   */
  public static void tell(Connection owner) throws SQLException {
    try {
      Sql.execute(owner, TELL);
    } catch (SQLException e) {
      if (!SqlStates.lockProblem(e)) {
        throw e;
      }
    }
  }
}

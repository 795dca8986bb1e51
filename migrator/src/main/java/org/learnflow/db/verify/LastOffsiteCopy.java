package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import org.learnflow.db.postgres.StateSchema;

/**
 * The newest dump that was copied to a bucket.
 *
 * @param uri where it is; empty if there is none yet
 * @param ageSeconds since it was there and read back, by the server's clock
 * @param copies how many there are
 * @param missing the newest scheduled dump if it is not there, an hour after it was made; otherwise
 *     empty
 * @param failure why the last run failed, otherwise empty
 */
public record LastOffsiteCopy(
    String uri, long ageSeconds, int copies, String missing, String failure) {
  /** Reads it; empty if nothing was ever copied or tried. */
  public static Optional<LastOffsiteCopy> read(Connection connection) throws SQLException {
    return StateSchema.first(
        connection,
        """
        WITH newest AS (
            -- Dumps end with their time: ...-20261129T021500Z.dump
            SELECT uri, finished_at FROM learnflow_db.offsite_copies
            WHERE failure = '' ORDER BY right(dump, 21) DESC, id DESC LIMIT 1)
        SELECT coalesce((SELECT uri FROM newest), ''),
               coalesce((SELECT extract(epoch FROM now() - finished_at)::bigint FROM newest), 0),
               (SELECT count(*) FROM learnflow_db.offsite_copies WHERE failure = ''),
               coalesce((SELECT b.name FROM learnflow_db.backups b
                         WHERE b.id = (SELECT max(id) FROM learnflow_db.backups WHERE kind = 'scheduled')
                         AND b.finished_at < now() - interval '1 hour'
                         AND b.name NOT IN (SELECT dump FROM learnflow_db.offsite_copies)), ''),
               coalesce((SELECT failure FROM learnflow_db.offsite_copies WHERE failure <> '' ORDER BY id DESC LIMIT 1), '')
        FROM learnflow_db.offsite_copies LIMIT 1
        """,
        row ->
            new LastOffsiteCopy(
                row.getString(1),
                row.getLong(2),
                row.getInt(3),
                row.getString(4),
                row.getString(5)));
  }

  /** One line, such as "3 h ago: s3://backups/postgres/scheduled-....dump, one of 12". */
  public String text() {
    String copy =
        uri.isEmpty()
            ? "none yet"
            : "%s ago: %s, one of %d".formatted(LastBackup.age(ageSeconds), uri, copies);
    return copy
        + (missing.isEmpty() ? "" : "; %s is not there".formatted(missing))
        + (failure.isEmpty() ? "" : "; the last run failed: %s".formatted(failure));
  }

  /** A warning if the newest dump is missing or the last run failed. */
  StageResult stage() {
    String name = "offsite";
    return missing.isEmpty() && failure.isEmpty()
        ? StageResult.good(name, text())
        : StageResult.warning(name, text() + "; docs/how-to/offsite.md");
  }
}

package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import org.learnflow.db.postgres.StateSchema;

/**
 * The newest dump that was read back completely.
 *
 * @param kind how it was made: {@code file}, {@code before-migrate} or {@code scheduled}
 * @param name of the file
 * @param ageSeconds since it finished, by the server's clock
 * @param schemaVersion newest migration in it
 */
public record LastBackup(String kind, String name, long ageSeconds, String schemaVersion) {
  /** Reads it; empty if none is recorded. */
  public static Optional<LastBackup> read(Connection connection) throws SQLException {
    return StateSchema.first(
        connection,
        """
        SELECT kind, name, extract(epoch FROM now() - finished_at)::bigint, schema_version
        FROM learnflow_db.backups ORDER BY finished_at DESC LIMIT 1
        """,
        row ->
            new LastBackup(row.getString(1), row.getString(2), row.getLong(3), row.getString(4)));
  }

  /** One line, such as "3 h ago (before-migrate, schema 009): NAME". */
  public String text() {
    return "%s ago (%s, schema %s): %s".formatted(age(ageSeconds), kind, schemaVersion, name);
  }

  /** Such as "3 h". */
  static String age(long seconds) {
    Duration age = Duration.ofSeconds(seconds);
    return age.toDays() > 1
        ? age.toDays() + " days"
        : age.toHours() > 0 ? age.toHours() + " h" : age.toMinutes() + " min";
  }
}

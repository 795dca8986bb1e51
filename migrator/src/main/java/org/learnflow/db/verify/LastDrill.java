package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import org.learnflow.db.postgres.StateSchema;

/**
 * The last attempt to restore a dump beside the database.
 *
 * @param dump name of the file
 * @param ageSeconds since it ended, by the server's clock
 * @param seconds that it took
 * @param schemaVersion newest migration in it; empty if it failed
 * @param tables number of tables
 * @param rows in all of them
 * @param failure why it failed, otherwise empty
 */
public record LastDrill(
    String dump,
    long ageSeconds,
    double seconds,
    String schemaVersion,
    int tables,
    long rows,
    String failure) {
  private static final Duration OLD = Duration.ofDays(31);

  /** Reads it; empty if none is recorded. */
  public static Optional<LastDrill> read(Connection connection) throws SQLException {
    return StateSchema.first(
        connection,
        """
        SELECT dump, extract(epoch FROM now() - finished_at)::bigint, seconds, schema_version, table_count, row_count, failure
        FROM learnflow_db.drills ORDER BY finished_at DESC, id DESC LIMIT 1
        """,
        row ->
            new LastDrill(
                row.getString(1),
                row.getLong(2),
                row.getDouble(3),
                row.getString(4),
                row.getInt(5),
                row.getLong(6),
                row.getString(7)));
  }

  /** One line, such as "2 days ago, in 14.2 s: NAME, schema 009, 1,204 rows in 9 tables". */
  public String text() {
    String ago = LastBackup.age(ageSeconds) + " ago";
    return failure.isEmpty()
        ? String.format(
            Locale.ROOT,
            "%s, in %.1f s: %s, schema %s, %,d rows in %d tables",
            ago,
            seconds,
            dump,
            schemaVersion,
            rows,
            tables)
        : "failed %s: %s: %s".formatted(ago, dump, failure);
  }

  /** A warning if it failed or was long ago. */
  StageResult stage() {
    String name = "drill";
    if (!failure.isEmpty()) {
      return StageResult.warning(
          name, text() + "; next: learnflow-db restore --drill FILE, with the newest dump");
    }
    return ageSeconds > OLD.toSeconds()
        ? StageResult.warning(
            name,
            "%s; whether newer dumps can be restored is unknown; next: learnflow-db restore --drill FILE"
                .formatted(text()))
        : StageResult.good(name, text());
  }
}

package org.learnflow.db.verify;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import org.learnflow.db.postgres.StateSchema;

/** What commands of the program did in a database. */
public final class Runs {
  private static final TypeReference<Map<String, Double>> STEPS = new TypeReference<>() {};

  private Runs() {}

  /**
   * One command that ended.
   *
   * @param command such as {@code run}
   * @param seconds that it took
   * @param failure why it failed, otherwise empty
   * @param schemaVersion newest migration after it
   * @param pending number of migrations that were not applied after it
   * @param steps seconds of each
   * @param program version of the program
   */
  public record Run(
      String command,
      Instant startedAt,
      double seconds,
      String failure,
      String schemaVersion,
      int pending,
      Map<String, Double> steps,
      String program) {}

  /** The last ones, newest first; none if none was recorded. */
  public static List<Run> last(Connection connection, int count) throws SQLException {
    return StateSchema.rows(
        connection,
        """
        SELECT command, started_at, seconds, failure, schema_version, pending, steps, program
        FROM learnflow_db.runs ORDER BY id DESC LIMIT %d
        """
            .formatted(count),
        Runs::run);
  }

  private static Run run(ResultSet row) throws SQLException {
    try {
      return new Run(
          row.getString(1),
          row.getObject(2, OffsetDateTime.class).toInstant(),
          row.getDouble(3),
          row.getString(4),
          row.getString(5),
          row.getInt(6),
          Map.copyOf(JsonMapper.builder().build().readValue(row.getString(7), STEPS)),
          row.getString(8));
    } catch (JsonProcessingException e) {
      throw new SQLException("learnflow_db.runs has steps that are not seconds by name", e);
    }
  }
}

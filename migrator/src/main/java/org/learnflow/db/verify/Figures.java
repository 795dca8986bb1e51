package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.roles.RightsCheck;

/**
 * What only this program can count, for metrics.
 *
 * @param byName as the metrics name it; one that is unknown is missing
 */
public record Figures(Map<String, Number> byName) {
  /** Of all sequences, how much is used of the one that is nearest to its end: 0 to 1. */
  private static final String SEQUENCE_USED =
      """
      SELECT max(CASE WHEN increment_by > 0
                      THEN (last_value::numeric - min_value + 1) / (max_value::numeric - min_value + 1)
                      ELSE (max_value::numeric - last_value + 1) / (max_value::numeric - min_value + 1) END)
      FROM pg_sequences WHERE NOT cycle AND last_value IS NOT NULL
      """;

  /**
   * Counts, in a session of the owner in autocommit mode.
   *
   * @param access how the session was opened
   */
  public static Figures read(Connection owner, DatabaseAccess access) throws SQLException {
    Map<String, Number> figures = new TreeMap<>();
    CatalogLedger.drift(owner)
        .ifPresent(drift -> figures.put("drift_objects", drift.objects().size()));
    figures.put(
        "rights_deviations",
        RightsCheck.deviations(owner, access.target().names(), access.target().server()).size());
    TlsState.expires(owner, access)
        .ifPresent(
            end -> figures.put("certificate_expires_timestamp_seconds", end.getEpochSecond()));
    ServerRelease.of(owner)
        .minorsBehind()
        .ifPresent(behind -> figures.put("minor_versions_behind", behind));
    sequenceUsed(owner).ifPresent(used -> figures.put("sequence_used_ratio", used));
    return new Figures(figures);
  }

  private static OptionalDouble sequenceUsed(Connection owner) throws SQLException {
    return CatalogQuery.rows(owner, SEQUENCE_USED, row -> row.getDouble(1)).stream()
        .mapToDouble(Double::doubleValue)
        .findFirst();
  }
}

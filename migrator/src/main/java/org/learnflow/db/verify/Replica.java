package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.learnflow.db.postgres.CatalogQuery;

/**
 * A server that follows the primary, as the primary sees it.
 *
 * @param name its application_name; with CloudNativePG its pod's name
 * @param state {@code streaming}, {@code catchup} or another one of pg_stat_replication
 * @param lagBytes of WAL that it has not replayed yet
 */
public record Replica(String name, String state, long lagBytes) {
  /**
   * All that are connected; no more than their number to roles without pg_read_all_stats, so it is
   * asked in a session of the admin.
   */
  public static List<Replica> read(Connection connection) throws SQLException {
    return CatalogQuery.rows(
        connection,
        """
        SELECT application_name, state,
               coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn), 0)
               ::pg_catalog.int8
        FROM pg_catalog.pg_stat_replication ORDER BY application_name
        """,
        row -> new Replica(row.getString(1), row.getString(2), row.getLong(3)));
  }

  /** For people. */
  public String text() {
    return "%s %s, %.1f MiB behind".formatted(name, state, lagBytes / 1048576.0);
  }
}

package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.learnflow.db.postgres.CatalogQuery;

/**
 * Whether the operating system, or ICU, still sorts as it did when the indexes on text were built.
 * If another image sorts differently, such an index misses rows and admits duplicates.
 */
final class CollationVersions {
  /** The database's own collation, and those that a column or an index names. */
  private static final String QUERY =
      """
      WITH used AS MATERIALIZED (
        SELECT attcollation AS oid FROM pg_attribute WHERE attrelid >= 16384 AND attcollation <> 0
        UNION SELECT unnest(indcollation) FROM pg_index WHERE indexrelid >= 16384
      ), named AS MATERIALIZED (
        SELECT c.oid, format('%I.%I', n.nspname, c.collname) AS name, c.collversion
        FROM used u JOIN pg_collation c ON c.oid = u.oid JOIN pg_namespace n ON n.oid = c.collnamespace
        WHERE c.collversion IS NOT NULL
      )
      SELECT format('the database was made with version %s of its collation, and this system has %s: text may sort'
               ' otherwise than its indexes do; next: REINDEX DATABASE %I; ALTER DATABASE %I REFRESH COLLATION VERSION;',
               d.datcollversion, coalesce(pg_database_collation_actual_version(d.oid), 'none'), d.datname, d.datname)
      FROM pg_database d
      WHERE d.datname = current_database()
        AND d.datcollversion IS DISTINCT FROM pg_database_collation_actual_version(d.oid) AND d.datcollversion IS NOT NULL
      UNION ALL
      SELECT format('collation %s was made in version %s, and this system has %s: text may sort otherwise than indexes do'
               ' that use it; next: REINDEX DATABASE %I; and as an admin: ALTER COLLATION %s REFRESH VERSION;',
               name, collversion, coalesce(pg_collation_actual_version(oid), 'none'), current_database(), name)
      FROM named WHERE collversion IS DISTINCT FROM pg_collation_actual_version(oid)
      """;

  private CollationVersions() {}

  /** Reports something only if you have to do something. */
  static List<StageResult> look(Connection connection) throws SQLException {
    return CatalogQuery.rows(
        connection, QUERY, row -> StageResult.warning("collation", row.getString(1)));
  }
}

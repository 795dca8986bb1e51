package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.learnflow.db.postgres.CatalogQuery;

/**
 * Indexes that a concurrent build left when it failed: no query uses them, but every change of the
 * table still updates them. This excludes one that is being built now, and one on a partitioned
 * table, which may wait for those of its partitions.
 */
final class InvalidIndexes {
  private static final String QUERY =
      """
      SELECT format('index %1$I.%2$I is invalid: a concurrent build of it failed;'
               ' next: DROP INDEX CONCURRENTLY %1$I.%2$I; or REINDEX INDEX CONCURRENTLY %1$I.%2$I;',
               n.nspname, c.relname)
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'learnflow_db'
        AND NOT EXISTS (SELECT FROM pg_locks l
                        WHERE l.relation = i.indrelid AND l.mode = 'ShareUpdateExclusiveLock'
                          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
      ORDER BY 1
      """;

  private InvalidIndexes() {}

  /** Reports something only if you have to do something. */
  static List<StageResult> look(Connection connection) throws SQLException {
    return CatalogQuery.rows(
        connection, QUERY, row -> StageResult.warning("indexes", row.getString(1)));
  }
}

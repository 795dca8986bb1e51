package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.learnflow.db.postgres.CatalogQuery;

/**
 * Indexes that a concurrent build left when it failed: no query uses them, and every change of the
 * table keeps them up to date. One that is being built just now is not meant, nor one over
 * partitions, which may wait for theirs.
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

  /** Says something only where something is to be done. */
  static List<StageResult> look(Connection connection) throws SQLException {
    return CatalogQuery.rows(
        connection, QUERY, row -> StageResult.warning("indexes", row.getString(1)));
  }
}

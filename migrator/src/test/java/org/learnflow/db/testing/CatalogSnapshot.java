package org.learnflow.db.testing;

import java.sql.SQLException;
import java.util.List;

/**
 * All that migrations made in a database, a line for each object, to be compared: schemas,
 * relations with their rights, columns, constraints, indexes, views, functions, triggers, types and
 * comments; but neither Flyway's history nor the migrator's own schema.
 *
 * @param lines sorted
 */
public record CatalogSnapshot(List<String> lines) {
  private static final String QUERY =
      """
      WITH schemas AS (
        SELECT oid, nspname, nspacl FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'learnflow_db')
      ), relations AS (
        SELECT c.oid, c.relkind, c.relpersistence, c.relacl, s.nspname || '.' || c.relname AS name
        FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
        WHERE c.relkind <> 'i' AND c.relname <> 'flyway_schema_history'
      )
      SELECT line FROM (
        SELECT format('schema %s %s -- %s', nspname, nspacl, obj_description(oid, 'pg_namespace'))
        FROM schemas
        UNION ALL
        SELECT format('relation %s %s %s %s -- %s', name, relkind, relpersistence, relacl, obj_description(oid, 'pg_class'))
        FROM relations
        UNION ALL
        SELECT format('column %s.%s %s not null %s default %s identity "%s" -- %s', r.name, a.attname,
                      format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
                      a.attidentity, col_description(r.oid, a.attnum))
        FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
             LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
        UNION ALL
        SELECT format('constraint %s %s %s -- %s', r.name, k.conname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint'))
        FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid
        UNION ALL
        SELECT format('index %s valid %s -- %s', pg_get_indexdef(i.indexrelid), i.indisvalid, obj_description(i.indexrelid, 'pg_class'))
        FROM relations r JOIN pg_index i ON i.indrelid = r.oid
        UNION ALL
        SELECT format('view %s %s', name, pg_get_viewdef(oid)) FROM relations WHERE relkind IN ('v', 'm')
        UNION ALL
        SELECT format('function %s -- %s', pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'))
        FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
        UNION ALL
        SELECT format('trigger %s -- %s', pg_get_triggerdef(t.oid), obj_description(t.oid, 'pg_trigger'))
        FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
        UNION ALL
        SELECT format('type %s.%s -- %s', s.nspname, t.typname, obj_description(t.oid, 'pg_type'))
        FROM pg_type t JOIN schemas s ON s.oid = t.typnamespace WHERE t.typtype IN ('d', 'e', 'r')
      ) all_objects (line)
      ORDER BY line COLLATE "C"
      """;

  /** What is there now. */
  public static CatalogSnapshot of(TestDatabase database) throws SQLException {
    return new CatalogSnapshot(database.query(QUERY));
  }
}

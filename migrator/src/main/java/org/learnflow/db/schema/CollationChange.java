package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.learnflow.db.postgres.CatalogQuery;

/**
 * What sorts otherwise than when the database was created: the collation of the database, and those
 * that a column or an index names, if the operating system or ICU has another version of them now.
 * An index on text then may miss rows and admit duplicates.
 *
 * @param changed the collations
 * @param indexes those that depend on them
 */
public record CollationChange(List<Changed> changed, List<Index> indexes) {
  /** OIDs of the changed collations; 100 is the database's own, which {@code default} means. */
  private static final String CHANGED =
      """
      WITH used AS MATERIALIZED (
        SELECT attcollation AS oid FROM pg_attribute WHERE attrelid >= 16384 AND attcollation <> 0
        UNION SELECT unnest(indcollation) FROM pg_index WHERE indexrelid >= 16384
      ), versions AS MATERIALIZED (
        SELECT 100::oid AS oid, format('DATABASE %I', datname) AS name, datcollversion AS recorded,
               pg_database_collation_actual_version(oid) AS actual, pg_has_role(datdba, 'USAGE') AS own
        FROM pg_database WHERE datname = current_database()
        UNION ALL
        SELECT c.oid, format('COLLATION %I.%I', n.nspname, c.collname), c.collversion,
               pg_collation_actual_version(c.oid), pg_has_role(c.collowner, 'USAGE')
        FROM used u JOIN pg_collation c ON c.oid = u.oid JOIN pg_namespace n ON n.oid = c.collnamespace
        WHERE c.collprovider <> 'd'
      ), changed AS MATERIALIZED (
        SELECT * FROM versions WHERE recorded IS DISTINCT FROM actual
      )
      """;

  private static final String COLLATIONS =
      """
      SELECT name, coalesce(recorded, ''), coalesce(actual, ''), own FROM changed
      ORDER BY oid <> 100, name
      """;

  /**
   * By the collations of their columns. The database's own also sorts within values that have no
   * collation, such as jsonb, rows and ranges of text, and in expressions and conditions, of which
   * the catalog does not record it. No query uses an invalid index.
   */
  private static final String INDEXES =
      """
      SELECT i.indexrelid, format('%I.%I', n.nspname, c.relname), i.indrelid, pg_relation_size(c.oid),
             pg_has_role(c.relowner, 'USAGE'), i.indisexclusion
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am m ON m.oid = c.relam
      WHERE i.indexrelid >= 16384 AND c.relkind = 'i' AND n.nspname NOT LIKE 'pg\\_%'
        AND i.indisvalid
        AND (EXISTS (SELECT FROM changed h WHERE h.oid = ANY (i.indcollation))
          OR EXISTS (SELECT FROM changed h JOIN pg_depend d ON d.refobjid = h.oid
                     WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                       AND d.refclassid = 'pg_collation'::regclass)
          OR EXISTS (SELECT FROM changed h WHERE h.oid = 100)
            AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
              OR m.amname IN ('btree', 'gist', 'spgist', 'brin')
                AND EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                            WHERE a.attrelid = c.oid AND a.attnum <= i.indnkeyatts AND a.attcollation = 0
                              AND t.typlen = -1
                              AND t.oid NOT IN ('numeric'::regtype, 'bytea'::regtype, 'inet'::regtype,
                                                'cidr'::regtype, 'bit'::regtype, 'varbit'::regtype))))
      ORDER BY 2
      """;

  /**
   * A collation whose version is not the recorded one.
   *
   * @param object as ALTER names it, such as {@code DATABASE learnflow}
   * @param recorded version under which indexes were built; empty if there was none
   * @param actual version of this system; empty if it has none, as musl
   * @param own whether this session's role can record another version
   */
  public record Changed(String object, String recorded, String actual, boolean own) {
    /** Whether PostgreSQL can record the version of this system: not if either has none. */
    public boolean refreshable() {
      return !recorded.isEmpty() && !actual.isEmpty();
    }

    /** The statement that records it. */
    public String refresh() {
      return "ALTER %s REFRESH %s"
          .formatted(object, object.startsWith("DATABASE ") ? "COLLATION VERSION" : "VERSION");
    }

    /** What changed, such as {@code database learnflow: version 2.36, now 2.41}. */
    public String text() {
      return "%s: version %s, now %s"
          .formatted(
              object.replaceFirst("^DATABASE", "database").replaceFirst("^COLLATION", "collation"),
              recorded.isEmpty() ? "none" : recorded,
              actual.isEmpty() ? "none" : actual);
    }
  }

  /**
   * An index that depends on a changed collation.
   *
   * @param name with its schema, quoted if it must be
   * @param table its OID
   * @param own whether this session's role owns it
   * @param exclusion whether it belongs to an exclusion constraint, and so cannot be rebuilt
   *     concurrently
   */
  public record Index(
      long oid, String name, long table, long bytes, boolean own, boolean exclusion) {}

  /**
   * Reads it.
   *
   * @param connection in autocommit mode
   */
  public static CollationChange read(Connection connection) throws SQLException {
    List<Changed> changed =
        CatalogQuery.rows(
            connection,
            CHANGED + COLLATIONS,
            row ->
                new Changed(
                    row.getString(1), row.getString(2), row.getString(3), row.getBoolean(4)));
    return new CollationChange(
        changed,
        changed.isEmpty()
            ? List.of()
            : CatalogQuery.rows(
                connection,
                CHANGED + INDEXES,
                row ->
                    new Index(
                        row.getLong(1),
                        row.getString(2),
                        row.getLong(3),
                        row.getLong(4),
                        row.getBoolean(5),
                        row.getBoolean(6))));
  }
}

package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.learnflow.db.CatalogQuery;

/**
 * What is in a database besides data: an object's name, such as {@code table public.users} or
 * {@code column public.users.email}, and its definition as PostgreSQL writes it, with its owner. It
 * does not depend on OIDs, on search_path or on the order of columns. Left out are comments, values
 * of sequences and statistics; what belongs to an extension, to the server, to the migrator or to
 * Flyway; what a partition has from its table; and indexes behind constraints, which tell the same.
 *
 * @param objects definitions by name
 */
record Catalog(NavigableMap<String, String> objects) {
  /**
   * Columns {@code object} and {@code definition}; to be run behind {@link
   * CatalogQuery#FIXED_PATH}, so that all names in what it finds are qualified.
   */
  static final String QUERY =
      """
      WITH of_extension AS MATERIALIZED (
        SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
      ), schemas AS MATERIALIZED (
        SELECT oid, quote_ident(nspname) AS name, nspowner AS owner, nspacl AS acl FROM pg_namespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'learnflow_db')
          AND (oid, 'pg_namespace'::regclass) NOT IN (SELECT objid, classid FROM of_extension)
      ), relations AS MATERIALIZED (
        SELECT c.*, s.name || '.' || quote_ident(c.relname) AS name,
               CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                              WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind
        FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
          AND (s.name, c.relname) <> ('public', 'flyway_schema_history')
          AND (c.oid, 'pg_class'::regclass) NOT IN (SELECT objid, classid FROM of_extension)
          AND NOT (c.relkind = 'S' AND EXISTS (
                SELECT FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'))
      ), functions AS MATERIALIZED (
        SELECT p.*, format('%s.%I(%s)', s.name, p.proname, oidvectortypes(p.proargtypes)) AS name,
               CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind
        FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
        WHERE (p.oid, 'pg_proc'::regclass) NOT IN (SELECT objid, classid FROM of_extension)
      ), acls (object, owner, acl, implied) AS (
        SELECT 'schema ' || name, owner, acl, acldefault('n', owner) FROM schemas
        UNION ALL
        SELECT kind || ' ' || name, relowner, relacl,
               acldefault(CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner)
        FROM relations
        UNION ALL
        SELECT format('column %s.%I', r.name, a.attname), r.relowner, a.attacl, NULL
        FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
        WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
        UNION ALL
        SELECT kind || ' ' || name, proowner, proacl, acldefault('f', proowner) FROM functions
      ), grants AS (
        SELECT g.object, g.owner, g.implied, m.grantee, m.may
        FROM acls g, LATERAL (
          SELECT grantee, string_agg(may, ', ' ORDER BY may) AS may
          FROM (SELECT grantee, privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                FROM aclexplode(coalesce(g.acl, g.implied))
                UNION ALL
                SELECT g.owner, NULL) each (grantee, may)
          GROUP BY grantee) m
      )
      SELECT 'schema ' || name AS object, format('owner %I', pg_get_userbyid(owner)) AS definition FROM schemas
      UNION ALL
      SELECT 'extension ' || quote_ident(e.extname), 'version ' || e.extversion
      FROM pg_extension e JOIN schemas s ON s.oid = e.extnamespace
      UNION ALL
      SELECT kind || ' ' || name,
             concat_ws(E'\\n', format('owner %I', pg_get_userbyid(relowner)),
               CASE relpersistence WHEN 'u' THEN 'unlogged' END,
               'with ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o),
               CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END,
               'partition by ' || CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END,
               (SELECT 'inherits ' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                FROM pg_inherits i WHERE i.inhrelid = relations.oid),
               pg_get_expr(relpartbound, oid),
               CASE WHEN relrowsecurity THEN 'row level security' END,
               CASE WHEN relforcerowsecurity THEN 'row level security for the owner too' END,
               CASE WHEN relkind IN ('r', 'p') AND relreplident <> 'd' THEN 'replica identity ' || relreplident::text END,
               (SELECT 'type ' || format_type(q.seqtypid, NULL) FROM pg_sequence q WHERE q.seqrelid = relations.oid),
               (SELECT 'server ' || quote_ident(v.srvname)
                FROM pg_foreign_table f JOIN pg_foreign_server v ON v.oid = f.ftserver
                WHERE f.ftrelid = relations.oid))
      FROM relations
      UNION ALL
      SELECT format('column %s.%I', r.name, a.attname),
             concat_ws(' ', format_type(a.atttypid, a.atttypmod),
               CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
               CASE WHEN a.attnotnull THEN 'NOT NULL' END,
               CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY'
                                  WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
               CASE a.attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED ALWAYS AS ' END
                 || pg_get_expr(d.adbin, d.adrelid)
                 || CASE a.attgenerated WHEN 's' THEN ' STORED' WHEN 'v' THEN ' VIRTUAL' ELSE '' END)
      FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
           LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
      WHERE r.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
        AND (a.attislocal OR a.attinhcount = 0)
      UNION ALL
      SELECT format('constraint %s.%I', r.name, k.conname),
             concat_ws(' ', pg_get_constraintdef(k.oid),
               (SELECT 'triggers disabled' FROM pg_trigger t
                WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled <> 'O' LIMIT 1))
      FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid
      WHERE k.contype NOT IN ('n', 't') AND k.conparentid = 0 AND (k.conislocal OR k.coninhcount = 0)
      UNION ALL
      SELECT format('index %s.%I', s.name, c.relname),
             concat_ws(' ', pg_get_indexdef(c.oid), CASE WHEN NOT i.indisvalid THEN 'INVALID' END)
      FROM relations r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class c ON c.oid = i.indexrelid
           JOIN schemas s ON s.oid = c.relnamespace
      WHERE NOT c.relispartition
        AND NOT EXISTS (SELECT FROM pg_constraint k
                        WHERE k.conrelid = i.indrelid AND k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
      UNION ALL
      SELECT format('trigger %s.%I', r.name, t.tgname),
             concat_ws(' ', pg_get_triggerdef(t.oid),
               CASE t.tgenabled WHEN 'D' THEN 'DISABLED' WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' END)
      FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid
      WHERE NOT t.tgisinternal AND t.tgparentid = 0
      UNION ALL
      SELECT format('rule %s.%I', r.name, w.rulename), pg_get_ruledef(w.oid)
      FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid
      WHERE w.rulename <> '_RETURN'
      UNION ALL
      SELECT format('policy %s.%I', r.name, p.polname),
             concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
               'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                       WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
               'TO ' || (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ', '
                                           ORDER BY pg_get_userbyid(o)) FROM unnest(p.polroles) o),
               'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
               'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
      FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
      UNION ALL
      SELECT kind || ' ' || name,
             concat_ws(E'\\n', format('owner %I', pg_get_userbyid(proowner)),
               CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) END,
               (SELECT format('SFUNC = %s, STYPE = %s, FINALFUNC = %s, INITCOND = %L', g.aggtransfn,
                              format_type(g.aggtranstype, NULL), g.aggfinalfn, g.agginitval)
                FROM pg_aggregate g WHERE g.aggfnoid = functions.oid))
      FROM functions
      UNION ALL
      SELECT format('type %s.%I', s.name, t.typname),
             concat_ws(E'\\n', format('owner %I', pg_get_userbyid(t.typowner)),
               CASE t.typtype
                 WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                                           FROM pg_enum e WHERE e.enumtypid = t.oid)
                 WHEN 'd' THEN concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod),
                                         CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault)
                 WHEN 'c' THEN 'composite ' || (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)),
                                                                  ', ' ORDER BY a.attnum)
                                                FROM pg_attribute a
                                                WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
                 WHEN 'r' THEN 'range of ' || (SELECT format_type(g.rngsubtype, NULL) FROM pg_range g WHERE g.rngtypid = t.oid)
                 ELSE 'base type' END,
               (SELECT string_agg(format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), E'\\n' ORDER BY k.conname)
                FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
      FROM pg_type t JOIN schemas s ON s.oid = t.typnamespace
      WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'b' AND t.typcategory <> 'A'
             OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
        AND (t.oid, 'pg_type'::regclass) NOT IN (SELECT objid, classid FROM of_extension)
      UNION ALL
      SELECT format('grant %s to %s', object, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END),
             coalesce(may, 'nothing')
      FROM grants
      WHERE CASE WHEN grantee <> owner THEN may IS NOT NULL
                 WHEN implied IS NULL THEN may IS NOT NULL
                 ELSE may IS DISTINCT FROM (SELECT string_agg(i.privilege_type, ', ' ORDER BY i.privilege_type)
                                            FROM aclexplode(implied) i WHERE i.grantee = owner) END
      UNION ALL
      SELECT format('default privileges of %I%s on %s to %s', pg_get_userbyid(a.defaclrole), ' in schema ' || s.name,
                    CASE a.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                                         WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE a.defaclobjtype::text END,
                    CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END),
             string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
                        ORDER BY x.privilege_type)
      FROM pg_default_acl a LEFT JOIN schemas s ON s.oid = a.defaclnamespace, aclexplode(a.defaclacl) x
      WHERE a.defaclnamespace = 0 OR s.oid IS NOT NULL
      GROUP BY a.defaclrole, s.name, a.defaclobjtype, x.grantee
      """;

  /** What is there now. */
  static Catalog read(Connection connection) throws SQLException {
    NavigableMap<String, String> objects = new TreeMap<>();
    CatalogQuery.rows(
        connection,
        QUERY,
        row -> {
          objects.put(row.getString(1), row.getString(2));
          return true;
        });
    return new Catalog(objects);
  }
}

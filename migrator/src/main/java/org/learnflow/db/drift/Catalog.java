package org.learnflow.db.drift;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.HistoryTable;

/**
 * What is in a database besides data: an object's name, such as {@code table public.users} or
 * {@code column public.users.email}, and its definition as PostgreSQL writes it, with its owner. It
 * does not depend on OIDs, on search_path or on the order of columns. Left out are values of
 * sequences and statistics; what belongs to an extension, to the server, to the migrator or to
 * Flyway; what a partition inherits from its table; and indexes behind constraints, which say the
 * same.
 *
 * <p>What a later format added to a definition stands at its end, and only if it is not
 * PostgreSQL's default: {@link CatalogLedger} relies on that.
 *
 * @param objects definitions by name
 */
public record Catalog(NavigableMap<String, String> objects) {
  /** The format of the definitions; increment it with every change of {@link #QUERY}. */
  static final int FORMAT = 2;

  /** What each object of the first format began with. */
  static final String FIRST_KINDS =
      "^(grant )?(schema|extension|(foreign )?table|(materialized )?view|sequence|column|constraint|index|trigger|rule|policy|function|procedure|aggregate) |^(type|default privileges) ";

  /** How what the second format added to a definition begins. */
  static final String ADDED =
      "^($|[ \\n](SEQUENCE|STORAGE|COMPRESSION|WITH|OPTIONS|DISABLED|ALWAYS|REPLICA|index with|tablespace|increment|minimum"
          + "|maximum|start|cache|cycle|owned by|access method|of|toast with|replica identity index|options|schema"
          + "|PARALLEL|COMBINEFUNC|SERIALFUNC|DESERIALFUNC|MSFUNC|SORTOP|FINALFUNC_|KIND|SSPACE"
          + "|subtype operator class|collations?|canonical|difference|input) ?)";

  /**
   * Columns {@code object} and {@code definition}; to be run after {@link CatalogQuery#FIXED_PATH},
   * so that all names in what it finds are qualified.
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
          AND
      """
          + HistoryTable.isNot("s.name", "c.relname")
          + """

              AND (c.oid, 'pg_class'::regclass) NOT IN (SELECT objid, classid FROM of_extension)
              AND NOT (c.relkind = 'S' AND EXISTS (
                    SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i'))
          ), functions AS MATERIALIZED (
            SELECT p.*, format('%s.%I(%s)', s.name, p.proname, oidvectortypes(p.proargtypes)) AS name,
                   CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind
            FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
            WHERE (p.oid, 'pg_proc'::regclass) NOT IN (SELECT objid, classid FROM of_extension)
          ), types AS MATERIALIZED (
            SELECT t.*, format('type %s.%I', s.name, t.typname) AS object
            FROM pg_type t JOIN schemas s ON s.oid = t.typnamespace
            WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'b' AND t.typcategory <> 'A'
                   OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
              AND (t.oid, 'pg_type'::regclass) NOT IN (SELECT objid, classid FROM of_extension)
          ), sequences AS MATERIALIZED (
            SELECT seqrelid,
                   nullif(concat_ws(' ', CASE WHEN seqincrement <> 1 THEN 'increment ' || seqincrement END,
                     CASE WHEN seqmin <> CASE WHEN seqincrement > 0 THEN 1 ELSE least_value END THEN 'minimum ' || seqmin END,
                     CASE WHEN seqmax <> CASE WHEN seqincrement > 0 THEN greatest_value ELSE -1 END THEN 'maximum ' || seqmax END,
                     CASE WHEN seqstart <> CASE WHEN seqincrement > 0 THEN seqmin ELSE seqmax END THEN 'start ' || seqstart END,
                     CASE WHEN seqcache <> 1 THEN 'cache ' || seqcache END, CASE WHEN seqcycle THEN 'cycle' END), '') AS options
            FROM pg_sequence,
                 LATERAL (SELECT CASE seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
                                               ELSE 9223372036854775807 END) g (greatest_value),
                 LATERAL (SELECT -greatest_value - 1) l (least_value)
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
            UNION ALL
            SELECT object, typowner, typacl, acldefault('T', typowner) FROM types
            UNION ALL
            SELECT 'database', datdba, datacl, acldefault('d', datdba) FROM pg_database WHERE datname = current_database()
            UNION ALL
            SELECT 'server ' || quote_ident(srvname), srvowner, srvacl, acldefault('S', srvowner) FROM pg_foreign_server
            UNION ALL
            SELECT 'foreign-data wrapper ' || quote_ident(fdwname), fdwowner, fdwacl, acldefault('F', fdwowner)
            FROM pg_foreign_data_wrapper
          ), grants AS (
            SELECT g.object, g.owner, g.implied, m.grantee, m.may
            FROM acls g, LATERAL (
              SELECT grantee, string_agg(may, ', ' ORDER BY may) AS may
              FROM (SELECT grantee, privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                    FROM aclexplode(coalesce(g.acl, g.implied))
                    UNION ALL
                    SELECT g.owner, NULL) each (grantee, may)
              GROUP BY grantee) m
          ), objects (class, id, part, object, definition) AS MATERIALIZED (
          SELECT 'pg_namespace'::regclass, oid, 0, 'schema ' || name, format('owner %I', pg_get_userbyid(owner)) FROM schemas
          UNION ALL
          SELECT 'pg_extension'::regclass, e.oid, 0, 'extension ' || quote_ident(e.extname),
                 concat_ws(E'\\n', 'version ' || e.extversion, CASE WHEN s.name <> 'public' THEN 'schema ' || s.name END)
          FROM pg_extension e JOIN schemas s ON s.oid = e.extnamespace
          UNION ALL
          SELECT 'pg_class'::regclass, oid, 0, kind || ' ' || name,
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
                    WHERE f.ftrelid = relations.oid),
                   (SELECT q.options FROM sequences q WHERE q.seqrelid = relations.oid),
                   (SELECT 'owned by ' || d.refobjid::regclass || '.' || quote_ident(a.attname)
                    FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                    WHERE relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = relations.oid AND d.deptype = 'a'
                      AND d.refclassid = 'pg_class'::regclass),
                   CASE WHEN relkind IN ('r', 'm') THEN
                     (SELECT 'access method ' || quote_ident(m.amname) FROM pg_am m WHERE m.oid = relam AND m.amname <> 'heap') END,
                   (SELECT 'tablespace ' || quote_ident(t.spcname) FROM pg_tablespace t WHERE t.oid = reltablespace),
                   'of ' || CASE WHEN reloftype <> 0 THEN reloftype::regtype::text END,
                   (SELECT 'toast with ' || array_to_string(t.reloptions, ', ') FROM pg_class t WHERE t.oid = relations.reltoastrelid),
                   (SELECT 'replica identity index ' || i.indexrelid::regclass FROM pg_index i
                    WHERE i.indrelid = relations.oid AND i.indisreplident),
                   (SELECT 'options ' || array_to_string(f.ftoptions, ', ') FROM pg_foreign_table f WHERE f.ftrelid = relations.oid))
          FROM relations
          UNION ALL
          SELECT 'pg_class'::regclass, r.oid, a.attnum::integer, format('column %s.%I', r.name, a.attname),
                 concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                   CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
                   CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                   CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY'
                                      WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
                   CASE a.attgenerated WHEN '' THEN 'DEFAULT ' ELSE 'GENERATED ALWAYS AS ' END
                     || pg_get_expr(d.adbin, d.adrelid)
                     || CASE a.attgenerated WHEN 's' THEN ' STORED' WHEN 'v' THEN ' VIRTUAL' ELSE '' END,
                   'SEQUENCE ' || (SELECT q.options FROM pg_depend p JOIN sequences q ON q.seqrelid = p.objid
                                   WHERE a.attidentity <> '' AND p.classid = 'pg_class'::regclass AND p.deptype = 'i'
                                     AND p.refclassid = 'pg_class'::regclass AND p.refobjid = r.oid AND p.refobjsubid = a.attnum),
                   CASE WHEN a.attstorage <> t.typstorage THEN
                     'STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END,
                   'COMPRESSION ' || CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
                   -- Others are the server's own: one of 17.12 is new with each column.
                   'WITH ' || (SELECT string_agg(o, ', ') FROM unnest(a.attoptions) o WHERE starts_with(o, 'n_distinct')),
                   'OPTIONS ' || array_to_string(a.attfdwoptions, ', '))
          FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
               LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
          WHERE r.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
            AND (a.attislocal OR a.attinhcount = 0)
          UNION ALL
          SELECT 'pg_attrdef'::regclass, d.oid, 0, format('view column default %s.%I', r.name, a.attname), pg_get_expr(d.adbin, d.adrelid)
          FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
               JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
          WHERE r.relkind = 'v'
          UNION ALL
          SELECT 'pg_constraint'::regclass, k.oid, 0, format('constraint %s.%I', r.name, k.conname),
                 concat_ws(' ', pg_get_constraintdef(k.oid),
                   (SELECT 'triggers disabled' FROM pg_trigger t
                    WHERE t.tgconstraint = k.oid AND t.tgisinternal AND t.tgenabled <> 'O' LIMIT 1),
                   (SELECT concat_ws(' ', 'index with ' || array_to_string(c.reloptions, ', '), 'tablespace ' || quote_ident(b.spcname))
                    FROM pg_class c LEFT JOIN pg_tablespace b ON b.oid = c.reltablespace
                    WHERE c.oid = k.conindid AND k.contype IN ('p', 'u', 'x') AND (c.reloptions IS NOT NULL OR b.oid IS NOT NULL)))
          FROM relations r JOIN pg_constraint k ON k.conrelid = r.oid
          WHERE k.contype NOT IN ('n', 't') AND k.conparentid = 0 AND (k.conislocal OR k.coninhcount = 0)
          UNION ALL
          SELECT 'pg_class'::regclass, c.oid, 0, format('index %s.%I', s.name, c.relname),
                 concat_ws(' ', pg_get_indexdef(c.oid), CASE WHEN NOT i.indisvalid THEN 'INVALID' END,
                   (SELECT 'tablespace ' || quote_ident(t.spcname) FROM pg_tablespace t WHERE t.oid = c.reltablespace))
          FROM relations r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class c ON c.oid = i.indexrelid
               JOIN schemas s ON s.oid = c.relnamespace
          WHERE NOT c.relispartition
            AND NOT EXISTS (SELECT FROM pg_constraint k
                            WHERE k.conrelid = i.indrelid AND k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
          UNION ALL
          SELECT 'pg_trigger'::regclass, t.oid, 0, format('trigger %s.%I', r.name, t.tgname),
                 concat_ws(' ', pg_get_triggerdef(t.oid),
                   CASE t.tgenabled WHEN 'D' THEN 'DISABLED' WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' END)
          FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid
          WHERE NOT t.tgisinternal AND t.tgparentid = 0
          UNION ALL
          SELECT 'pg_rewrite'::regclass, w.oid, 0, format('rule %s.%I', r.name, w.rulename),
                 concat_ws(' ', pg_get_ruledef(w.oid),
                   CASE w.ev_enabled WHEN 'D' THEN 'DISABLED' WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' END)
          FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid
          WHERE w.rulename <> '_RETURN'
          UNION ALL
          SELECT 'pg_policy'::regclass, p.oid, 0, format('policy %s.%I', r.name, p.polname),
                 concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                   'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                           WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                   'TO ' || (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ', '
                                               ORDER BY pg_get_userbyid(o)) FROM unnest(p.polroles) o),
                   'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                   'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
          FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
          UNION ALL
          SELECT 'pg_proc'::regclass, oid, 0, kind || ' ' || name,
                 concat_ws(E'\\n', format('owner %I', pg_get_userbyid(proowner)),
                   CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) END,
                   (SELECT format('SFUNC = %s, STYPE = %s, FINALFUNC = %s, INITCOND = %L', g.aggtransfn,
                                  format_type(g.aggtranstype, NULL), g.aggfinalfn, g.agginitval)
                    FROM pg_aggregate g WHERE g.aggfnoid = functions.oid),
                   (SELECT nullif(concat_ws(', ', CASE WHEN functions.proparallel <> 'u' THEN 'PARALLEL = ' || functions.proparallel::text END,
                             'COMBINEFUNC = ' || CASE WHEN g.aggcombinefn <> 0 THEN g.aggcombinefn::text END,
                             'SERIALFUNC = ' || CASE WHEN g.aggserialfn <> 0 THEN g.aggserialfn::text END,
                             'DESERIALFUNC = ' || CASE WHEN g.aggdeserialfn <> 0 THEN g.aggdeserialfn::text END,
                             'MSFUNC = ' || CASE WHEN g.aggmtransfn <> 0 THEN concat_ws(' ', g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn,
                               g.aggmtranstype::regtype, g.aggmtransspace, g.aggmfinalextra, g.aggmfinalmodify, g.aggminitval) END,
                             'SORTOP = ' || CASE WHEN g.aggsortop <> 0 THEN g.aggsortop::regoperator::text END,
                             CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
                             CASE WHEN g.aggfinalmodify <> 'r' THEN 'FINALFUNC_MODIFY = ' || g.aggfinalmodify::text END,
                             CASE WHEN g.aggkind <> 'n' THEN 'KIND = ' || g.aggkind::text END,
                             CASE WHEN g.aggtransspace <> 0 THEN 'SSPACE = ' || g.aggtransspace END), '')
                    FROM pg_aggregate g WHERE g.aggfnoid = functions.oid))
          FROM functions
          UNION ALL
          SELECT 'pg_type'::regclass, t.oid, 0, t.object,
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
                    FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'),
                   (SELECT concat_ws(' ', 'subtype operator class ' || c.opcname,
                                     'collation ' || CASE WHEN g.rngcollation <> 0 THEN g.rngcollation::regcollation::text END,
                                     'canonical ' || CASE WHEN g.rngcanonical <> 0 THEN g.rngcanonical::text END,
                                     'difference ' || CASE WHEN g.rngsubdiff <> 0 THEN g.rngsubdiff::text END)
                    FROM pg_range g JOIN pg_opclass c ON c.oid = g.rngsubopc
                    WHERE g.rngtypid = t.oid AND (NOT c.opcdefault OR g.rngcanonical <> 0 OR g.rngsubdiff <> 0)),
                   CASE WHEN t.typtype = 'd' AND t.typcollation <> (SELECT b.typcollation FROM pg_type b WHERE b.oid = t.typbasetype)
                        THEN 'collation ' || t.typcollation::regcollation END,
                   (SELECT 'collations ' || string_agg(format('%I %s', a.attname, a.attcollation::regcollation), ', ' ORDER BY a.attnum)
                    FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
                    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND a.attcollation <> b.typcollation),
                   CASE WHEN t.typtype = 'b' AND t.typisdefined THEN
                     concat_ws(' ', 'input', t.typinput, 'output', t.typoutput, 'receive', t.typreceive, 'send', t.typsend,
                       'typmod', t.typmodin, t.typmodout, 'analyze', t.typanalyze, 'subscript', to_jsonb(t) ->> 'typsubscript',
                       'length', t.typlen, 'by value', t.typbyval, 'align', t.typalign, 'storage', t.typstorage,
                       'category', t.typcategory, t.typispreferred, 'delimiter', t.typdelim, 'default', t.typdefault,
                       'element', format_type(t.typelem, NULL), t.typcollation) END)
          FROM types t
          UNION ALL
          SELECT 'pg_statistic_ext'::regclass, x.oid, 0, format('statistics %s.%I', s.name, x.stxname),
                 concat_ws(E'\\n', format('owner %I', pg_get_userbyid(x.stxowner)), pg_get_statisticsobjdef(x.oid),
                   'target ' || nullif(nullif(to_jsonb(x) ->> 'stxstattarget', '-1'), ''))
          FROM pg_statistic_ext x JOIN schemas s ON s.oid = x.stxnamespace
          UNION ALL
          SELECT 'pg_collation'::regclass, c.oid, 0, format('collation %s.%I', s.name, c.collname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(c.collowner)), 'provider', c.collprovider,
                   CASE WHEN NOT c.collisdeterministic THEN 'not deterministic' END, 'encoding ' || c.collencoding,
                   c.collcollate, c.collctype, to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale', to_jsonb(c) ->> 'collicurules')
          FROM pg_collation c JOIN schemas s ON s.oid = c.collnamespace
          UNION ALL
          SELECT 'pg_conversion'::regclass, c.oid, 0, format('conversion %s.%I', s.name, c.conname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(c.conowner)), pg_encoding_to_char(c.conforencoding),
                   'to', pg_encoding_to_char(c.contoencoding), 'by', c.conproc, CASE WHEN c.condefault THEN 'default' END)
          FROM pg_conversion c JOIN schemas s ON s.oid = c.connamespace
          UNION ALL
          SELECT 'pg_operator'::regclass, o.oid, 0,
                 format('operator %s.%s (%s, %s)', s.name, o.oprname, format_type(nullif(o.oprleft, 0), NULL), format_type(nullif(o.oprright, 0), NULL)),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(o.oprowner)), 'by', o.oprcode, 'commutator', nullif(o.oprcom, 0)::regoperator,
                   'negator', nullif(o.oprnegate, 0)::regoperator, 'restrict', o.oprrest, 'join', o.oprjoin,
                   CASE WHEN o.oprcanmerge THEN 'merges' END, CASE WHEN o.oprcanhash THEN 'hashes' END)
          FROM pg_operator o JOIN schemas s ON s.oid = o.oprnamespace
          UNION ALL
          SELECT 'pg_opclass'::regclass, c.oid, 0, format('operator class %s.%I using %I', s.name, c.opcname, m.amname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(c.opcowner)), 'for', format_type(c.opcintype, NULL),
                   CASE WHEN c.opcdefault THEN 'default' END, 'family', f.opfname, 'storage', format_type(nullif(c.opckeytype, 0), NULL))
          FROM pg_opclass c JOIN schemas s ON s.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod
               JOIN pg_opfamily f ON f.oid = c.opcfamily
          UNION ALL
          SELECT 'pg_opfamily'::regclass, f.oid, 0, format('operator family %s.%I using %I', s.name, f.opfname, m.amname),
                 concat_ws(E'\\n', format('owner %I', pg_get_userbyid(f.opfowner)),
                   (SELECT string_agg(format('operator %s %s %s', o.amopstrategy, o.amopopr::regoperator,
                                             (SELECT 'order by ' || y.opfname FROM pg_opfamily y WHERE y.oid = o.amopsortfamily)),
                                      E'\\n' ORDER BY o.amopstrategy, o.amopopr::regoperator::text) FROM pg_amop o WHERE o.amopfamily = f.oid),
                   (SELECT string_agg(format('function %s (%s, %s) %s', p.amprocnum, format_type(p.amproclefttype, NULL),
                                             format_type(p.amprocrighttype, NULL), p.amproc::regprocedure),
                                      E'\\n' ORDER BY p.amprocnum, p.amproc::regprocedure::text) FROM pg_amproc p WHERE p.amprocfamily = f.oid))
          FROM pg_opfamily f JOIN schemas s ON s.oid = f.opfnamespace JOIN pg_am m ON m.oid = f.opfmethod
          UNION ALL
          SELECT 'pg_ts_config'::regclass, c.oid, 0, format('text search configuration %s.%I', s.name, c.cfgname),
                 concat_ws(E'\\n', format('owner %I', pg_get_userbyid(c.cfgowner)),
                   (SELECT 'parser ' || p.prsname FROM pg_ts_parser p WHERE p.oid = c.cfgparser),
                   (SELECT string_agg(format('token %s: %s', m.maptokentype, m.mapdict::regdictionary), E'\\n' ORDER BY m.maptokentype, m.mapseqno)
                    FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
          FROM pg_ts_config c JOIN schemas s ON s.oid = c.cfgnamespace
          UNION ALL
          SELECT 'pg_ts_dict'::regclass, d.oid, 0, format('text search dictionary %s.%I', s.name, d.dictname),
                 concat_ws(E'\\n', format('owner %I', pg_get_userbyid(d.dictowner)),
                   (SELECT 'template ' || t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate), d.dictinitoption)
          FROM pg_ts_dict d JOIN schemas s ON s.oid = d.dictnamespace
          UNION ALL
          SELECT 'pg_ts_parser'::regclass, p.oid, 0, format('text search parser %s.%I', s.name, p.prsname),
                 concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
          FROM pg_ts_parser p JOIN schemas s ON s.oid = p.prsnamespace
          UNION ALL
          SELECT 'pg_ts_template'::regclass, t.oid, 0, format('text search template %s.%I', s.name, t.tmplname),
                 concat_ws(' ', t.tmplinit, t.tmpllexize)
          FROM pg_ts_template t JOIN schemas s ON s.oid = t.tmplnamespace
          UNION ALL
          SELECT 'pg_cast'::regclass, c.oid, 0,
                 format('cast from %s to %s', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)),
                 concat_ws(' ', 'method', c.castmethod, 'context', c.castcontext, nullif(c.castfunc, 0)::regprocedure)
          FROM pg_cast c WHERE c.oid >= 16384
          UNION ALL
          SELECT 'pg_transform'::regclass, t.oid, 0, format('transform for %s language %I', format_type(t.trftype, NULL), l.lanname),
                 concat_ws(' ', t.trffromsql, t.trftosql)
          FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang
          UNION ALL
          SELECT 'pg_language'::regclass, l.oid, 0, 'language ' || quote_ident(l.lanname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(l.lanowner)), CASE WHEN l.lanpltrusted THEN 'trusted' END,
                   l.lanplcallfoid::regprocedure, nullif(l.laninline, 0)::regprocedure, nullif(l.lanvalidator, 0)::regprocedure)
          FROM pg_language l WHERE l.oid >= 16384
          UNION ALL
          SELECT 'pg_am'::regclass, m.oid, 0, 'access method ' || quote_ident(m.amname), concat_ws(' ', m.amtype, m.amhandler)
          FROM pg_am m WHERE m.oid >= 16384
          UNION ALL
          SELECT 'pg_event_trigger'::regclass, e.oid, 0, 'event trigger ' || quote_ident(e.evtname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(e.evtowner)), 'on', e.evtevent, array_to_string(e.evttags, ', '),
                   'executes', e.evtfoid::regprocedure,
                   CASE e.evtenabled WHEN 'D' THEN 'DISABLED' WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' END)
          FROM pg_event_trigger e
          UNION ALL
          SELECT 'pg_publication'::regclass, p.oid, 0, 'publication ' || quote_ident(p.pubname),
                 concat_ws(E'\\n', format('owner %I', pg_get_userbyid(p.pubowner)),
                   concat_ws(' ', CASE WHEN p.puballtables THEN 'all tables' END, CASE WHEN p.pubinsert THEN 'insert' END,
                     CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END,
                     CASE WHEN p.pubtruncate THEN 'truncate' END, CASE WHEN p.pubviaroot THEN 'via root' END,
                     'generated ' || (to_jsonb(p) ->> 'pubgencols')),
                   (SELECT string_agg(concat_ws(' ', 'table', r.prrelid::regclass, 'columns ' || r.prattrs::text,
                                                'where ' || pg_get_expr(r.prqual, r.prrelid)), E'\\n' ORDER BY r.prrelid::regclass::text)
                    FROM pg_publication_rel r WHERE r.prpubid = p.oid),
                   (SELECT string_agg('schema ' || n.pnnspid::regnamespace, E'\\n' ORDER BY n.pnnspid::regnamespace::text)
                    FROM pg_publication_namespace n WHERE n.pnpubid = p.oid))
          FROM pg_publication p
          UNION ALL
          SELECT 'pg_subscription'::regclass, u.oid, 0, 'subscription ' || quote_ident(u.subname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(u.subowner)), CASE WHEN NOT u.subenabled THEN 'disabled' END,
                   'slot', u.subslotname, 'publications', array_to_string(u.subpublications, ', '), u.subsynccommit)
          FROM pg_subscription u WHERE u.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          UNION ALL
          SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, 'foreign-data wrapper ' || quote_ident(w.fdwname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(w.fdwowner)), nullif(w.fdwhandler, 0)::regprocedure,
                   nullif(w.fdwvalidator, 0)::regprocedure, array_to_string(w.fdwoptions, ', '))
          FROM pg_foreign_data_wrapper w
          UNION ALL
          SELECT 'pg_foreign_server'::regclass, v.oid, 0, 'server ' || quote_ident(v.srvname),
                 concat_ws(' ', format('owner %I', pg_get_userbyid(v.srvowner)), w.fdwname, 'type ' || v.srvtype,
                   'version ' || v.srvversion, array_to_string(v.srvoptions, ', '))
          FROM pg_foreign_server v JOIN pg_foreign_data_wrapper w ON w.oid = v.srvfdw
          UNION ALL
          SELECT 'pg_user_mapping'::regclass, m.umid, 0, format('user mapping for %s server %I', quote_ident(m.usename), m.srvname), ''
          FROM pg_user_mappings m
          )
          SELECT object, definition FROM objects WHERE (id, class) NOT IN (SELECT objid, classid FROM of_extension)
          UNION ALL
          SELECT 'comment on ' || o.object, d.description
          FROM objects o JOIN pg_description d ON d.classoid = o.class AND d.objoid = o.id AND d.objsubid = o.part
          WHERE (o.id, o.class) NOT IN (SELECT objid, classid FROM of_extension) AND o.class <> 'pg_extension'::regclass
          UNION ALL
          SELECT format('comment on column %s.%I', r.name, a.attname), d.description
          FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0
               JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = r.oid AND d.objsubid = a.attnum
          WHERE r.relkind IN ('v', 'm')
          UNION ALL
          SELECT 'comment on database', shobj_description(oid, 'pg_database') FROM pg_database
          WHERE datname = current_database() AND shobj_description(oid, 'pg_database') IS NOT NULL
          UNION ALL
          SELECT format('security label of %s on %s', l.provider, o.object), l.label
          FROM objects o JOIN pg_seclabel l ON l.classoid = o.class AND l.objoid = o.id AND l.objsubid = o.part
          UNION ALL
          SELECT format('setting %s of the database%s', split_part(c, '=', 1), ' for role ' || nullif(g.setrole, 0)::regrole),
                 substr(c, strpos(c, '=') + 1)
          FROM pg_db_role_setting g, unnest(g.setconfig) c
          WHERE g.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
          UNION ALL
          SELECT 'ledger format', '@FORMAT@'
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
          """
              .replace("@FORMAT@", String.valueOf(FORMAT));

  /** The catalog as it is now. */
  public static Catalog read(Connection connection) throws SQLException {
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

-- What a dump of this database by its owner lacks, or what a restore of it by a role without an admin's rights leaves out or fails
-- on: effect, name, a sentence with what to do. "excluded schema" and "excluded table": the name is a pattern of pg_dump's;
-- "refused": no dump without it, and what to do is a statement; "left out", "changes" and "breaks": by restore. To be read with the search_path
-- pg_catalog; read by files/dump.sh and by the migrator.
WITH RECURSIVE
places (class, object, place) AS (
  -- What is computed while a dump is loaded, with an empty search_path.
  SELECT 'pg_attrdef'::regclass, d.oid, format('generated column %s.%I', d.adrelid::regclass, a.attname)
  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> ''
  UNION ALL
  SELECT 'pg_constraint'::regclass, oid, format('check constraint %I of %s', conname, CASE WHEN conrelid = 0 THEN contypid::regtype::text ELSE conrelid::regclass::text END) FROM pg_constraint WHERE contype = 'c'
  UNION ALL
  SELECT 'pg_class'::regclass, indexrelid, format('index %s', indexrelid::regclass) FROM pg_index
  WHERE indexprs IS NOT NULL OR indpred IS NOT NULL
  UNION ALL
  SELECT 'pg_class'::regclass, partrelid, format('the partition key of %s', partrelid::regclass) FROM pg_partitioned_table
  WHERE partexprs IS NOT NULL
  UNION ALL
  SELECT 'pg_rewrite'::regclass, r.oid, format('materialized view %s', c.oid::regclass)
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relkind = 'm' AND c.relispopulated
),
functions AS (
  -- Those whose text is read again each time, without literals and comments.
  SELECT f.oid, f.proname, quote_ident(n.nspname) AS schema, f.proargnames,
         regexp_replace(f.prosrc, '''(?:[^'']|'''')*''|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/', ' ', 'g') AS body,
         f.prosqlbody IS NULL AND l.lanname NOT IN ('internal', 'c')
           AND NOT EXISTS (SELECT FROM unnest(f.proconfig) s WHERE s LIKE 'search_path=%') AS open
  FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace JOIN pg_language l ON l.oid = f.prolang
  WHERE n.nspname !~ '^(pg_|information_schema$)'
),
run (place, class, object) AS (
  SELECT p.place, d.refclassid, d.refobjid FROM places p JOIN pg_depend d ON d.classid = p.class AND d.objid = p.object
  UNION
  SELECT r.place, n.class, n.object
  FROM run r CROSS JOIN LATERAL (
    SELECT 'pg_proc'::regclass::oid, o.oprcode::oid FROM pg_operator o
    WHERE r.class = 'pg_operator'::regclass AND o.oid = r.object AND o.oid >= 16384
    UNION ALL
    SELECT d.refclassid, d.refobjid
    FROM pg_class v JOIN pg_rewrite w ON w.ev_class = v.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
    WHERE r.class = 'pg_class'::regclass AND v.oid = r.object AND v.relkind = 'v'
    UNION ALL
    SELECT d.refclassid, d.refobjid FROM pg_proc f JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = f.oid
    WHERE r.class = 'pg_proc'::regclass AND f.oid = r.object AND f.prosqlbody IS NOT NULL
      AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_class'::regclass)
    UNION ALL
    SELECT 'pg_proc'::regclass::oid, g.oid FROM functions f JOIN functions g ON f.body ~* concat('\m', regexp_replace(g.proname, '(\W)', '\\\1', 'g'), '"?\s*\(')
    WHERE r.class = 'pg_proc'::regclass AND f.oid = r.object AND f.open) n (class, object)
),
names (name, schema, call) AS (
  SELECT DISTINCT f.proname, f.schema, true FROM functions f
  WHERE NOT EXISTS (SELECT FROM pg_proc b WHERE b.proname = f.proname AND b.pronamespace = 'pg_catalog'::regnamespace)
  UNION
  SELECT c.relname, quote_ident(n.nspname), false FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND n.nspname !~ '^(pg_|information_schema$)'
  UNION
  SELECT t.typname, quote_ident(n.nspname), false FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE t.typtype IN ('d', 'e', 'r') AND n.nspname !~ '^(pg_|information_schema$)'
),
opaque AS (
  SELECT f.oid, min(r.place) AS place, string_agg(DISTINCT n.name, ', ') AS names, string_agg(DISTINCT n.schema, ', ') AS schemas
  FROM run r JOIN functions f ON r.class = 'pg_proc'::regclass AND f.oid = r.object AND f.open
    JOIN names n ON NOT n.name = ANY (coalesce(f.proargnames, '{}'))
      AND f.body ~* concat('(?<![\w.$"])"?', regexp_replace(n.name, '(\W)', '\\\1', 'g'), CASE WHEN n.call THEN '"?\s*\(' ELSE '(?![\w.$])' END)
  GROUP BY f.oid
),
members AS (SELECT classid, objid, refobjid AS extension FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'),
schemas AS (
  SELECT oid, nspname, NOT pg_has_role(nspowner, 'USAGE') AND nspname <> 'public' AS foreign, has_schema_privilege(oid, 'USAGE') AS usable
  FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'
),
unreadable AS (
  SELECT c.oid, s.nspname, c.relname, s.foreign, s.usable FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'S')
    AND c.relpersistence <> 't' AND (NOT s.usable OR NOT has_table_privilege(c.oid, 'SELECT'))
    AND (c.oid = ANY (ARRAY(SELECT unnest(extconfig) FROM pg_extension))
      OR NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid))
),
findings (effect, name, text) AS (
  SELECT 'excluded schema', concat('"', replace(nspname, '"', '""'), '"'),
         format('schema %I, which belongs to %s, is not in the dump: %s cannot use it; to include it, run as the admin: GRANT USAGE ON SCHEMA %I and SELECT on its content', nspname, n.nspowner::regrole, current_user, nspname)
  FROM schemas s JOIN pg_namespace n USING (oid, nspname) WHERE s.foreign AND NOT s.usable
  UNION ALL
  SELECT 'excluded table', concat('"', replace(nspname, '"', '""'), '"."', replace(relname, '"', '""'), '"'),
         format('%I.%I is not in the dump: %s cannot read it; to include it, run as the admin: GRANT SELECT ON %I.%I TO %I', nspname, relname, current_user, nspname, relname, current_user)
  FROM unreadable WHERE "foreign" AND usable
  UNION ALL
  SELECT 'refused', format('%I.%I', nspname, relname),
         CASE WHEN usable THEN format('GRANT SELECT ON %I.%I TO %I;', nspname, relname, current_user)
              ELSE format('GRANT USAGE ON SCHEMA %I TO %I;', nspname, current_user) END
  FROM unreadable WHERE NOT "foreign"
  UNION ALL
  SELECT 'refused', format('large object %s', l.oid), format('GRANT SELECT ON LARGE OBJECT %s TO %I;', l.oid, current_user)
  FROM pg_largeobject_metadata l
  WHERE NOT pg_has_role(l.lomowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM aclexplode(l.lomacl) a WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))
  UNION ALL
  SELECT DISTINCT 'breaks', u.relname::text,
         format('%s refers to %I.%I, which is not in the dump: restore fails on it', pg_describe_object(d.classid, d.objid, 0), u.nspname, u.relname)
  FROM unreadable u JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = u.oid AND d.deptype = 'n'
  WHERE u.foreign AND (d.classid = 'pg_rewrite'::regclass OR d.classid = 'pg_constraint'::regclass AND NOT EXISTS (SELECT FROM pg_constraint k JOIN unreadable v ON v.oid = k.conrelid WHERE k.oid = d.objid))
  UNION ALL
  SELECT 'breaks', oid::regprocedure::text,
         format('%s, which %s runs, names %s without a schema, and restore finds it only with one; fix it in a migration: ALTER FUNCTION %s SET search_path = %s, pg_temp', oid::regprocedure, place, names, oid::regprocedure, schemas)
  FROM opaque
  UNION ALL
  SELECT CASE WHEN used.by IS NULL THEN 'left out' ELSE 'breaks' END, e.extname,
         CASE WHEN used.by IS NULL THEN format('restore leaves out extension %I, because only an admin can create it; run afterwards as the admin: CREATE EXTENSION %I', e.extname, e.extname)
              ELSE format('restore fails on %s, which needs extension %I: only an admin can create that', used.by, e.extname) END
  FROM pg_extension e LEFT JOIN pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion
    LEFT JOIN LATERAL (
      SELECT min(pg_describe_object(d.classid, d.objid, 0)) AS by FROM members m JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid
      WHERE m.extension = e.oid AND d.deptype IN ('n', 'a') AND d.classid <> 'pg_extension'::regclass
        AND NOT EXISTS (SELECT FROM members o WHERE o.classid = d.classid AND o.objid = d.objid)
        AND NOT EXISTS (SELECT FROM pg_rewrite w JOIN members o ON o.classid = 'pg_class'::regclass AND o.objid = w.ev_class WHERE d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid)
        AND NOT EXISTS (SELECT FROM pg_constraint k JOIN members o ON o.classid = 'pg_type'::regclass AND o.objid = k.contypid
                          OR o.classid = 'pg_class'::regclass AND o.objid = k.conrelid WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid)
        AND NOT EXISTS (SELECT FROM pg_type t JOIN members o ON o.classid = 'pg_type'::regclass AND o.objid = t.typelem WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid)) used ON true
  WHERE e.oid >= 16384 AND coalesce(v.superuser AND NOT v.trusted, true)
  UNION ALL
  SELECT 'left out', p.pubname,
         format('restore leaves out publication %I, because only an admin can create it; run afterwards as the admin: CREATE PUBLICATION %I FOR %s', p.pubname, p.pubname,
           CASE WHEN p.puballtables THEN 'ALL TABLES' ELSE 'TABLES IN SCHEMA ...' END)
  FROM pg_publication p WHERE p.puballtables OR EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid)
  UNION ALL
  SELECT 'left out', e.evtname, format('restore leaves out event trigger %I, because only an admin can create it; run afterwards as the admin: CREATE EVENT TRIGGER %I ON %s EXECUTE FUNCTION %s()', e.evtname, e.evtname, e.evtevent, e.evtfoid::regproc)
  FROM pg_event_trigger e WHERE NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
  UNION ALL
  SELECT 'left out', s.subname, format('subscription %I is not in the dump, because only a superuser can read it; run afterwards as the admin: CREATE SUBSCRIPTION %I ...', s.subname, s.subname)
  FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()
  UNION ALL
  SELECT 'changes', pg_describe_object(o.class, o.oid, 0),
         format('%s belongs to %s, and after a restore to %s, who owns everything that is loaded; if that matters, run as the admin: ALTER ... OWNER TO %s', pg_describe_object(o.class, o.oid, 0), o.owner::regrole, current_user, o.owner::regrole)
  FROM (
    SELECT 'pg_class'::regclass, c.oid, c.relowner, c.relnamespace FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND c.relkind = 'S' AND d.deptype IN ('a', 'i'))
    UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, pronamespace FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typowner, t.typnamespace FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c'
    UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner, oid FROM pg_namespace WHERE nspname <> 'public') o (class, oid, owner, schema)
    JOIN schemas s ON s.oid = o.schema
  WHERE o.oid >= 16384 AND NOT (s.foreign AND NOT s.usable) AND o.owner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
    AND NOT EXISTS (SELECT FROM members m WHERE m.classid = o.class AND m.objid = o.oid)
    AND NOT EXISTS (SELECT FROM unreadable u WHERE u.oid = o.oid AND u.foreign)
  UNION ALL
  SELECT 'changes', pg_describe_object('pg_class'::regclass, c.oid, 0),
         format('%s revoked %s on %s from itself, but has it again after a restore', current_user, string_agg(d.privilege_type, ', ' ORDER BY d.privilege_type), c.oid::regclass)
  FROM pg_class c CROSS JOIN aclexplode(acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) d
  WHERE c.relacl IS NOT NULL AND c.oid >= 16384 AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND d.grantee = c.relowner
    AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = d.grantee AND a.privilege_type = d.privilege_type)
  GROUP BY c.oid
  UNION ALL
  SELECT 'breaks', pg_describe_object(o.class, o.oid, 0), format('restore fails on %s: only an admin can create it', pg_describe_object(o.class, o.oid, 0))
  FROM (
    SELECT 'pg_proc'::regclass, f.oid FROM pg_proc f JOIN pg_language l ON l.oid = f.prolang WHERE NOT l.lanpltrusted AND l.lanname <> 'internal' OR l.lanname = 'internal' OR f.proleakproof
    UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
    UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser
    UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template
    UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language WHERE lanname NOT IN ('plpgsql')) o (class, oid)
  WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM members m WHERE m.classid = o.class AND m.objid = o.oid)
)
SELECT effect, name, text FROM findings ORDER BY effect, name, text

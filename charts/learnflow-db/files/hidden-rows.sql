-- Tables of which the current role cannot see all rows, and why: name, kind, "rights" or "policies", state of the policies. Where
-- it is "nothing", row level security holds for the role, too, and a policy surely shows it every row. The state changes with each
-- change of a policy. Read by files/dump.sh and by the migrator.
SELECT format('%I.%I', n.nspname, c.relname), c.relkind,
       CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT') THEN 'rights'
            WHEN p.shown AND NOT p.restricted THEN 'nothing'
            ELSE 'policies' END,
       coalesce(p.state, '')
FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(polpermissive AND pg_get_expr(polqual, polrelid) = 'true'), false) AS shown,
           coalesce(bool_or(NOT polpermissive), false) AS restricted,
           string_agg(concat(oid, ':', xmin), ' ' ORDER BY oid) AS state
    FROM pg_policy
    WHERE polrelid = c.oid AND polcmd IN ('*', 'r')
      AND EXISTS (SELECT FROM unnest(polroles) r WHERE r = 0 OR pg_has_role(r, 'USAGE'))) p
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema$)'
  AND (NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT') OR row_security_active(c.oid))
ORDER BY 1

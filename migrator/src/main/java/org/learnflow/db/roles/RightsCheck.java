package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/**
 * Compares the rights in a database with what they should be: the owner owns database and schemas
 * and is a member of the service role; the service role may connect, read and write rows and use
 * sequences in every schema of the owner's but {@code learnflow_db}, may not see Flyway's history,
 * may only read {@code schema_migrations}, and may create nothing. Reads the catalog only, with one
 * query that any role may run.
 */
public final class RightsCheck {
  private static final String QUERY =
      """
      WITH names AS (
        SELECT ?::text AS owner, ?::text AS service, current_database()::text AS db
      ), roles AS (
        SELECT n.*, o.oid AS owner_oid, o.rolcanlogin AS owner_canlogin, s.oid AS service_oid, s.rolsuper,
               concat_ws(' ', CASE WHEN NOT s.rolcanlogin THEN 'LOGIN' END,
                         CASE WHEN s.rolsuper THEN 'NOSUPERUSER' END, CASE WHEN s.rolcreatedb THEN 'NOCREATEDB' END,
                         CASE WHEN s.rolcreaterole THEN 'NOCREATEROLE' END,
                         CASE WHEN s.rolreplication THEN 'NOREPLICATION' END,
                         CASE WHEN s.rolbypassrls THEN 'NOBYPASSRLS' END) AS service_must_be
        FROM names n JOIN pg_roles o ON o.rolname = n.owner JOIN pg_roles s ON s.rolname = n.service
      ), schemas AS (
        SELECT n.oid, n.nspname, n.nspowner, n.nspname = 'learnflow_db' AS private
        FROM pg_namespace n, roles r
        WHERE n.nspname IN ('public', 'learnflow_db')
           OR n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' -- a superuser may own these
              AND (n.nspowner = r.owner_oid
                OR EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relowner = r.owner_oid))
      ), relations AS (
        SELECT c.oid, c.relkind, format('%I.%I', s.nspname, c.relname) AS name, c.relowner, s.private,
               s.nspname = 'public' AND c.relname = 'flyway_schema_history' AS history,
               s.nspname = 'public' AND c.relname = 'schema_migrations'
                 OR c.relkind = 'm' AS read_only
        FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      ), rights AS (
        SELECT t.*, p.privilege, has_table_privilege(r.service_oid, t.oid, p.privilege) AS held,
               CASE WHEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                    THEN has_any_column_privilege(r.service_oid, t.oid, p.privilege)
                    ELSE has_table_privilege(r.service_oid, t.oid, p.privilege) END AS held_somewhere,
               CASE WHEN t.history THEN false
                    WHEN p.privilege = 'SELECT' THEN true
                    WHEN p.privilege IN ('INSERT', 'UPDATE', 'DELETE') THEN NOT t.read_only
                    ELSE false END AS due
        FROM relations t, roles r, unnest(string_to_array('@TABLE_PRIVILEGES@', ' ')) p (privilege)
        WHERE NOT t.private AND t.relkind <> 'S' AND t.relowner = r.owner_oid
      ), defaults AS (
        SELECT d.defaclobjtype AS objtype, d.defaclnamespace AS namespace, a.grantee, a.privilege_type AS privilege
        FROM pg_default_acl d, aclexplode(d.defaclacl) a, roles r
        WHERE d.defaclrole = r.owner_oid AND a.grantee IN (0, r.service_oid)
      )
      SELECT 9, format('%I may not log in', owner), format('ALTER ROLE %I LOGIN', owner)
        FROM roles WHERE NOT owner_canlogin
      UNION ALL
      SELECT 10, format('%I is not %s', service, service_must_be), format('ALTER ROLE %I %s', service, service_must_be)
        FROM roles WHERE service_must_be <> ''
      UNION ALL
      SELECT 11, format('%I is a member of %I', service, owner), format('REVOKE %I FROM %I', owner, service)
        FROM roles WHERE NOT rolsuper AND pg_has_role(service_oid, owner_oid, 'MEMBER')
      UNION ALL
      SELECT 12, format('%I is no member of %I', owner, service), format(@GRANT_MEMBERSHIP@, service, owner)
        FROM roles WHERE NOT (@IS_MEMBER@)
      UNION ALL
      SELECT 13, format('%I is a member of %I', r.service, g.rolname), format('REVOKE %I FROM %I', g.rolname, r.service)
        FROM roles r JOIN pg_auth_members m ON m.member = r.service_oid JOIN pg_roles g ON g.oid = m.roleid
        WHERE g.rolsuper OR g.rolcreatedb OR g.rolcreaterole OR g.rolreplication OR g.rolbypassrls
           OR g.rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_maintain', 'pg_execute_server_program',
                            'pg_read_server_files', 'pg_write_server_files')
      UNION ALL
      SELECT 20, format('database %I is not owned by %I', r.db, r.owner),
             format('ALTER DATABASE %I OWNER TO %I', r.db, r.owner)
        FROM roles r JOIN pg_database d ON d.datname = r.db WHERE d.datdba <> r.owner_oid
      UNION ALL
      SELECT 21, format('%I may not connect to %I', service, db),
             format('GRANT CONNECT ON DATABASE %I TO %I', db, service)
        FROM roles WHERE NOT has_database_privilege(service_oid, db, 'CONNECT')
      UNION ALL
      SELECT 22, format('%I may %s in %I', r.service, lower(p.privilege), r.db),
             format('REVOKE %s ON DATABASE %I FROM PUBLIC, %I', p.privilege, r.db, r.service)
        FROM roles r, (VALUES ('CREATE'), ('TEMPORARY')) p (privilege)
        WHERE NOT r.rolsuper AND has_database_privilege(r.service_oid, r.db, p.privilege)
      UNION ALL
      SELECT 30, format('schema %I is not owned by %I', s.nspname, r.owner),
             format('ALTER SCHEMA %I OWNER TO %I', s.nspname, r.owner)
        FROM roles r, schemas s WHERE s.nspowner <> r.owner_oid
      UNION ALL
      SELECT 31, format('%I may create in schema %I', r.service, s.nspname),
             format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', s.nspname, r.service)
        FROM roles r, schemas s WHERE NOT r.rolsuper AND has_schema_privilege(r.service_oid, s.oid, 'CREATE')
      UNION ALL
      SELECT 32, format('%I may not use schema %I', r.service, s.nspname),
             format('GRANT USAGE ON SCHEMA %I TO %I', s.nspname, r.service)
        FROM roles r, schemas s WHERE NOT s.private AND NOT has_schema_privilege(r.service_oid, s.oid, 'USAGE')
      UNION ALL
      SELECT 33, format('%I may use schema %I', r.service, s.nspname),
             format('REVOKE ALL ON SCHEMA %I FROM PUBLIC, %I', s.nspname, r.service)
        FROM roles r, schemas s
        WHERE NOT r.rolsuper AND s.private AND has_schema_privilege(r.service_oid, s.oid, 'USAGE')
      UNION ALL
      SELECT 40, format('%s is not owned by %I', t.name, r.owner),
             format('ALTER TABLE %s OWNER TO %I', t.name, r.owner)
        FROM roles r, relations t
        WHERE t.relowner <> r.owner_oid
          -- A column's own sequence follows its table.
          AND NOT (t.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                     AND d.objid = t.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')))
      UNION ALL
      SELECT 41, format('%I may not %s %s', r.service, lower(string_agg(t.privilege, ', ' ORDER BY t.privilege)), t.name),
             format('GRANT %s ON %s TO %I', string_agg(t.privilege, ', ' ORDER BY t.privilege), t.name, r.service)
        FROM roles r, rights t WHERE t.due AND NOT t.held GROUP BY t.name, r.service
      UNION ALL
      SELECT 42, format('%I may %s %s', r.service, lower(string_agg(t.privilege, ', ' ORDER BY t.privilege)), t.name),
             format('REVOKE %s ON %s FROM PUBLIC, %I', string_agg(t.privilege, ', ' ORDER BY t.privilege), t.name, r.service)
        FROM roles r, rights t WHERE NOT r.rolsuper AND t.held_somewhere AND NOT t.due GROUP BY t.name, r.service
      UNION ALL
      SELECT 43, format('%I may not use sequence %s', r.service, t.name),
             format('GRANT USAGE, SELECT ON SEQUENCE %s TO %I', t.name, r.service)
        FROM roles r, relations t
        WHERE t.relkind = 'S' AND NOT t.private AND t.relowner = r.owner_oid
          AND NOT (has_sequence_privilege(r.service_oid, t.oid, 'USAGE') AND has_sequence_privilege(r.service_oid, t.oid, 'SELECT'))
      UNION ALL
      SELECT 50, format('%I gets no rights on %s that %I makes later', r.service, lower(d.kind), r.owner),
             format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT %s ON %s TO %I', r.owner, d.privileges, d.kind, r.service)
        FROM roles r, (VALUES ('r'::"char", 'TABLES', 'SELECT, INSERT, UPDATE, DELETE'),
                              ('S', 'SEQUENCES', 'USAGE, SELECT'),
                              ('n', 'SCHEMAS', 'USAGE')) d (objtype, kind, privileges)
        WHERE EXISTS (SELECT unnest(string_to_array(d.privileges, ', '))
                      EXCEPT
                      SELECT f.privilege FROM defaults f
                      WHERE f.objtype = d.objtype AND f.namespace = 0 AND f.grantee = r.service_oid)
      UNION ALL
      SELECT 51, format('%s gets %s on %s that %I makes later', g.name, lower(g.privileges), lower(g.kind), r.owner),
             format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %s FROM %s', r.owner,
                    (SELECT format(' IN SCHEMA %I', n.nspname) FROM pg_namespace n WHERE n.oid = g.namespace),
                    g.privileges, g.kind, g.name)
        FROM roles r,
             (SELECT namespace, CASE objtype WHEN 'r' THEN 'TABLES' ELSE 'SCHEMAS' END AS kind,
                     CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS name,
                     string_agg(privilege, ', ' ORDER BY privilege) AS privileges
              FROM defaults
              WHERE objtype = 'r' AND privilege NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
                 OR objtype = 'n' AND privilege = 'CREATE'
              GROUP BY 1, 2, 3) g
      ORDER BY 1, 2
      """;

  private RightsCheck() {}

  /**
   * What deviates, in the order in which it can be put right; nothing where a role is missing.
   *
   * @param connection to the database in question, as any role
   */
  public static List<Deviation> deviations(Connection connection, RoleNames names)
      throws SQLException {
    int major = connection.getMetaData().getDatabaseMajorVersion();
    boolean grantOptions = major >= 16;
    String query =
        QUERY
            .replace(
                "@TABLE_PRIVILEGES@",
                "SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER"
                    + (major >= 17 ? " MAINTAIN" : ""))
            .replace(
                "@GRANT_MEMBERSHIP@",
                grantOptions ? "'GRANT %I TO %I WITH INHERIT TRUE, SET TRUE'" : "'GRANT %I TO %I'")
            .replace(
                "@IS_MEMBER@",
                grantOptions
                    ? "pg_has_role(owner_oid, service_oid, 'USAGE') AND pg_has_role(owner_oid,"
                        + " service_oid, 'SET')"
                    : "pg_has_role(owner_oid, service_oid, 'USAGE')");
    List<Deviation> deviations = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(query)) {
      statement.setString(1, names.owner());
      statement.setString(2, names.service());
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          deviations.add(new Deviation(rows.getString(2), rows.getString(3)));
        }
      }
    }
    return List.copyOf(deviations);
  }
}

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
        SELECT n.*, o.oid AS owner_oid, s.oid AS service_oid, s.rolcanlogin, s.rolsuper,
               s.rolcreatedb, s.rolcreaterole, s.rolreplication, s.rolbypassrls
        FROM names n JOIN pg_roles o ON o.rolname = n.owner JOIN pg_roles s ON s.rolname = n.service
      ), schemas AS (
        SELECT n.oid, n.nspname, n.nspowner, n.nspname = 'learnflow_db' AS private
        FROM pg_namespace n, roles r
        WHERE n.nspname = 'public' OR n.nspowner = r.owner_oid
      ), relations AS (
        SELECT c.oid, c.relkind, format('%I.%I', s.nspname, c.relname) AS name, c.relowner,
               s.nspname = 'public' AND c.relname = 'flyway_schema_history' AS history,
               s.nspname = 'public' AND c.relname = 'schema_migrations'
                 OR c.relkind = 'm' AS read_only
        FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace AND NOT s.private, roles r
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relowner IN (r.owner_oid, r.service_oid)
      ), rights AS (
        SELECT t.*, p.privilege, has_table_privilege(r.service_oid, t.oid, p.privilege) AS held,
               CASE WHEN t.history THEN false
                    WHEN p.privilege = 'SELECT' THEN true
                    WHEN p.privilege IN ('INSERT', 'UPDATE', 'DELETE') THEN NOT t.read_only
                    ELSE false END AS due
        FROM relations t, roles r,
             (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')) p (privilege)
        WHERE t.relkind <> 'S' AND t.relowner = r.owner_oid
      ), defaults AS (
        SELECT d.defaclobjtype, a.privilege_type
        FROM pg_default_acl d, aclexplode(d.defaclacl) a, roles r
        WHERE d.defaclrole = r.owner_oid AND d.defaclnamespace = 0 AND a.grantee = r.service_oid
      )
      SELECT 10, format('%I has rights beyond its own, or may not log in', service),
             format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', service)
        FROM roles WHERE NOT rolcanlogin OR rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls
      UNION ALL
      SELECT 11, format('%I is a member of %I', service, owner), format('REVOKE %I FROM %I', owner, service)
        FROM roles WHERE NOT rolsuper AND pg_has_role(service_oid, owner_oid, 'MEMBER')
      UNION ALL
      SELECT 12, format('%I is no member of %I', owner, service), format(@GRANT_MEMBERSHIP@, service, owner)
        FROM roles WHERE NOT (@IS_MEMBER@)
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
      SELECT 40, format('%I owns %s', r.service, t.name),
             format('ALTER TABLE %s OWNER TO %I', t.name, r.owner)
        FROM roles r, relations t WHERE t.relowner = r.service_oid
      UNION ALL
      SELECT 41, format('%I may not %s %s', r.service, lower(string_agg(t.privilege, ', ')), t.name),
             format('GRANT %s ON %s TO %I', string_agg(t.privilege, ', '), t.name, r.service)
        FROM roles r, rights t WHERE t.due AND NOT t.held GROUP BY t.name, r.service
      UNION ALL
      SELECT 42, format('%I may %s %s', r.service, lower(string_agg(t.privilege, ', ')), t.name),
             format('REVOKE %s ON %s FROM PUBLIC, %I', string_agg(t.privilege, ', '), t.name, r.service)
        FROM roles r, rights t WHERE NOT r.rolsuper AND t.held AND NOT t.due GROUP BY t.name, r.service
      UNION ALL
      SELECT 43, format('%I may not use sequence %s', r.service, t.name),
             format('GRANT USAGE, SELECT ON SEQUENCE %s TO %I', t.name, r.service)
        FROM roles r, relations t
        WHERE t.relkind = 'S' AND t.relowner = r.owner_oid
          AND NOT (has_sequence_privilege(r.service_oid, t.oid, 'USAGE') AND has_sequence_privilege(r.service_oid, t.oid, 'SELECT'))
      UNION ALL
      SELECT 50, format('%I gets no rights on %s that %I makes later', r.service, lower(d.kind), r.owner),
             format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT %s ON %s TO %I', r.owner, d.privileges, d.kind, r.service)
        FROM roles r, (VALUES ('r'::"char", 'TABLES', 'SELECT, INSERT, UPDATE, DELETE', 4),
                              ('S', 'SEQUENCES', 'USAGE, SELECT', 2),
                              ('n', 'SCHEMAS', 'USAGE', 1)) d (objtype, kind, privileges, expected)
        WHERE (SELECT count(*) FROM defaults WHERE defaclobjtype = d.objtype) < d.expected
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
    boolean grantOptions = connection.getMetaData().getDatabaseMajorVersion() >= 16;
    String query =
        QUERY
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

package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Target;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/**
 * Compares the privileges in a database with the expected ones: the owner owns database and schemas
 * and is a member of the service role; the service role can connect, read and write rows and use
 * sequences in every schema of the owner except {@code learnflow_db}, cannot see Flyway's history,
 * can only read {@code schema_migrations}, and cannot create anything. What a migration revoked
 * stays revoked ({@link WithheldPrivileges}). Reads only the catalog, with queries that any role
 * can run and whose meaning does not depend on what the database contains.
 */
public final class RightsCheck {
  /**
   * What belongs to the whole server: roles, memberships, databases. Returns names, from which this
   * class creates statements that an admin can run: {@code subject} and {@code object} are quoted
   * if necessary.
   */
  private static final String ON_SERVER =
      """
      WITH roles AS (
        SELECT quote_ident(o.rolname) AS owner, quote_ident(s.rolname) AS service, o.oid AS owner_oid,
               s.oid AS service_oid, o.rolcanlogin AS owner_canlogin, s.rolsuper AS service_super,
               concat_ws(' ', CASE WHEN NOT s.rolcanlogin AND s.rolname NOT IN (@SPARE@) THEN 'LOGIN' END,
                         CASE WHEN s.rolsuper THEN 'NOSUPERUSER' END, CASE WHEN s.rolcreatedb THEN 'NOCREATEDB' END,
                         CASE WHEN s.rolcreaterole THEN 'NOCREATEROLE' END,
                         CASE WHEN s.rolreplication THEN 'NOREPLICATION' END,
                         CASE WHEN s.rolbypassrls THEN 'NOBYPASSRLS' END) AS service_must_be
        FROM pg_roles o, pg_roles s WHERE o.rolname = @OWNER@ AND s.rolname IN (@SERVICES@)
      )
      SELECT 'no role' AS kind, 0 AS number, quote_ident(w.name) AS subject, '' AS object
        FROM unnest(ARRAY[@SPARE@]) w (name) WHERE w.name <> '' AND NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolname = w.name)
      UNION ALL
      SELECT DISTINCT 'owner may not log in', 1, owner, '' FROM roles WHERE NOT owner_canlogin
      UNION ALL
      SELECT 'attributes', 2, service, service_must_be FROM roles WHERE service_must_be <> ''
      UNION ALL
      SELECT 'member', 3, service, owner FROM roles
        WHERE NOT service_super AND pg_has_role(service_oid, owner_oid, 'MEMBER')
      UNION ALL
      SELECT 'no member', 4, owner, service FROM roles WHERE NOT (@IS_MEMBER@)
      UNION ALL
      -- It gets in when services have taken all other connections.
      SELECT DISTINCT 'no member', 4, r.owner, g.rolname::text FROM roles r, pg_roles g
        WHERE @SERVER@ <> 'SHARED' AND g.rolname = 'pg_use_reserved_connections'
          AND coalesce(current_setting('reserved_connections', true), '0') <> '0' AND NOT pg_has_role(r.owner_oid, g.oid, 'USAGE')
      UNION ALL
      SELECT 'no member', 4, r.service, m.role
        FROM (VALUES @MEMBERSHIPS@) m (service, role) JOIN pg_roles s ON s.rolname = m.service JOIN roles r ON r.service_oid = s.oid
        WHERE NOT pg_has_role(s.oid, m.role, 'USAGE')
      UNION ALL
      SELECT 'member', 5, r.service, quote_ident(g.rolname)
        FROM roles r JOIN pg_auth_members m ON m.member = r.service_oid JOIN pg_roles g ON g.oid = m.roleid
          JOIN pg_roles s ON s.oid = m.member
        WHERE (s.rolname, g.rolname) NOT IN (SELECT service, role FROM (VALUES @MEMBERSHIPS@) w (service, role) WHERE role IS NOT NULL)
          AND (g.rolsuper OR g.rolcreatedb OR g.rolcreaterole OR g.rolreplication OR g.rolbypassrls
           OR g.rolname IN (@POWERFUL_ROLES@)
           -- A service with rights of its own would have those of others too.
           OR g.rolname IN (@SERVICES@) OR r.service_oid IN (SELECT oid FROM pg_roles WHERE rolname IN (@LIMITED@)))
      UNION ALL
      SELECT DISTINCT 'database owner', 6, r.owner, quote_ident(d.datname) FROM roles r, pg_database d
        WHERE d.datname = @DATABASE@ AND d.datdba <> r.owner_oid
      UNION ALL
      SELECT 'may connect', 7, r.service, quote_ident(d.datname) FROM roles r, pg_database d
        WHERE @SERVER@ = 'OWN' AND d.datname IN ('postgres', 'template1') AND NOT r.service_super
          AND has_database_privilege(r.service_oid, d.oid, 'CONNECT')
      UNION ALL
      SELECT DISTINCT 'may not connect', 8, r.owner, quote_ident(d.datname) FROM roles r, pg_database d
        WHERE d.datname = 'postgres' AND NOT has_database_privilege(r.owner_oid, d.oid, 'CONNECT')
          AND (@SERVER@ = 'OWN' OR pg_has_role(d.datdba, 'USAGE'))
      UNION ALL
      SELECT 'limit', 9, r.service, l.connections::text
        FROM (VALUES @LIMITS@) l (service, connections) JOIN pg_roles s ON s.rolname = l.service JOIN roles r ON r.service_oid = s.oid
        WHERE s.rolconnlimit <> l.connections
      UNION ALL
      SELECT 'setting', 10, r.service, w.name || '=' || w.value
        FROM (VALUES @SETTINGS@) w (service, name, value) JOIN pg_roles s ON s.rolname = w.service JOIN roles r ON r.service_oid = s.oid
        WHERE NOT EXISTS (SELECT FROM pg_db_role_setting c JOIN pg_database d ON d.oid = c.setdatabase
                          WHERE c.setrole = s.oid AND d.datname = @DATABASE@ AND w.name || '=' || w.value = ANY (c.setconfig))
      UNION ALL
      -- On a server of our own, also one that an operator runs, the owner is a member of no other roles that log in, but for one that loads a dump: it ends.
      SELECT 'formerly', 11, quote_ident(s.rolname), ''
        FROM pg_roles o JOIN pg_auth_members m ON m.member = o.oid JOIN pg_roles s ON s.oid = m.roleid
        WHERE @SERVER@ <> 'SHARED' AND o.rolname = @OWNER@ AND s.rolcanlogin AND s.rolvaliduntil IS NULL AND NOT s.rolsuper
          AND s.rolname NOT IN (@SERVICES@)
      ORDER BY 2, 3, 4
      """;

  /**
   * What the database contains, and which privileges on it each service's role should have and has.
   * A role with rights of its own has exactly these, on whole relations or on columns; the others
   * have all that is usual. Only for the latter is anything withheld.
   */
  private static final String RIGHTS =
      """
      WITH wanted (service, everything) AS (
        VALUES @SERVICES@
      ), written (service, relation, privilege, column_name) AS (
        SELECT w.service, to_regclass(w.relation)::oid, w.privilege, w.column_name
        FROM (VALUES @WRITTEN@) w (service, relation, privilege, column_name)
      ), owners AS (
        SELECT o.oid AS owner_oid, o.rolname AS owner, current_database()::text AS db FROM pg_roles o WHERE o.rolname = @OWNER@
      ), roles AS (
        SELECT o.*, s.oid AS service_oid, s.rolname AS service, s.rolsuper, w.everything
        FROM owners o, wanted w JOIN pg_roles s ON s.rolname = w.service
      ), withheld AS (
        SELECT relation::oid AS relation, schema, privilege FROM @WITHHELD@
      ), schemas AS (
        SELECT n.oid, n.nspname, n.nspowner, n.nspname = 'learnflow_db' AS private
        FROM pg_namespace n, owners r
        WHERE @OWN_SCHEMA@ -- a superuser may own pg_catalog and information_schema
      ), relations AS (
        SELECT c.oid, c.relkind, c.relnamespace, format('%I.%I', s.nspname, c.relname) AS name, c.relowner, s.private,
               s.nspname = 'public' AND c.relname = 'flyway_schema_history' AS history,
               s.nspname = 'public' AND c.relname = 'schema_migrations'
                 OR c.relkind = 'm' AS read_only
        FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      ), rights AS (
        SELECT t.*, r.service, r.service_oid, r.rolsuper, r.everything, p.privilege, has_table_privilege(r.service_oid, t.oid, p.privilege) AS held,
               CASE WHEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                    THEN has_any_column_privilege(r.service_oid, t.oid, p.privilege)
                    ELSE has_table_privilege(r.service_oid, t.oid, p.privilege) END AS held_somewhere,
               CASE WHEN t.history THEN false
                    WHEN NOT r.everything
                    THEN EXISTS (SELECT FROM written w WHERE w.service = r.service AND w.relation = t.oid
                                   AND w.privilege = p.privilege AND w.column_name IS NULL)
                    WHEN p.privilege = 'SELECT' THEN true
                    WHEN p.privilege IN ('INSERT', 'UPDATE', 'DELETE') THEN NOT t.read_only
                    ELSE false END AS due,
               ARRAY(SELECT w.column_name FROM written w WHERE w.service = r.service AND w.relation = t.oid
                       AND w.privilege = p.privilege AND w.column_name IS NOT NULL AND NOT t.history) AS due_columns
        FROM relations t JOIN owners o ON o.owner_oid = t.relowner, roles r,
             unnest(string_to_array('@TABLE_PRIVILEGES@', ' ')) p (privilege)
        WHERE NOT t.private AND t.relkind <> 'S'
      ), columns AS (
        SELECT t.name, t.service, t.rolsuper, t.privilege, a.attname,
               a.attname = ANY (t.due_columns) AS due,
               has_column_privilege(t.service_oid, t.oid, a.attnum, t.privilege) AS held
        FROM rights t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE t.due_columns <> '{}' AND NOT t.due
      ), sequences AS (
        SELECT t.oid, t.name, r.service, r.service_oid, r.rolsuper, r.everything, p.privilege,
               has_sequence_privilege(r.service_oid, t.oid, p.privilege) AS held,
               CASE WHEN r.everything THEN p.privilege <> 'UPDATE'
                    ELSE p.privilege = 'USAGE' -- for the default of a column; an identity column needs nothing
                      AND EXISTS (SELECT FROM pg_depend d JOIN written w ON w.relation = d.refobjid
                                  WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'a'
                                    AND d.refobjsubid > 0 AND w.service = r.service AND w.privilege = 'INSERT') END AS due
        FROM relations t JOIN owners o ON o.owner_oid = t.relowner, roles r, (VALUES ('USAGE'), ('SELECT'), ('UPDATE')) p (privilege)
        WHERE t.relkind = 'S' AND NOT t.private
      ), usages AS (
        SELECT s.*, r.service, r.service_oid, r.rolsuper, r.everything, has_schema_privilege(r.service_oid, s.oid, 'USAGE') AS held,
               r.everything OR EXISTS (SELECT FROM written w JOIN relations t ON t.oid = w.relation
                                       WHERE w.service = r.service AND t.relnamespace = s.oid) AS due
        FROM schemas s, roles r WHERE NOT s.private
      ), defaults AS (
        SELECT d.defaclobjtype AS objtype, d.defaclnamespace AS namespace, a.grantee, a.privilege_type AS privilege
        FROM pg_default_acl d JOIN owners o ON o.owner_oid = d.defaclrole, aclexplode(d.defaclacl) a
        WHERE a.grantee = 0 OR a.grantee IN (SELECT service_oid FROM roles)
      ), missing AS (
        SELECT t.oid AS object, t.oid AS relation, NULL AS schema, t.relkind, t.name, t.privilege, t.service, t.everything
        FROM rights t WHERE t.due AND NOT t.held
        UNION ALL
        SELECT q.oid, q.oid, NULL, 'S', q.name, q.privilege, q.service, q.everything FROM sequences q WHERE q.due AND NOT q.held
        UNION ALL
        SELECT u.oid, NULL, quote_ident(u.nspname), NULL, quote_ident(u.nspname), 'USAGE', u.service, u.everything
        FROM usages u WHERE u.due AND NOT u.held
      ), due AS (
        SELECT m.* FROM missing m
        WHERE NOT (m.everything
                   AND EXISTS (SELECT FROM withheld w
                               WHERE (w.relation = m.relation OR w.schema = m.schema) AND w.privilege = m.privilege))
      )
      """;

  /** What the owner can fix itself, in the database. */
  private static final String IN_DATABASE =
      """
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
        FROM owners r, schemas s WHERE s.nspowner <> r.owner_oid
      UNION ALL
      SELECT 31, format('%I may create in schema %I', r.service, s.nspname),
             format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', s.nspname, r.service)
        FROM roles r, schemas s WHERE NOT r.rolsuper AND has_schema_privilege(r.service_oid, s.oid, 'CREATE')
      UNION ALL
      SELECT 32, format('%I may not use schema %s', d.service, d.schema),
             format('GRANT USAGE ON SCHEMA %s TO %I', d.schema, d.service)
        FROM due d WHERE d.schema IS NOT NULL
      UNION ALL
      SELECT 33, format('%I may use schema %I', r.service, s.nspname),
             format('REVOKE ALL ON SCHEMA %I FROM PUBLIC, %I', s.nspname, r.service)
        FROM roles r, schemas s
        WHERE NOT r.rolsuper AND s.private AND has_schema_privilege(r.service_oid, s.oid, 'USAGE')
      UNION ALL
      -- In schema public everybody has it, and learns no more from it than from the catalog.
      SELECT 34, format('%I may use schema %I', u.service, u.nspname),
             format('REVOKE ALL ON SCHEMA %I FROM PUBLIC, %I', u.nspname, u.service)
        FROM usages u WHERE NOT u.rolsuper AND NOT u.everything AND u.held AND NOT u.due AND u.nspname <> 'public'
      UNION ALL
      SELECT 40, format('%s is not owned by %I', t.name, r.owner),
             format('ALTER TABLE %s OWNER TO %I', t.name, r.owner)
        FROM owners r, relations t
        WHERE t.relowner <> r.owner_oid
          -- A column's own sequence follows its table.
          AND NOT (t.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                     AND d.objid = t.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')))
      UNION ALL
      SELECT 41, format('%I may not %s %s', d.service, lower(string_agg(d.privilege, ', ' ORDER BY d.privilege)), d.name),
             format('GRANT %s ON %s TO %I', string_agg(d.privilege, ', ' ORDER BY d.privilege), d.name, d.service)
        FROM due d WHERE d.relkind <> 'S' GROUP BY d.name, d.service
      UNION ALL
      -- Of a whole relation, this revokes it of its columns too: those that are due are granted again.
      SELECT 42, format('%I may %s %s', t.service, lower(string_agg(t.privilege, ', ' ORDER BY t.privilege)), t.name),
             format('REVOKE %s ON %s FROM PUBLIC, %I', string_agg(t.privilege, ', ' ORDER BY t.privilege), t.name, t.service)
        FROM rights t
        WHERE NOT t.rolsuper AND NOT t.due AND (t.held OR t.held_somewhere AND t.due_columns = '{}') GROUP BY t.name, t.service
      UNION ALL
      SELECT 43, format('%I may not use sequence %s', d.service, d.name),
             format('GRANT %s ON SEQUENCE %s TO %I', string_agg(d.privilege, ', ' ORDER BY d.privilege DESC), d.name, d.service)
        FROM due d WHERE d.relkind = 'S' GROUP BY d.name, d.service
      UNION ALL
      SELECT 44, format('%I may not %s %s of %s', c.service, lower(c.privilege), string_agg(quote_ident(c.attname), ', ' ORDER BY c.attname), c.name),
             format('GRANT %s (%s) ON %s TO %I', c.privilege, string_agg(quote_ident(c.attname), ', ' ORDER BY c.attname), c.name, c.service)
        FROM columns c WHERE c.due AND NOT c.held GROUP BY c.name, c.service, c.privilege
      UNION ALL
      SELECT 45, format('%I may %s %s of %s', c.service, lower(c.privilege), string_agg(quote_ident(c.attname), ', ' ORDER BY c.attname), c.name),
             format('REVOKE %s (%s) ON %s FROM PUBLIC, %I', c.privilege, string_agg(quote_ident(c.attname), ', ' ORDER BY c.attname), c.name, c.service)
        FROM columns c WHERE NOT c.rolsuper AND c.held AND NOT c.due GROUP BY c.name, c.service, c.privilege
      UNION ALL
      SELECT 46, format('%I may %s sequence %s', q.service, lower(string_agg(q.privilege, ', ' ORDER BY q.privilege)), q.name),
             format('REVOKE %s ON SEQUENCE %s FROM PUBLIC, %I', string_agg(q.privilege, ', ' ORDER BY q.privilege), q.name, q.service)
        FROM sequences q WHERE NOT q.rolsuper AND NOT q.everything AND q.held AND NOT q.due GROUP BY q.name, q.service
      UNION ALL
      SELECT 50, format('%I gets no privileges on %s that %I creates later', r.service, lower(d.kind), r.owner),
             format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT %s ON %s TO %I', r.owner, d.privileges, d.kind, r.service)
        FROM roles r, (VALUES ('r'::"char", 'TABLES', 'SELECT, INSERT, UPDATE, DELETE'),
                              ('S', 'SEQUENCES', 'USAGE, SELECT'),
                              ('n', 'SCHEMAS', 'USAGE')) d (objtype, kind, privileges)
        WHERE r.everything
          AND EXISTS (SELECT unnest(string_to_array(d.privileges, ', '))
                      EXCEPT
                      SELECT f.privilege FROM defaults f
                      WHERE f.objtype = d.objtype AND f.namespace = 0 AND f.grantee = r.service_oid)
      UNION ALL
      SELECT 51, format('%s gets %s on %s that %I creates later', g.name, lower(g.privileges), lower(g.kind), r.owner),
             format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %s FROM %s', r.owner,
                    (SELECT format(' IN SCHEMA %I', n.nspname) FROM pg_namespace n WHERE n.oid = g.namespace),
                    g.privileges, g.kind, g.name)
        FROM owners r,
             (SELECT f.namespace, CASE f.objtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' ELSE 'SCHEMAS' END AS kind,
                     CASE f.grantee WHEN 0 THEN 'PUBLIC' ELSE f.grantee::regrole::text END AS name,
                     string_agg(f.privilege, ', ' ORDER BY f.privilege) AS privileges
              FROM defaults f LEFT JOIN roles s ON s.service_oid = f.grantee
              WHERE f.objtype = 'r' AND f.privilege NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
                 OR f.objtype = 'n' AND f.privilege = 'CREATE'
                 OR f.objtype IN ('r', 'S', 'n') AND NOT s.everything
              GROUP BY 1, 2, 3) g
      ORDER BY 1, 2
      """;

  private RightsCheck() {}

  /**
   * Predefined roles that reach programs, files, everybody's rows and sessions, or the connections
   * that are kept for the owner; of those that the supported versions have.
   */
  private static final List<String> POWERFUL_ROLES =
      List.of(
          "pg_checkpoint",
          "pg_create_subscription",
          "pg_execute_server_program",
          "pg_maintain",
          "pg_read_all_data",
          "pg_read_server_files",
          "pg_signal_autovacuum_worker",
          "pg_signal_backend",
          "pg_use_reserved_connections",
          "pg_write_all_data",
          "pg_write_server_files");

  /** Predefined roles that no service may be a member of, as SQL lists them. */
  public static String powerfulRoles() {
    return Sql.literals(POWERFUL_ROLES);
  }

  /**
   * What deviates, in the order in which it can be fixed; empty if a role is missing.
   *
   * @param connection to the database in question, as any role
   */
  public static List<Deviation> deviations(
      Connection connection, RoleNames names, Target.Server server) throws SQLException {
    List<Deviation> deviations =
        new ArrayList<>(onServer(connection, names, connection.getCatalog(), server));
    deviations.addAll(inDatabase(connection, names));
    return List.copyOf(deviations);
  }

  /**
   * What an admin fixes, in any database of the server.
   *
   * @param connection to any database, as any role
   * @param database the one in question
   */
  static List<Deviation> onServer(
      Connection connection, RoleNames names, String database, Target.Server server)
      throws SQLException {
    boolean grantOptions = hasGrantOptions(connection);
    String isMember =
        grantOptions
            ? "pg_has_role(owner_oid, service_oid, 'USAGE') AND pg_has_role(owner_oid,"
                + " service_oid, 'SET')"
            : "pg_has_role(owner_oid, service_oid, 'USAGE')";
    String query =
        Sql.filled(
            ON_SERVER,
            Map.ofEntries(
                Map.entry("OWNER", Sql.literal(names.owner())),
                Map.entry("SERVICES", Sql.literals(names.serviceRoles())),
                Map.entry("IS_MEMBER", isMember),
                Map.entry("MEMBERSHIPS", memberships(names)),
                Map.entry("POWERFUL_ROLES", powerfulRoles()),
                Map.entry("LIMITED", named(names, service -> !service.hasAllRights())),
                Map.entry("SPARE", named(names, service -> !service.current())),
                Map.entry("LIMITS", limits(names)),
                Map.entry("SETTINGS", settings(names)),
                Map.entry("SERVER", Sql.literal(server.name())),
                Map.entry("DATABASE", Sql.literal(database))));
    return CatalogQuery.rows(
        connection,
        query,
        row ->
            deviation(
                row.getString(1), row.getString(3), row.getString(4), database, grantOptions));
  }

  /** Names are already quoted if necessary. */
  private static Deviation deviation(
      String kind, String subject, String object, String database, boolean grantOptions) {
    return switch (kind) {
      case "no role" ->
          new Deviation(
              "there is no role %s, for the next rotation".formatted(subject),
              "CREATE ROLE %s NOLOGIN".formatted(subject));
      case "formerly" ->
          new Deviation(
              subject + " may log in, but is no service's role any more",
              "ALTER ROLE %s NOLOGIN".formatted(subject));
      case "limit" ->
          new Deviation(
              "%s may not have exactly %s connections".formatted(subject, object),
              "ALTER ROLE %s CONNECTION LIMIT %s".formatted(subject, object));
      case "setting" -> {
        String[] setting = object.split("=", 2);
        yield new Deviation(
            "%s does not have %s".formatted(subject, object),
            "ALTER ROLE %s IN DATABASE %s SET %s = %s"
                .formatted(
                    subject,
                    Sql.identifier(database),
                    setting[0],
                    // A list is several values; no other setting contains a comma.
                    Sql.literals(List.of(setting[1].split(", ", -1)))));
      }
      case "owner may not log in" ->
          new Deviation(subject + " may not log in", "ALTER ROLE %s LOGIN".formatted(subject));
      case "attributes" ->
          new Deviation(
              "%s is not %s".formatted(subject, object),
              "ALTER ROLE %s %s".formatted(subject, object));
      case "member" ->
          new Deviation(
              "%s is a member of %s".formatted(subject, object),
              "REVOKE %s FROM %s".formatted(object, subject));
      case "no member" ->
          new Deviation(
              "%s is not a member of %s".formatted(subject, object),
              "GRANT %s TO %s%s"
                  .formatted(object, subject, grantOptions ? " WITH INHERIT TRUE, SET TRUE" : ""));
      case "database owner" ->
          new Deviation(
              "database %s is not owned by %s".formatted(object, subject),
              "ALTER DATABASE %s OWNER TO %s".formatted(object, subject));
      case "may connect" ->
          new Deviation(
              "%s may connect to %s".formatted(subject, object),
              "REVOKE ALL ON DATABASE %s FROM PUBLIC, %s".formatted(object, subject));
      case "may not connect" ->
          new Deviation(
              "%s may not connect to %s".formatted(subject, object),
              "GRANT CONNECT ON DATABASE %s TO %s".formatted(object, subject));
      default -> throw new IllegalStateException(kind);
    };
  }

  /**
   * What the owner fixes, in its own database, except for objects of roles of which it is not a
   * member.
   *
   * @param connection to the database in question, as any role
   */
  static List<Deviation> inDatabase(Connection connection, RoleNames names) throws SQLException {
    return CatalogQuery.rows(
        connection,
        onRights(connection, names, IN_DATABASE),
        row -> new Deviation(row.getString(2), row.getString(3)));
  }

  /**
   * Tables, views and columns that are written down for services, and do not exist.
   *
   * @param connection to the database in question, as any role
   * @return such as {@code public.honours (service progress)}; each once
   */
  public static List<String> unknown(Connection connection, RoleNames names) throws SQLException {
    List<String> rows =
        names.current().stream()
            .flatMap(role ->
                role.service().stream()
                    .flatMap(service ->
                        role.rights().stream()
                            .map(right ->
                                "(%s, %s, %s)"
                                    .formatted(
                                        Sql.literal(service.name()),
                                        Sql.literal(right.relation()),
                                        right.column().map(Sql::literal).orElse("NULL")))))
            .toList();
    return rows.isEmpty()
        ? List.of()
        : CatalogQuery.rows(
            connection,
            Sql.filled(
                """
                SELECT DISTINCT concat_ws('.', replace(w.relation, '"', ''), w.attribute) || ' (service ' || w.service || ')'
                FROM (VALUES @ROWS@) w (service, relation, attribute)
                WHERE to_regclass(w.relation) IS NULL
                   OR w.attribute::text IS NOT NULL
                      AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(w.relation)
                                        AND a.attname = w.attribute AND a.attnum > 0 AND NOT a.attisdropped)
                ORDER BY 1
                """,
                Map.of("ROWS", String.join(", ", rows))),
            row -> row.getString(1));
  }

  /** Which of the privileges on objects created later are missing. */
  static List<Deviation> defaultPrivileges(Connection connection, RoleNames names)
      throws SQLException {
    return CatalogQuery.rows(
        connection,
        "SELECT * FROM (%s) d (number, what, repair) WHERE number = 50"
            .formatted(onRights(connection, names, IN_DATABASE)),
        row -> new Deviation(row.getString(2), row.getString(3)));
  }

  /**
   * A statement that asks {@code missing} (the privileges that the service role lacks, by relation
   * or schema), {@code due} (those of them that no migration has revoked) and the other parts of
   * {@link #RIGHTS}.
   */
  static String onRights(Connection connection, RoleNames names, String statement)
      throws SQLException {
    return Sql.filled(
        RIGHTS + statement,
        Map.of(
            "OWNER", Sql.literal(names.owner()),
            "SERVICES", services(names),
            "WRITTEN", written(names),
            "OWN_SCHEMA", OwnSchemas.condition("r.owner_oid"),
            "WITHHELD",
                WithheldPrivileges.areReadable(connection)
                    ? WithheldPrivileges.TABLE
                    : "(VALUES (NULL::regclass, NULL, NULL)) w (relation, schema, privilege) WHERE"
                        + " false",
            "TABLE_PRIVILEGES",
                "SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER"
                    + (connection.getMetaData().getDatabaseMajorVersion() >= 17
                        ? " MAINTAIN"
                        : "")));
  }

  private static String named(RoleNames names, Predicate<ServiceRole> which) {
    return Sql.literals(
        Stream.concat(
                Stream.of(""), // no role has this name
                names.services().stream().filter(which).map(ServiceRole::role))
            .toList());
  }

  private static String limits(RoleNames names) {
    return values(
        "(NULL::text, NULL::int)",
        names.services().stream()
            .flatMap(role ->
                role.service().stream()
                    .flatMapToInt(service -> service.connectionLimit().stream())
                    .mapToObj(limit -> "(%s, %d)".formatted(Sql.literal(role.role()), limit))));
  }

  private static String memberships(RoleNames names) {
    return values(
        "(NULL::name, NULL::name)",
        names.services().stream()
            .flatMap(role ->
                role.service().stream()
                    .flatMap(service -> service.memberOf().stream())
                    .map(group ->
                        "(%s::name, %s::name)"
                            .formatted(Sql.literal(role.role()), Sql.literal(group)))));
  }

  private static String settings(RoleNames names) {
    return values(
        "(NULL::text, NULL::text, NULL::text)",
        names.services().stream()
            .flatMap(role ->
                role.service().stream()
                    .flatMap(service -> service.settings().entrySet().stream())
                    .map(setting ->
                        "(%s, %s, %s)"
                            .formatted(
                                Sql.literal(role.role()),
                                Sql.literal(setting.getKey()),
                                Sql.literal(setting.getValue())))));
  }

  /** A row of nulls gives the types, and stands for none. */
  private static String values(String nulls, Stream<String> rows) {
    return Stream.concat(Stream.of(nulls), rows).collect(Collectors.joining(", "));
  }

  private static String services(RoleNames names) {
    return names.services().stream()
        .map(service ->
            "(%s::text, %s)".formatted(Sql.literal(service.role()), service.hasAllRights()))
        .collect(Collectors.joining(", "));
  }

  /** Of the services that have rights of their own. */
  private static String written(RoleNames names) {
    return values(
        "(NULL::text, NULL::text, NULL::text, NULL::text)",
        names.services().stream()
            .flatMap(service ->
                service.rights().stream()
                    .map(right ->
                        "(%s, %s, %s, %s)"
                            .formatted(
                                Sql.literal(service.role()),
                                Sql.literal(right.relation()),
                                Sql.literal(right.privilege()),
                                right.column().map(Sql::literal).orElse("NULL")))));
  }

  /** From PostgreSQL 16 on, a membership has options. */
  static boolean hasGrantOptions(Connection connection) throws SQLException {
    return connection.getMetaData().getDatabaseMajorVersion() >= 16;
  }
}

package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.roles.RightsCheck;

/**
 * Who has more privileges than the design grants: a service role or an owner that controls the
 * server or can access its files, further superusers, code in the migrator's own schema, and
 * functions of other roles that the owner's sessions find.
 */
final class Privileges {
  private static final String STAGE = "privileges";

  /** The role that initdb created has OID 10. */
  private static final String QUERY =
      """
      WITH roles AS (
        SELECT r.*, r.rolname IN (@SERVICES@) AS is_service FROM pg_roles r WHERE r.rolname IN (@OWNER@, @SERVICES@)
      )
      SELECT CASE WHEN is_service THEN 'service' ELSE 'owner' END, quote_ident(rolname),
             'is ' || concat_ws(' ', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
                                CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END)
        FROM roles WHERE rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls
      UNION ALL
      SELECT CASE WHEN r.is_service THEN 'service' ELSE 'owner' END, quote_ident(r.rolname), 'is a member of ' || p.rolname
        FROM roles r, pg_roles p
        WHERE p.rolname IN (@POWERFUL_ROLES@) AND NOT r.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER')
          -- The roles step makes the owner a member of this one.
          AND (r.is_service OR p.rolname <> 'pg_use_reserved_connections')
      UNION ALL
      SELECT 'superuser', quote_ident(rolname), '' FROM pg_roles
        WHERE rolsuper AND oid <> 10 AND rolname NOT IN (@OWNER@, @SERVICES@, @ADMIN@)
      UNION ALL
      SELECT 'code', quote_ident(c.relname), 'has the trigger ' || quote_ident(t.tgname)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'learnflow_db' AND NOT t.tgisinternal
      UNION ALL
      SELECT 'code', quote_ident(c.relname),
             CASE WHEN w.rulename = '_RETURN' THEN 'is a view' ELSE 'has the rule ' || quote_ident(w.rulename) END
        FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'learnflow_db'
      UNION ALL
      SELECT 'function', format('%I.%I', n.nspname, p.proname), w.rolname
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles w ON w.oid = p.proowner,
          pg_roles o
        WHERE o.rolname = @OWNER@ AND p.oid >= 16384 AND w.oid <> o.oid AND NOT w.rolsuper
          AND (n.nspname = 'public' OR n.nspowner = o.oid
            OR EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                       WHERE t.tgfoid = p.oid AND c.relowner = o.oid))
      ORDER BY 1, 2, 3
      """;

  private record Finding(String kind, String subject, String what) {
    String text() {
      return subject + " " + what;
    }
  }

  private Privileges() {}

  /**
   * Reports something only if there are findings.
   *
   * @param admin name of the role that can be a superuser, besides the one that initdb created
   */
  static List<StageResult> look(Connection connection, RoleNames names, Optional<String> admin)
      throws SQLException {
    List<Finding> findings =
        CatalogQuery.rows(
            connection,
            Sql.filled(
                QUERY,
                Map.of(
                    "OWNER", Sql.literal(names.owner()),
                    "SERVICES", Sql.literals(names.serviceRoles()),
                    "ADMIN", Sql.literal(admin.orElse("")),
                    "POWERFUL_ROLES", RightsCheck.powerfulRoles())),
            row -> new Finding(row.getString(1), row.getString(2), row.getString(3)));
    List<StageResult> stages = new ArrayList<>();
    List<String> service = texts(findings, "service");
    if (!service.isEmpty()) {
      stages.add(
          StageResult.broken(
              STAGE,
              String.join("; ", service)
                  + "; a service with these privileges controls the server: revoke them as an admin"
                  + " (ALTER ROLE, REVOKE), and check what it did"));
    }
    List<String> owner = texts(findings, "owner");
    if (!owner.isEmpty()) {
      stages.add(
          StageResult.warning(
              STAGE, String.join("; ", owner) + "; the owner needs only LOGIN and CREATEDB"));
    }
    List<String> code = texts(findings, "code");
    if (!code.isEmpty()) {
      stages.add(
          StageResult.warning(
              STAGE,
              "in schema learnflow_db %s; only learnflow-db creates objects there: drop it"
                  .formatted(String.join("; ", code))));
    }
    functions(findings, names).ifPresent(stages::add);
    List<String> superusers =
        findings.stream()
            .filter(finding -> finding.kind.equals("superuser"))
            .map(Finding::subject)
            .toList();
    if (!superusers.isEmpty() && stages.isEmpty()) {
      stages.add(
          StageResult.good(
              STAGE, "note: other superusers of this server: " + String.join(", ", superusers)));
    }
    return stages;
  }

  /** If a service could once create functions, the owner may run them unknowingly. */
  private static Optional<StageResult> functions(List<Finding> findings, RoleNames names) {
    List<Finding> functions =
        findings.stream().filter(finding -> finding.kind.equals("function")).toList();
    if (functions.isEmpty()) {
      return Optional.empty();
    }
    boolean services =
        functions.stream().anyMatch(found -> names.serviceRoles().contains(found.what));
    String text =
        functions.stream()
                .map(found -> "%s belongs to %s".formatted(found.subject, found.what))
                .collect(Collectors.joining("; "))
            + "; the owner's sessions can run it: check it, then drop it or transfer it to the owner";
    return Optional.of(
        services ? StageResult.broken(STAGE, text) : StageResult.warning(STAGE, text));
  }

  private static List<String> texts(List<Finding> findings, String kind) {
    return findings.stream()
        .filter(finding -> finding.kind.equals(kind))
        .map(Finding::text)
        .toList();
  }
}

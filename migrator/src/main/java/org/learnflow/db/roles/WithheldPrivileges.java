package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/**
 * Privileges on tables, sequences and schemas that a migration revoked from the service role, and
 * that only a migration gives back; stored in {@code learnflow_db}.
 *
 * <p>A migration revoked what was granted to the service role itself before and is lacking
 * afterwards; likewise on objects that it created, because default privileges grant it. Privileges
 * that the role only had through PUBLIC do not count. This is found in the migration's own
 * transaction, so it is never lost.
 */
public final class WithheldPrivileges {
  static final String TABLE = "learnflow_db.withheld_privileges";

  /** Whether anybody but the owner reads it, the catalog says without being refused. */
  private static final String READABLE =
      """
      SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'learnflow_db' AND c.relname = 'withheld_privileges' AND c.relkind = 'r'
        AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
      """;

  /** Without it a file revokes nothing; if it is in a comment, a query is wasted. */
  private static final Pattern REVOKE = Pattern.compile("revoke", Pattern.CASE_INSENSITIVE);

  /**
   * Every object, and each privilege on it that the services with all rights were granted, or are
   * denied.
   */
  private static final String BEFORE =
      """
      SELECT t.oid, NULL FROM relations t
      UNION ALL
      SELECT s.oid, NULL FROM schemas s
      UNION ALL
      SELECT c.oid, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a, roles r WHERE a.grantee = r.service_oid AND r.everything
      UNION ALL
      SELECT n.oid, a.privilege_type FROM pg_namespace n, aclexplode(n.nspacl) a, roles r WHERE a.grantee = r.service_oid AND r.everything
      UNION ALL
      SELECT m.object, m.privilege FROM missing m WHERE m.everything
      EXCEPT SELECT d.object, d.privilege FROM due d WHERE d.everything
      """;

  private static final String FORGET_GRANTED =
      """
      DELETE FROM @TABLE@ w
      WHERE NOT EXISTS (SELECT FROM missing m
                        WHERE m.everything AND (w.relation = m.relation OR w.schema = m.schema) AND w.privilege = m.privilege)
      """;

  private static final String DUE =
      "SELECT object, relation, schema, privilege, coalesce('schema ' || schema, name) FROM due"
          + " WHERE everything ORDER BY 5, 4";

  private final RoleNames names;
  private boolean any;
  private boolean looked;
  private Set<Privilege> before = Set.of();

  /**
   * A privilege on a relation or schema.
   *
   * @param object its OID
   * @param name empty for the object itself
   */
  private record Privilege(long object, String name) {}

  private WithheldPrivileges(RoleNames names, boolean any) {
    this.names = names;
    this.any = any;
  }

  /**
   * For the scripts of one run.
   *
   * @param owner a session of the owner in autocommit mode
   */
  static WithheldPrivileges of(Connection owner, RoleNames names) throws SQLException {
    return new WithheldPrivileges(
        names,
        areReadable(owner)
            && !CatalogQuery.rows(owner, "SELECT 1 FROM %s LIMIT 1".formatted(TABLE), row -> true)
                .isEmpty());
  }

  static boolean areReadable(Connection connection) throws SQLException {
    return !CatalogQuery.rows(connection, READABLE, row -> true).isEmpty();
  }

  /**
   * Records what the service role has before a script.
   *
   * @param connection the session of the script, in its transaction, if it has one
   * @param sql the script's text
   */
  public void begin(Connection connection, String sql) throws SQLException {
    looked =
        names.services().stream().anyMatch(ServiceRole::hasAllRights)
            && (any || REVOKE.matcher(sql).find());
    if (looked) {
      before =
          Set.copyOf(
              ask(
                  connection,
                  BEFORE,
                  row ->
                      new Privilege(
                          row.getLong(1), Objects.requireNonNullElse(row.getString(2), ""))));
    }
  }

  /**
   * Records what a migration or an undo script revoked, and forgets what it granted again.
   *
   * @param connection as for {@link #begin}
   * @param version of the migration, under which it can be forgotten
   * @param script name of the file
   * @return what it revoked, a line each
   * @throws Failure 6 where it revoked default privileges, which the services always have
   */
  public List<String> end(Connection connection, String version, String script)
      throws SQLException {
    if (!looked) {
      return List.of();
    }
    List<Deviation> refused =
        keepingPath(connection, () -> RightsCheck.defaultPrivileges(connection, names));
    if (!refused.isEmpty()) {
      throw refusal(script, refused);
    }
    if (any) {
      ask(connection, Sql.filled(FORGET_GRANTED, Map.of("TABLE", TABLE)) + "RETURNING 1", row -> 1);
    }
    List<String> revoked = new ArrayList<>();
    try (PreparedStatement insert =
        connection.prepareStatement(
            "INSERT INTO %s (relation, schema, privilege, version) VALUES (?::oid, ?, ?, ?)"
                .formatted(TABLE))) {
      for (Missing missing : ask(connection, DUE, Missing::of)) {
        if (before.contains(missing.privilege) || !before.contains(missing.object())) {
          insert.setObject(1, missing.relation);
          insert.setString(2, missing.schema);
          insert.setString(3, missing.privilege.name);
          insert.setString(4, version);
          insert.executeUpdate();
          revoked.add(
              "%s revokes %s on %s from %s; this stays revoked"
                  .formatted(script, missing.privilege.name, missing.text, names.service()));
        }
      }
    }
    any |= !revoked.isEmpty();
    return revoked;
  }

  /** A privilege that the service role should have. */
  private record Missing(
      Privilege privilege, @Nullable Long relation, @Nullable String schema, String text) {
    static Missing of(ResultSet row) throws SQLException {
      return new Missing(
          new Privilege(row.getLong(1), row.getString(4)),
          row.getObject(2, Long.class),
          row.getString(3),
          row.getString(5));
    }

    Privilege object() {
      return new Privilege(privilege.object, "");
    }
  }

  private <T> List<T> ask(Connection connection, String query, CatalogQuery.Row<T> row)
      throws SQLException {
    return keepingPath(
        connection,
        () -> CatalogQuery.rows(connection, RightsCheck.onRights(connection, names, query), row));
  }

  /** Asks the catalog. */
  @FunctionalInterface
  private interface Question<T> {
    List<T> ask() throws SQLException;
  }

  /** In a transaction the path of a query of the catalog would stay until its end. */
  private static <T> List<T> keepingPath(Connection connection, Question<T> question)
      throws SQLException {
    if (connection.getAutoCommit()) {
      return question.ask();
    }
    String path = searchPath(connection);
    List<T> rows = question.ask();
    Sql.execute(
        connection,
        "SELECT pg_catalog.set_config('search_path', %s, true)".formatted(Sql.literal(path)));
    return rows;
  }

  private static String searchPath(Connection connection) throws SQLException {
    return Sql.value(connection, "SELECT pg_catalog.current_setting('search_path')").orElseThrow();
  }

  private static Failure refusal(String script, List<Deviation> refused) {
    return Failure.of(
            ExitCode.MIGRATION_FAILED,
            "%s revokes default privileges: %s"
                .formatted(
                    script,
                    refused.stream().map(Deviation::what).collect(Collectors.joining("; "))))
        .where(script)
        .state("it was rolled back")
        .next(
            "instead, revoke it on each object that services are not allowed to use: REVOKE ... ON TABLE"
                + " (SEQUENCE, SCHEMA) ... FROM ...; docs/how-to/migrations.md");
  }

  /**
   * Deletes what a migration revoked, once it is undone.
   *
   * @param connection in the transaction of its undo script, after {@link #end}
   */
  public void forget(Connection connection, String version) throws SQLException {
    if (any) {
      try (PreparedStatement delete =
          connection.prepareStatement("DELETE FROM %s WHERE version = ?".formatted(TABLE))) {
        delete.setString(1, version);
        delete.executeUpdate();
      }
    }
  }
}

package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * What belongs to a database and not to its content, so that no dump contains it: settings,
 * security labels, privileges. The staging database gets those of the running one.
 *
 * @param maintenance a session in the maintenance database, of a role that is, or is a member of,
 *     the owner; in autocommit mode
 * @param live name of the running database
 * @param staging name of the staging database
 */
public record DatabaseProperties(
    Connection maintenance, String live, String staging, Progress progress) {
  private static final String STEP = "restore";

  /**
   * Copies all of them to the staging database; reports what it cannot copy, with the SQL for it.
   *
   * @param owner a session of the owner in the maintenance database
   */
  public void copy(Connection owner, List<DatabaseSetting> settings) throws SQLException {
    copySettings(owner, settings);
    copyLabels();
    copyPrivileges();
  }

  /**
   * Sets those of the database as its owner, and those of a role as that role, so that none needs
   * an admin.
   */
  private void copySettings(Connection owner, List<DatabaseSetting> settings) throws SQLException {
    for (DatabaseSetting one : settings) {
      Optional<SQLException> refused = refusal(owner, one.role(), one.sql(staging));
      if (refused.isPresent()) {
        progress.line(
            STEP,
            "warning: a setting of the database was left out (%s); if you need it, run afterwards as the admin: %s"
                .formatted(refused.get().getMessage(), one.sql(live)));
      }
    }
  }

  private void copyLabels() throws SQLException {
    List<List<String>> labels =
        CatalogQuery.rows(
            maintenance,
            """
            SELECT l.provider, l.label FROM pg_shseclabel l JOIN pg_database d ON d.oid = l.objoid
            WHERE l.classoid = 'pg_database'::regclass AND d.datname = %s
            """
                .formatted(Sql.literal(live)),
            row -> List.of(row.getString(1), row.getString(2)));
    for (List<String> label : labels) {
      Optional<SQLException> refused = refusal(maintenance, "", label(label, staging));
      if (refused.isPresent()) {
        progress.line(
            STEP,
            "warning: a security label of the database was left out (%s); run afterwards as the admin: %s"
                .formatted(refused.get().getMessage(), label(label, live)));
      }
    }
  }

  private static String label(List<String> providerAndLabel, String database) {
    return "SECURITY LABEL FOR %s ON DATABASE %s IS %s"
        .formatted(
            Sql.identifier(providerAndLabel.getFirst()),
            Sql.identifier(database),
            Sql.literal(providerAndLabel.getLast()));
  }

  private void copyPrivileges() throws SQLException {
    boolean asByDefault =
        CatalogQuery.rows(
                maintenance,
                "SELECT 1 FROM pg_database WHERE datacl IS NOT NULL AND datname = "
                    + Sql.literal(live),
                row -> row.getInt(1))
            .isEmpty();
    if (asByDefault) {
      return;
    }
    Sql.execute(
        maintenance, "REVOKE ALL ON DATABASE %s FROM PUBLIC".formatted(Sql.identifier(staging)));
    // What the owner revoked from itself comes last, because it grants the others theirs.
    List<String> grants =
        CatalogQuery.rows(
            maintenance,
            Sql.filled(
                """
                SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, @STAGING@,
                              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
                FROM pg_database d, aclexplode(d.datacl) a
                WHERE d.datname = @LIVE@ AND a.grantee <> d.datdba
                UNION ALL
                SELECT format('REVOKE %s ON DATABASE %I FROM %I', o.privilege_type, @STAGING@, pg_get_userbyid(d.datdba))
                FROM pg_database d, aclexplode(acldefault('d', d.datdba)) o
                WHERE d.datname = @LIVE@ AND o.grantee = d.datdba
                  AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a
                                  WHERE a.grantee = d.datdba AND a.privilege_type = o.privilege_type)
                """,
                Map.of("STAGING", Sql.literal(staging), "LIVE", Sql.literal(live))),
            row -> row.getString(1));
    for (String grant : grants) {
      Sql.execute(maintenance, grant);
    }
  }

  /** The server's error for a statement; empty if it succeeded. */
  private static Optional<SQLException> refusal(Connection connection, String role, String sql)
      throws SQLException {
    try {
      if (!role.isEmpty()) {
        Sql.execute(connection, "SET ROLE " + Sql.identifier(role));
      }
      Sql.execute(connection, sql);
      return Optional.empty();
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      return Optional.of(e);
    } finally {
      if (!role.isEmpty() && !connection.isClosed()) {
        Sql.execute(connection, "RESET ROLE");
      }
    }
  }
}

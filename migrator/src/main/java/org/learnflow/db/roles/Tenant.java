package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.Sql;

/**
 * The release that an owner's role belongs to, on a server that several releases could use. The
 * role's comment says it, so that no release takes another one's roles by setting their passwords.
 *
 * @param owner name of the role
 * @param release such as {@code learnflow-db in namespace postgres}
 */
public record Tenant(String owner, String release) {
  private static final String BEGIN = "Passwords by learnflow-db, release ";

  /**
   * Refuses a role of another release.
   *
   * @param admin a session that trusts nothing in its database
   * @throws Failure 10 if it belongs to another release
   */
  public void require(Connection admin) throws SQLException {
    Optional<String> other =
        comment(admin)
            .filter(comment -> comment.startsWith(BEGIN))
            .map(comment -> comment.substring(BEGIN.length()))
            .filter(found -> !found.equals(release));
    if (other.isPresent()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "role %s belongs to release %s, whose services would lose their passwords"
                  .formatted(owner, other.get()))
          .state("nothing was changed")
          .next(
              "name a Cluster of its own in externalDatabase.cloudnativePG.cluster; or, if the other release is gone, as the superuser: COMMENT ON ROLE %s IS NULL; and the same command again"
                  .formatted(Sql.identifier(owner)));
    }
  }

  /** Notes whose role it is, unless it has a comment already. */
  public void note(Connection admin) throws SQLException {
    if (comment(admin).isEmpty()) {
      Sql.execute(
          admin,
          "COMMENT ON ROLE %s IS %s"
              .formatted(Sql.identifier(owner), Sql.literal(BEGIN + release)));
    }
  }

  private Optional<String> comment(Connection admin) throws SQLException {
    try (PreparedStatement query =
        admin.prepareStatement(
            """
            SELECT pg_catalog.shobj_description(oid, 'pg_authid')
            FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) ?::pg_catalog.name
            """)) {
      query.setString(1, owner);
      try (ResultSet row = query.executeQuery()) {
        return row.next() ? Optional.ofNullable(row.getString(1)) : Optional.empty();
      }
    }
  }
}

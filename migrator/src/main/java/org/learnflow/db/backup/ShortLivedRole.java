package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.roles.RoleManager;

/**
 * A role that an admin makes for one piece of work, and drops. What a kill leaves of it, nobody can
 * use after a day, since nobody knows its password; the next one of that name replaces it.
 *
 * @param comment by which it is known as ours
 */
record ShortLivedRole(String name, Password password, String comment) {
  private static final Duration VALID = Duration.ofDays(1);

  /**
   * Makes it anew.
   *
   * @param admin a session of the admin in the maintenance database
   * @param attributes besides LOGIN
   * @throws Failure 10 where somebody else has a role of that name
   */
  void make(Connection admin, String attributes) throws SQLException {
    drop(admin);
    String role = SqlText.identifier(name);
    SqlText.execute(
        admin,
        "CREATE ROLE %s LOGIN %s VALID UNTIL %s"
            .formatted(role, attributes, SqlText.literal(Instant.now().plus(VALID).toString())));
    SqlText.execute(admin, "COMMENT ON ROLE %s IS %s".formatted(role, SqlText.literal(comment)));
    RoleManager.setPassword(admin, name, password);
  }

  /** Drops it, if it is ours; nothing of it may be left. */
  void drop(Connection admin) throws SQLException {
    List<String> comments =
        CatalogQuery.rows(
            admin,
            """
            SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = %s
            """
                .formatted(SqlText.literal(name)),
            row -> row.getString(1));
    if (comments.isEmpty()) {
      return;
    }
    if (!comments.getFirst().equals(comment)) {
      throw Failure.of(
              ExitCode.REFUSED, "there is a role %s that learnflow-db has not made".formatted(name))
          .state("the database is as it was")
          .next("rename it: ALTER ROLE %s RENAME TO ...".formatted(SqlText.identifier(name)));
    }
    SqlText.execute(admin, "DROP ROLE " + SqlText.identifier(name));
  }
}

package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.learnflow.db.CatalogQuery;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Identifier;
import org.learnflow.db.Password;
import org.learnflow.db.SqlText;
import org.learnflow.db.connect.PasswordDirectory;
import org.learnflow.db.roles.RoleManager;

/**
 * The role as which a dump is loaded, migrated and looked at. It may make what it likes in the side
 * database, which is the owner's all the same, and is a member of no role: whatever code a dump
 * brings reaches nothing but what is in there, neither the live database nor its owner's password.
 * The owner is a member of it, and takes over what was loaded.
 *
 * @param name always the same for a database, so that the next restore finds what a kill has left
 * @param password for this restore only
 */
public record LoadingRole(String name, Password password) {
  private static final String COMMENT =
      "learnflow-db restore: loads a dump; the next restore drops it";

  private static final Duration VALID = Duration.ofDays(1);

  /** That of a database. */
  public static LoadingRole of(String database) {
    return new LoadingRole(
        "learnflow_db_loader_" + Identifier.hash(database), PasswordDirectory.generate());
  }

  /**
   * Makes it anew.
   *
   * @param admin a session of the admin in the maintenance database
   * @param owner becomes a member of it
   * @throws Failure 10 where somebody else has a role of that name
   */
  public void make(Connection admin, String owner) throws SQLException {
    drop(admin);
    String role = SqlText.identifier(name);
    SqlText.execute(
        admin,
        "CREATE ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE VALID UNTIL %s"
            .formatted(role, SqlText.literal(Instant.now().plus(VALID).toString())));
    SqlText.execute(admin, "COMMENT ON ROLE %s IS '%s'".formatted(role, COMMENT));
    RoleManager.setPassword(admin, name, password);
    SqlText.execute(admin, RoleManager.membership(admin, name, owner));
  }

  /** Drops it, if restore has made it; nothing of it may be left. */
  public void drop(Connection admin) throws SQLException {
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
    if (!comments.getFirst().equals(COMMENT)) {
      throw Failure.of(
              ExitCode.REFUSED, "there is a role %s that restore has not made".formatted(name))
          .state("the database is as it was")
          .next("rename it: ALTER ROLE %s RENAME TO ...".formatted(SqlText.identifier(name)));
    }
    SqlText.execute(admin, "DROP ROLE " + SqlText.identifier(name));
  }
}

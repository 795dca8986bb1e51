package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.PasswordDirectory;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Identifier;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.roles.RoleManager;

/**
 * A role that an admin makes for one piece of work, and drops. What a kill leaves of it, nobody can
 * use after a day, since nobody knows its password; the next one of that name replaces it.
 *
 * @param name always the same for a database, so that the next one finds what a kill has left
 * @param password for this piece of work only
 */
record ShortLivedRole(Work work, String name, Password password) {
  private static final Duration VALID = Duration.ofDays(1);

  /** What it is made for. */
  enum Work {
    /**
     * Dumps a database whose rows are hidden from its owner: a member of the owner to which row
     * level security does not apply. It may read nothing that the owner could not let itself read,
     * and it is no superuser, who would run what the owner has put into the database
     * (CVE-2024-7348).
     */
    DUMPING(
        "learnflow_db_dumper_",
        "INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS",
        "learnflow-db backup: dumps a database; the next backup drops it") {
      @Override
      String membership(Connection admin, String role, String owner) throws SQLException {
        return RoleManager.membership(admin, owner, role);
      }
    },
    /**
     * Loads, migrates and verifies a dump. It may make what it likes in the staging database, which
     * is the owner's all the same, and is a member of no role: whatever code a dump brings reaches
     * nothing but what is in there, neither the live database nor its owner's password. The owner
     * is a member of it, and takes over what was loaded.
     */
    LOADING(
        "learnflow_db_loader_",
        "NOSUPERUSER NOCREATEDB NOCREATEROLE",
        "learnflow-db restore: loads a dump; the next restore drops it") {
      @Override
      String membership(Connection admin, String role, String owner) throws SQLException {
        return RoleManager.membership(admin, role, owner);
      }
    };

    private final String prefix;
    private final String attributes;

    /** By which it is known as ours. */
    private final String comment;

    Work(String prefix, String attributes, String comment) {
      this.prefix = prefix;
      this.attributes = attributes;
      this.comment = comment;
    }

    /** SQL that makes one of the two a member of the other. */
    abstract String membership(Connection admin, String role, String owner) throws SQLException;
  }

  /** That of a database, with a new password. */
  static ShortLivedRole of(Work work, String database) {
    return new ShortLivedRole(
        work, work.prefix + Identifier.hash(database), PasswordDirectory.generate());
  }

  /**
   * Makes it; one that a kill has left is dropped before.
   *
   * @param admin a session of the admin in the maintenance database
   * @param owner of the database
   * @throws Failure 10 where somebody else has a role of that name
   */
  void make(Connection admin, String owner) throws SQLException {
    drop(admin);
    String role = SqlText.identifier(name);
    SqlText.execute(
        admin,
        "CREATE ROLE %s LOGIN %s VALID UNTIL %s"
            .formatted(
                role, work.attributes, SqlText.literal(Instant.now().plus(VALID).toString())));
    SqlText.execute(
        admin, "COMMENT ON ROLE %s IS %s".formatted(role, SqlText.literal(work.comment)));
    RoleManager.setPassword(admin, name, password);
    SqlText.execute(admin, work.membership(admin, name, owner));
  }

  /**
   * Drops it, if it is ours; nothing of it may be left.
   *
   * @param admin a session of the admin in the maintenance database
   */
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
    if (!comments.getFirst().equals(work.comment)) {
      throw Failure.of(
              ExitCode.REFUSED, "there is a role %s that learnflow-db has not made".formatted(name))
          .state("the database is as it was")
          .next("rename it: ALTER ROLE %s RENAME TO ...".formatted(SqlText.identifier(name)));
    }
    SqlText.execute(admin, "DROP ROLE " + SqlText.identifier(name));
  }
}

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
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.roles.RoleManager;

/**
 * A role that an admin creates for one task, and drops. Nobody can use what a kill leaves of it:
 * its password is known to nobody and expires after a day. The next role of that name replaces it.
 *
 * @param name always the same for a database, so that the next one finds what a kill left
 * @param password for this task only
 */
record ShortLivedRole(Work work, String name, Password password) {
  private static final Duration VALID = Duration.ofDays(1);

  /** What it is created for. */
  enum Work {
    /**
     * Dumps a database whose rows are hidden from its owner: a member of the owner to which row
     * level security does not apply. It can read nothing that the owner could not grant itself, and
     * it is not a superuser, who would run what the owner put into the database (CVE-2024-7348).
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
     * Loads, migrates and verifies a dump. It can create anything in the staging database, which
     * the owner still owns, and is a member of no role: code in a dump reaches only that database,
     * neither the running one nor its owner's password. The owner is a member of it, and takes over
     * what was loaded.
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

    /** Marks it as ours. */
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
   * Creates it; first drops one that a kill left.
   *
   * @param admin a session of the admin in the maintenance database
   * @param owner of the database
   * @throws Failure 10 if somebody else has a role of that name
   */
  void make(Connection admin, String owner) throws SQLException {
    drop(admin);
    String role = Sql.identifier(name);
    Sql.execute(
        admin,
        "CREATE ROLE %s LOGIN %s VALID UNTIL %s"
            .formatted(role, work.attributes, Sql.literal(Instant.now().plus(VALID).toString())));
    Sql.execute(admin, "COMMENT ON ROLE %s IS %s".formatted(role, Sql.literal(work.comment)));
    RoleManager.setPassword(admin, name, password);
    Sql.execute(admin, work.membership(admin, name, owner));
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
                .formatted(Sql.literal(name)),
            row -> row.getString(1));
    if (comments.isEmpty()) {
      return;
    }
    if (!comments.getFirst().equals(work.comment)) {
      throw Failure.of(
              ExitCode.REFUSED,
              "role %s already exists, and learnflow-db did not create it".formatted(name))
          .state("the database was not changed")
          .next("rename it: ALTER ROLE %s RENAME TO ...".formatted(Sql.identifier(name)));
    }
    Sql.execute(admin, "DROP ROLE " + Sql.identifier(name));
  }
}

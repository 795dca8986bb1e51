package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.PasswordDirectory;
import org.learnflow.db.postgres.Identifier;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.roles.RoleManager;

/**
 * The role as which a database is dumped whose rows are hidden from its owner: a member of the
 * owner to which row level security does not apply. It may read nothing that the owner could not
 * let itself read, and it is no superuser, who would run what the owner has put into the database
 * (CVE-2024-7348).
 *
 * @param name always the same for a database, so that the next one finds what a kill has left
 */
public record DumpingRole(String name, Password password) {
  /** That of a database. */
  public static DumpingRole of(String database) {
    return new DumpingRole(
        "learnflow_db_dumper_" + Identifier.hash(database), PasswordDirectory.generate());
  }

  private ShortLivedRole role() {
    return new ShortLivedRole(
        name, password, "learnflow-db backup: dumps a database; the next backup drops it");
  }

  /**
   * Makes it anew.
   *
   * @param admin a session of the admin in the maintenance database
   * @param owner whose member it becomes
   * @throws Failure 10 where somebody else has a role of that name
   */
  public void make(Connection admin, String owner) throws SQLException {
    role().make(admin, "INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS");
    SqlText.execute(admin, RoleManager.membership(admin, owner, name));
  }

  /** Drops it, if backup has made it. */
  public void drop(Connection admin) throws SQLException {
    role().drop(admin);
  }
}

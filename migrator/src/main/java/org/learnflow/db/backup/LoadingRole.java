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
 * The role as which a dump is loaded, migrated and looked at. It may make what it likes in the side
 * database, which is the owner's all the same, and is a member of no role: whatever code a dump
 * brings reaches nothing but what is in there, neither the live database nor its owner's password.
 * The owner is a member of it, and takes over what was loaded.
 *
 * @param name always the same for a database, so that the next restore finds what a kill has left
 * @param password for this restore only
 */
public record LoadingRole(String name, Password password) {
  /** That of a database. */
  public static LoadingRole of(String database) {
    return new LoadingRole(
        "learnflow_db_loader_" + Identifier.hash(database), PasswordDirectory.generate());
  }

  private ShortLivedRole role() {
    return new ShortLivedRole(
        name, password, "learnflow-db restore: loads a dump; the next restore drops it");
  }

  /**
   * Makes it anew.
   *
   * @param admin a session of the admin in the maintenance database
   * @param owner becomes a member of it
   * @throws Failure 10 where somebody else has a role of that name
   */
  public void make(Connection admin, String owner) throws SQLException {
    role().make(admin, "NOSUPERUSER NOCREATEDB NOCREATEROLE");
    SqlText.execute(admin, RoleManager.membership(admin, name, owner));
  }

  /** Drops it, if restore has made it; nothing of it may be left. */
  public void drop(Connection admin) throws SQLException {
    role().drop(admin);
  }
}

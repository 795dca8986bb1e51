package org.learnflow.db.connect;

import java.util.Optional;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/**
 * A database, and as whom it is used.
 *
 * @param owner the database as the migrator's role, at the address that services use
 * @param password of the owner
 * @param admin credentials for what only an admin can do
 * @param names the roles
 * @param servicePassword of the service role
 * @param hosting who runs the server, and how this process reaches it
 * @param server whose server it is
 */
public record Target(
    DatabaseAddress owner,
    Optional<Password> password,
    Optional<AdminSessions.Credentials> admin,
    RoleNames names,
    Optional<Password> servicePassword,
    Hosting hosting,
    Server server) {

  /** Whose server it is. */
  public enum Server {
    /** The release's own or an embedded one, whose other databases are nobody's business. */
    OWN,
    /** Somebody else's, whose other databases are left alone. */
    SHARED
  }

  /**
   * Checks the names.
   *
   * @throws Failure 2 where database or role cannot have its name
   */
  public Target {
    names.requireUsable(owner.database(), admin.map(AdminSessions.Credentials::user));
  }

  /** The same with other passwords. */
  public Target with(Optional<Password> ownerPassword, Password other) {
    return new Target(owner, ownerPassword, admin, names, Optional.of(other), hosting, server);
  }

  /** Another database of the server that another role owns, and which no admin looks after. */
  public Target side(String database, String otherOwner, Optional<Password> otherPassword) {
    return new Target(
        owner.in(database).as(otherOwner),
        otherPassword,
        Optional.empty(),
        new RoleNames(otherOwner, names.service()),
        servicePassword,
        hosting,
        Server.SHARED);
  }

  /** The database as the services' role. */
  public DatabaseAddress service() {
    return owner.as(names.service());
  }

  /** What to do about a service password that the server refuses. */
  public String serviceRemedy() {
    return admin.isPresent()
        ? "set it: learnflow-db run"
        : "give the services' right password (--app-password-file; in a release: the Secret that"
            + " externalDatabase.appSecret names), or admin credentials, with which run sets it";
  }
}

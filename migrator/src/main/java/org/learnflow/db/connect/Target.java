package org.learnflow.db.connect;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/**
 * A database, and the roles that use it.
 *
 * @param owner the database as the migrator's role, at its own address
 * @param serviceHosts where services find it besides
 * @param password of the owner
 * @param admin credentials for work that only an admin can do
 * @param names the roles
 * @param servicePasswords of the services' roles, by role, as far as they are known
 * @param hosting who runs the server, and how this process reaches it
 * @param server whose server it is
 */
public record Target(
    DatabaseAddress owner,
    ServiceHosts serviceHosts,
    Optional<Password> password,
    Optional<AdminSessions.Credentials> admin,
    RoleNames names,
    Map<String, Password> servicePasswords,
    Hosting hosting,
    Server server) {

  /** Whose server it is. */
  public enum Server {
    /** The release's own or an embedded server, whose other databases do not matter. */
    OWN,
    /** LearnFlow's own, run by an operator, whose roles connect to its other databases. */
    OPERATED,
    /** A shared server, whose other databases are not touched. */
    SHARED
  }

  /**
   * Checks the names.
   *
   * @throws Failure 2 if database or role cannot have its name
   */
  public Target {
    names.requireUsable(owner.database(), admin.map(AdminSessions.Credentials::user));
    servicePasswords = Map.copyOf(servicePasswords);
  }

  /** Of a service's role. */
  public Optional<Password> servicePassword(String role) {
    return Optional.ofNullable(servicePasswords.get(role));
  }

  /** The same target with other passwords. */
  public Target with(
      Password ownerPassword, List<ServiceRole> services, Map<String, Password> passwords) {
    return new Target(
        owner,
        serviceHosts,
        Optional.of(ownerPassword),
        admin,
        new RoleNames(names.owner(), services),
        passwords,
        hosting,
        server);
  }

  /** Another database of the server, owned by another role and without an admin. */
  public Target side(String database, String otherOwner, Optional<Password> otherPassword) {
    return new Target(
        owner.in(database).as(otherOwner),
        serviceHosts,
        otherPassword,
        Optional.empty(),
        new RoleNames(otherOwner, names.services()),
        servicePasswords,
        hosting,
        Server.SHARED);
  }

  /** The database as the service role. */
  public DatabaseAddress service() {
    return owner.as(names.service());
  }

  /** What to do if the server rejects the service role's password. */
  public String serviceRemedy() {
    return admin.isPresent()
        ? "set it: learnflow-db run"
        : "specify the right password of the service role (--app-password-file; in a release: the"
            + " Secret that externalDatabase.appSecret names), or admin credentials, so that run"
            + " can set it";
  }
}

package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.RoleNames;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Target;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.CatalogConflict;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.postgresql.util.PasswordUtil;

/**
 * Creates the roles, the database and the privileges; changes only what differs. An admin does what
 * belongs to the server, the owner what belongs to the database.
 */
public final class RoleManager {
  private static final String STEP = "roles";

  private final RoleNames names;
  private final String database;
  private final Progress progress;

  /**
   * A manager of the roles of one database.
   *
   * @param database name of the database, which is created if it is missing
   */
  public RoleManager(RoleNames names, String database, Progress progress) {
    this.names = names;
    this.database = database;
    this.progress = progress;
  }

  /** Of the target's roles and database. */
  public static RoleManager of(Target target, Progress progress) {
    return new RoleManager(target.names(), target.owner().database(), progress);
  }

  /**
   * A role's password as it should be.
   *
   * @param role name of the role
   * @param password empty leaves the password unchanged
   */
  public record RolePassword(String role, Optional<Password> password) {}

  /** Checks whether a role can log in with a password; for admins that cannot read verifiers. */
  @FunctionalInterface
  public interface LoginTest {
    /** Whether the server accepts {@code password} for {@code role}. */
    boolean accepts(String role, Password password);
  }

  /**
   * Creates roles and database.
   *
   * @param admin a session in the maintenance database
   * @return what was done, a line each; empty if nothing had to change
   * @throws Failure 10 if the service role already exists and is a superuser
   */
  public List<String> ensureRolesAndDatabase(
      Connection admin, List<RolePassword> passwords, LoginTest loginTest) throws SQLException {
    try (var _ = AdvisoryLock.acquire(admin, AdvisoryLock.Purpose.ROLES, progress)) {
      refuseSuperuser(admin);
      for (ServiceRole service : names.services()) {
        if (!service.current()) {
          refuseForeign(
              admin, service.role(), "SELECT 1 FROM pg_roles WHERE rolcanlogin AND rolname = ?");
        }
      }
      List<String> done = new ArrayList<>();
      for (RolePassword password : passwords) {
        done.addAll(ensureRole(admin, password, loginTest));
      }
      if (!exists(admin, "SELECT 1 FROM pg_database WHERE datname = ?", database)) {
        becomeMemberOfOwner(admin);
        String sql =
            "CREATE DATABASE %s OWNER %s ENCODING 'UTF8' TEMPLATE template0"
                .formatted(Sql.identifier(database), Sql.identifier(names.owner()));
        Sql.execute(admin, sql);
        done.add("created database " + database);
      }
      return tell(done);
    }
  }

  /** Its password would be overwritten, and whoever knows it controls the server. */
  private void refuseSuperuser(Connection admin) throws SQLException {
    for (String role : names.serviceRoles()) {
      if (exists(admin, "SELECT 1 FROM pg_roles WHERE rolsuper AND rolname = ?", role)) {
        throw Failure.of(
                ExitCode.REFUSED, "%s, the service role, is already a superuser".formatted(role))
            .state("nothing was changed")
            .next(
                "if it is meant for the services: ALTER ROLE %s NOSUPERUSER; otherwise choose another"
                        .formatted(Sql.identifier(role))
                    + " role: --app-user; in a release: roles.app");
      }
    }
  }

  /**
   * Fixes what belongs to the whole server: attributes, memberships, the database's owner, who can
   * connect.
   *
   * @param admin a session in the maintenance database
   * @return what was done, a line each; empty if nothing had to change
   * @throws Failure 10 with the SQL that this admin cannot run
   */
  public List<String> ensureOnServer(Connection admin, Target.Server server) throws SQLException {
    return done(
        ensure(admin, true, () -> RightsCheck.onServer(admin, names, database, server)), admin);
  }

  /**
   * Gives the owner what others own among its objects.
   *
   * @param admin a session in the database itself
   * @return what was done, a line each; empty if nothing had to change
   * @throws Failure 10 with the SQL that this admin cannot run
   */
  public List<String> ensureOwnership(Connection admin) throws SQLException {
    return done(ensure(admin, false, () -> ForeignObjects.find(admin, names)), admin);
  }

  /**
   * Fixes the privileges in the database.
   *
   * @param owner a session of the owner in the database itself
   * @return what was done, a line each; empty if nothing had to change
   * @throws Failure 10 with the SQL that the owner cannot run
   */
  public List<String> ensureRights(Connection owner) throws SQLException {
    return done(ensure(owner, false, () -> RightsCheck.inDatabase(owner, names)), owner);
  }

  /**
   * The same after a schema change: what the owner cannot fix remains, and verify reports it.
   *
   * @param owner a session of the owner in the database itself, in autocommit mode
   */
  public void ensureRightsAfterChanges(Connection owner) throws SQLException {
    ensure(owner, false, () -> RightsCheck.inDatabase(owner, names));
  }

  /**
   * What migrations and undo scripts revoke from the service role.
   *
   * @param owner a session of the owner in the database itself, in autocommit mode
   */
  public WithheldPrivileges withheld(Connection owner) throws SQLException {
    return WithheldPrivileges.of(owner, names);
  }

  /**
   * Fixes what the owner can fix itself, if there are no admin credentials.
   *
   * @param owner a session of the owner in the database itself
   * @return what was done, a line each; empty if nothing had to change
   * @throws Failure 10 if something remains that only an admin can do, with all of its SQL
   */
  public List<String> ensureAsOwner(Connection owner, Target.Server server) throws SQLException {
    String alone = names.owner() + " cannot fix this, and there are no admin credentials";
    List<Deviation> missing = new ArrayList<>();
    for (ServiceRole service : names.services()) {
      String role = service.role();
      if (!exists(owner, "SELECT 1 FROM pg_roles WHERE rolname = ?", role)) {
        missing.add(
            new Deviation(
                "there is no role " + role,
                "CREATE ROLE %s %s"
                    .formatted(
                        Sql.identifier(role),
                        service.current() ? "LOGIN PASSWORD '...'" : "NOLOGIN")));
        missing.add(
            new Deviation(
                "%s is not a member of it".formatted(names.owner()),
                membership(owner, role, names.owner())));
      }
    }
    if (!missing.isEmpty()) {
      throw left(alone, missing);
    }
    Repaired repaired = ensure(owner, false, () -> RightsCheck.deviations(owner, names, server));
    if (!repaired.left.isEmpty()) {
      throw left(alone, repaired.left);
    }
    return repaired.done;
  }

  private Failure left(String what, List<Deviation> left) {
    return Failure.of(
            ExitCode.REFUSED,
            "%s: %s"
                .formatted(
                    what, left.stream().map(Deviation::what).collect(Collectors.joining("; "))))
        .where("database " + database)
        .state("nothing was migrated, seeded or published")
        .next(
            "run this in database %s as a role that is allowed to, then run the same command again: %s"
                .formatted(
                    database,
                    left.stream()
                        .map(deviation -> deviation.sql() + ";")
                        .collect(Collectors.joining(" "))));
  }

  private interface Look {
    List<Deviation> deviations() throws SQLException;
  }

  /**
   * The result of an attempt.
   *
   * @param done a line each
   * @param left what still deviates
   * @param refused statements that the role lacked the privilege for
   */
  private record Repaired(List<String> done, List<Deviation> left, Set<String> refused) {
    /** What remains because a privilege was lacking. */
    List<Deviation> wanting() {
      return left.stream().filter(deviation -> refused.contains(deviation.sql())).toList();
    }
  }

  /** What was done, if nothing remains because a privilege was lacking. */
  private List<String> done(Repaired repaired, Connection connection) throws SQLException {
    if (!repaired.wanting().isEmpty()) {
      throw left(connection.getMetaData().getUserName() + " cannot fix this", repaired.wanting());
    }
    return repaired.done;
  }

  private Repaired ensure(Connection connection, boolean asMember, Look look) throws SQLException {
    if (look.deviations().isEmpty()) {
      return new Repaired(List.of(), List.of(), Set.of());
    }
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.ROLES, progress)) {
      if (asMember) {
        allowed(() -> becomeMemberOfOwner(connection));
      }
      Set<String> done = new LinkedHashSet<>();
      Set<String> refused = new HashSet<>();
      List<Deviation> left =
          CatalogConflict.retry(() -> {
            // Some deviations hide others: a superuser has every privilege, for example.
            List<Deviation> before = List.of();
            List<Deviation> now = look.deviations();
            while (!now.isEmpty() && !now.equals(before)) {
              for (Deviation deviation : now) {
                String sql = deviation.sql();
                if (allowed(() -> Sql.execute(connection, sql))) {
                  done.add(sql);
                } else {
                  refused.add(sql);
                }
              }
              before = now;
              now = look.deviations();
            }
            return now;
          });
      return new Repaired(tell(done), left, refused);
    }
  }

  private interface Change {
    void make() throws SQLException;
  }

  /** Whether the role had the privilege for it. */
  private static boolean allowed(Change change) throws SQLException {
    try {
      change.make();
      return true;
    } catch (SQLException e) {
      if (SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        return false;
      }
      throw e;
    }
  }

  private List<String> tell(Collection<String> done) {
    done.forEach(line -> progress.line(STEP, line));
    return List.copyOf(done);
  }

  private List<String> ensureRole(Connection admin, RolePassword role, LoginTest loginTest)
      throws SQLException {
    String name = Sql.identifier(role.role());
    if (!exists(admin, "SELECT 1 FROM pg_roles WHERE rolname = ?", role.role())) {
      // The owner needs CREATEDB for scratch and staging databases.
      String createdb = role.role().equals(names.owner()) ? " CREATEDB" : "";
      Sql.execute(admin, "CREATE ROLE " + name + " LOGIN" + createdb + passwordClause(role));
      return List.of("created role " + role.role());
    }
    if (role.password().isEmpty()
        || passwordIsRight(admin, role.role(), role.password().get(), loginTest)) {
      return List.of();
    }
    refuseForeign(admin, role.role(), "SELECT 1 FROM pg_roles WHERE rolname = ?");
    Sql.execute(admin, "ALTER ROLE " + name + " LOGIN" + passwordClause(role));
    return List.of("set the password of " + role.role());
  }

  /**
   * Refuses a service's own role that somebody else may have made, of which the owner is no member:
   * its password would be overwritten.
   *
   * @param condition finds the role by its name, if it is one to refuse
   */
  private void refuseForeign(Connection admin, String role, String condition) throws SQLException {
    Optional<Service> service =
        names.services().stream()
            .filter(known -> known.role().equals(role))
            .flatMap(known -> known.service().stream())
            .findFirst();
    if (service.isEmpty()
        || !exists(admin, condition, role)
        || exists(
            admin,
            """
            SELECT 1 FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.member JOIN pg_roles s ON s.oid = m.roleid
            WHERE o.rolname = %s AND s.rolname = ?
            """
                .formatted(Sql.literal(names.owner())),
            role)) {
      return;
    }
    throw Failure.of(
            ExitCode.REFUSED,
            "role %s, for service %s, exists already and may be somebody else's"
                .formatted(role, service.get().name()))
        .where("%s is not a member of it".formatted(names.owner()))
        .state("its password and its privileges were not changed")
        .next(
            "if it is meant for this service: %s; otherwise give the service another role: services.%s.role"
                .formatted(membership(admin, role, names.owner()), service.get().name()));
  }

  /** Only a verifier is sent, so that no server log contains the password. */
  private static String passwordClause(RolePassword role) {
    if (role.password().isEmpty()) {
      return "";
    }
    String verifier = verifier(role.role(), role.password().get());
    return " PASSWORD " + Sql.literal(verifier);
  }

  /**
   * Sets a role's password, with which it may log in; open sessions continue.
   *
   * @param admin a session that is allowed to, or one of the role itself
   */
  public static void setPassword(Connection admin, String role, Password password)
      throws SQLException {
    String sql =
        "ALTER ROLE %s LOGIN%s"
            .formatted(
                Sql.identifier(role),
                passwordClause(new RolePassword(role, Optional.of(password))));
    CatalogConflict.retry(() -> {
      Sql.execute(admin, sql);
      return sql;
    });
  }

  /** What a server stores of a password. */
  static String verifier(String role, Password password) {
    try {
      return PasswordUtil.encodePassword(role, password.value().toCharArray(), "scram-sha-256");
    } catch (SQLException e) {
      throw new IllegalStateException("scram-sha-256 is always known", e);
    }
  }

  private static boolean passwordIsRight(
      Connection admin, String role, Password password, LoginTest loginTest) throws SQLException {
    try (PreparedStatement statement =
        admin.prepareStatement("SELECT rolpassword FROM pg_authid WHERE rolname = ?")) {
      statement.setString(1, role);
      try (ResultSet rows = statement.executeQuery()) {
        return rows.next()
            && Optional.ofNullable(rows.getString(1))
                .map(verifier -> ScramVerifier.matches(verifier, password))
                .orElse(false);
      }
    } catch (SQLException e) {
      if (SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        return loginTest.accepts(role, password);
      }
      throw e;
    }
  }

  /**
   * An admin that is not a superuser can give away only what belongs to a role of which it is a
   * member.
   */
  private void becomeMemberOfOwner(Connection admin) throws SQLException {
    try (PreparedStatement statement =
        admin.prepareStatement("SELECT pg_has_role(current_user, ?, 'USAGE')")) {
      statement.setString(1, names.owner());
      try (ResultSet rows = statement.executeQuery()) {
        rows.next();
        if (rows.getBoolean(1)) {
          return;
        }
      }
    }
    Sql.execute(admin, membership(admin, names.owner(), admin.getMetaData().getUserName()));
  }

  /** The statement that makes a role a full member of another. */
  public static String membership(Connection connection, String role, String member)
      throws SQLException {
    return "GRANT %s TO %s%s"
        .formatted(
            Sql.identifier(role),
            Sql.identifier(member),
            RightsCheck.hasGrantOptions(connection) ? " WITH INHERIT TRUE, SET TRUE" : "");
  }

  private static boolean exists(Connection admin, String query, String name) throws SQLException {
    try (PreparedStatement statement = admin.prepareStatement(query)) {
      statement.setString(1, name);
      try (ResultSet rows = statement.executeQuery()) {
        return rows.next();
      }
    }
  }
}

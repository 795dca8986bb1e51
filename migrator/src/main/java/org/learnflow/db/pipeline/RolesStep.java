package org.learnflow.db.pipeline;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.Session;
import org.learnflow.db.connect.Target;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.roles.RightsCheck;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.roles.RoleManager.RolePassword;
import org.learnflow.db.roles.Tenant;

/**
 * Creates roles, database and privileges, as the admin and as the owner, each for what only that
 * role can do.
 */
public final class RolesStep {
  private final DatabaseAccess access;
  private final Target target;
  private final RoleManager manager;
  private final Progress progress;

  /** The step for one database. */
  public RolesStep(DatabaseAccess access, Progress progress) {
    this.access = access;
    this.target = access.target();
    this.manager = RoleManager.of(target, progress);
    this.progress = progress;
  }

  /**
   * Creates roles, database and privileges. Uses the admin only if something has to change: the
   * owner can see that nothing has to. Without admin credentials, the owner does what it can.
   *
   * @param owner the owner's session
   * @return what was done
   * @throws Failure 10 if there are no admin credentials and only an admin can do what is left
   */
  public List<String> run(Session owner) {
    return progress.trace().part("roles", _ -> ensure(owner));
  }

  private List<String> ensure(Session owner) {
    for (ServiceRole service : target.names().current()) {
      target
          .servicePassword(service.role())
          .ifPresent(password -> access.logInAhead(service.role(), password));
    }
    List<String> done =
        allRight(owner)
            ? List.of()
            : recorded(
                owner,
                () ->
                    access
                        .admin()
                        .map(admin -> asAdmin(owner, admin))
                        .orElseGet(() -> asOwner(owner)));
    if (done.isEmpty()) {
      progress.line("roles", "up to date, nothing to do");
    }
    return done;
  }

  private List<String> asOwner(Session owner) {
    progress.line("roles", "no admin credentials (--admin-user): the owner does what it can");
    return owner.run("roles", connection -> manager.ensureAsOwner(connection, target.server()));
  }

  private List<String> asAdmin(Session owner, AdminSessions admin) {
    List<String> done = new ArrayList<>();
    try (Session inDatabase = admin.inDatabase();
        Session maintenance = admin.maintenance()) {
      done.addAll(
          (exists(inDatabase) ? inDatabase : maintenance)
              .run(
                  "roles",
                  connection -> {
                    try (var _ =
                        AdvisoryLock.acquire(
                            connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
                      refuseReplacedPasswords();
                      return maintenance.run("roles", this::rolesAndDatabase);
                    }
                  }));
      // What one corrects can reveal work for another; what shows up again cannot be corrected this
      // way.
      List<String> before = List.of();
      List<String> now = rights(owner, maintenance, inDatabase);
      while (!now.isEmpty() && !now.equals(before)) {
        done.addAll(now);
        before = now;
        now = rights(owner, maintenance, inDatabase);
      }
    }
    return List.copyOf(done);
  }

  private List<String> rolesAndDatabase(Connection making) throws SQLException {
    Optional<Tenant> tenant =
        target.hosting().tenant().map(release -> new Tenant(target.names().owner(), release));
    if (tenant.isPresent()) {
      tenant.get().require(making);
    }
    List<String> done = manager.ensureRolesAndDatabase(making, passwords(), access::accepts);
    if (tenant.isPresent()) {
      tenant.get().note(making);
    }
    return done;
  }

  private List<String> rights(Session owner, Session maintenance, Session inDatabase) {
    List<String> done = new ArrayList<>();
    done.addAll(
        maintenance.run("roles", making -> manager.ensureOnServer(making, target.server())));
    done.addAll(inDatabase.run("roles", manager::ensureOwnership));
    done.addAll(owner.run("roles", manager::ensureRights));
    return done;
  }

  /** Privileges that this program grants or revokes are not drift. */
  private List<String> recorded(Session owner, Supplier<List<String>> work) {
    if (!exists(owner, ExitCode.CREDENTIALS_REFUSED)
        || !owner.run("roles", CatalogLedger::isRecorded)) {
      return work.get();
    }
    return owner.run(
        "roles",
        connection -> {
          try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
            CatalogLedger.begin(connection);
            List<String> done = work.get();
            CatalogLedger.finish(connection);
            return done;
          }
        });
  }

  /**
   * Whether both roles can log in with their passwords and have the privileges they should have.
   */
  private boolean allRight(Session owner) {
    return exists(owner, ExitCode.CREDENTIALS_REFUSED)
        && owner.run(
            "roles",
            connection ->
                RightsCheck.deviations(connection, target.names(), target.server()).isEmpty())
        && target.names().current().stream()
            .map(ServiceRole::role)
            .allMatch(role ->
                target
                    .servicePassword(role)
                    .flatMap(password -> access.login(role, password).isPasswordRight())
                    .orElse(false));
  }

  /**
   * Whether a session in the database can be opened.
   *
   * @param alsoMissing failures that mean no, besides a missing database
   */
  private static boolean exists(Session session, ExitCode... alsoMissing) {
    try {
      return session.run("roles", connection -> connection.isValid(0));
    } catch (Failure failure) {
      if (failure.code() == ExitCode.NOT_DEPLOYED
          || List.of(alsoMissing).contains(failure.code())) {
        return false;
      }
      throw failure;
    }
  }

  /**
   * A pod that started before a rotation has the old passwords and would reset the database to
   * them.
   */
  private void refuseReplacedPasswords() {
    for (RolePassword role : passwords()) {
      role.password()
          .filter(password -> !access.login(role.role(), password).isPasswordRight().orElse(true))
          .flatMap(password ->
              target
                  .hosting()
                  .replaced(password)
                  .or(() -> target.hosting().beingReplaced(password)))
          .ifPresent(failure -> {
            throw failure;
          });
    }
  }

  private List<RolePassword> passwords() {
    List<RolePassword> passwords = new ArrayList<>();
    passwords.add(new RolePassword(target.names().owner(), target.password()));
    for (ServiceRole service : target.names().current()) {
      passwords.add(new RolePassword(service.role(), target.servicePassword(service.role())));
    }
    return passwords;
  }
}

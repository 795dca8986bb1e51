package org.learnflow.db.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.learnflow.db.AdvisoryLock;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.SqlStates;
import org.learnflow.db.connect.Connector;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Readiness;
import org.learnflow.db.connect.Session;
import org.learnflow.db.roles.RightsCheck;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.roles.RoleManager.RolePassword;
import org.learnflow.db.schema.CatalogLedger;
import org.learnflow.db.schema.ScratchDatabase;
import org.learnflow.db.verify.StageResult;

/** The steps that several commands share. */
final class Steps {
  private static final String MAINTENANCE_DATABASE = "postgres";

  private final DatabaseOptions.Target target;
  private final Connector connector;
  private final Duration timeout;
  private final Progress progress;

  Steps(DatabaseOptions.Target target, Connector connector, Duration timeout, Progress progress) {
    this.target = target;
    this.connector = connector;
    this.timeout = timeout;
    this.progress = progress;
  }

  /** A session of the owner. */
  Session ownerSession() {
    return session(target.owner(), target.password());
  }

  /**
   * A session of a role in the database, which is waited for; none where the server refuses the
   * password.
   */
  Optional<Session> login(String role, Password password) {
    Session session = session(target.owner().as(role), Optional.of(password));
    try {
      session.run("login", connection -> connection.isValid(0));
      return Optional.of(session);
    } catch (Failure failure) {
      session.close();
      if (SqlStates.of(failure).equals(SqlStates.INVALID_PASSWORD)) {
        return Optional.empty();
      }
      throw failure;
    }
  }

  /** One more session of the owner, in any database. */
  Connection ownerConnection(String database) throws SQLException {
    return connector.connect(
        target.hosting().route(target.owner().in(database)), target.password());
  }

  /** A session of the admin in any database, where there are admin credentials. */
  Optional<Connection> adminConnection(String database) throws SQLException {
    if (target.admin().isEmpty()) {
      return Optional.empty();
    }
    DatabaseOptions.Admin admin = target.admin().get();
    return Optional.of(
        connector.connect(
            target.hosting().route(target.owner().as(admin.user()).in(database)),
            admin.password()));
  }

  private Session session(DatabaseAddress address, Optional<Password> password) {
    DataSource source = connector.dataSource(target.hosting().route(address), password);
    return new Session(
        source,
        new Readiness(source, address, password, timeout, progress, target.hosting()),
        progress);
  }

  private DataSource ownerIn(String database) {
    return connector.dataSource(
        target.hosting().route(target.owner().in(database)), target.password());
  }

  private Optional<DataSource> admin() {
    return target
        .admin()
        .map(admin ->
            connector.dataSource(
                target.hosting().route(target.owner().as(admin.user())), admin.password()));
  }

  /** A database to try things in. */
  ScratchDatabase scratch(Connection owner) throws SQLException {
    return ScratchDatabase.create(owner, this::ownerIn, admin(), progress);
  }

  /**
   * Makes roles, database and rights, where admin credentials were given. The admin comes only
   * where something is to do: that nothing is, the owner sees too.
   *
   * @param owner the owner's session
   * @return what was done; nothing at all where the step is skipped
   */
  Optional<List<String>> roles(Session owner) {
    if (target.admin().isEmpty()) {
      progress.line("roles", "skipped: no admin credentials (--admin-user)");
      return Optional.empty();
    }
    if (allRight(owner)) {
      progress.line("roles", "all right, nothing to do");
      return Optional.of(List.of());
    }
    List<String> done = recorded(owner, () -> roles(target.admin().get()));
    if (done.isEmpty()) {
      progress.line("roles", "all right, nothing to do");
    }
    return Optional.of(done);
  }

  private List<String> roles(DatabaseOptions.Admin admin) {
    DatabaseAddress address = target.owner().as(admin.user());
    RoleManager manager = new RoleManager(target.names(), address.database(), progress);
    List<String> done = new ArrayList<>();
    try (Session session = session(address, admin.password());
        Session maintenance = session(address.in(MAINTENANCE_DATABASE), admin.password())) {
      done.addAll(
          (exists(session) ? session : maintenance)
              .run(
                  "roles",
                  connection -> {
                    try (var _ =
                        AdvisoryLock.acquire(
                            connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
                      refuseReplacedPasswords();
                      return manager.ensureRolesAndDatabase(connection, passwords(), this::accepts);
                    }
                  }));
      done.addAll(session.run("roles", manager::ensureRights));
    }
    return List.copyOf(done);
  }

  /** Rights that this program gives or takes are no drift. */
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

  /** Whether both roles can log in with their passwords, and have the rights they should have. */
  private boolean allRight(Session owner) {
    return exists(owner, ExitCode.CREDENTIALS_REFUSED)
        && owner.run(
            "roles", connection -> RightsCheck.deviations(connection, target.names()).isEmpty())
        && target
            .servicePassword()
            .map(password -> accepts(target.names().service(), password))
            .orElse(false);
  }

  /**
   * Whether a session in the database is to be had.
   *
   * @param alsoMissing a failure that means no, besides a database that is not there
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
   * A pod that began before a rotation has the old passwords, and would set the database back to
   * them.
   */
  private void refuseReplacedPasswords() {
    for (RolePassword role : passwords()) {
      role.password()
          .filter(password -> !accepts(role.role(), password))
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

  /**
   * Publishes the services' password, unless a rotation has replaced it since it was read; no
   * rotation comes between.
   */
  String publish(Session owner, Supplier<String> publishing) {
    return owner.run(
        "publish",
        connection -> {
          try (var _ =
              AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
            return publishLocked(publishing);
          }
        });
  }

  /** The same for who holds the lock CREDENTIALS already. */
  String publishLocked(Supplier<String> publishing) {
    target
        .servicePassword()
        .flatMap(target.hosting()::replaced)
        .ifPresent(failure -> {
          throw failure;
        });
    return publishing.get();
  }

  /**
   * Whether services can log in with the password that is published; nothing where roles are left
   * alone, as in {@link #roles}.
   *
   * @throws Failure where the password was replaced since it was read
   */
  Optional<StageResult> login() {
    return target
        .admin()
        .flatMap(_ -> target.servicePassword())
        .map(password -> {
          String role = target.names().service();
          if (accepts(role, password)) {
            return new StageResult("login", true, role + " can log in");
          }
          target
              .hosting()
              .replaced(password)
              .or(() -> target.hosting().beingReplaced(password))
              .ifPresent(failure -> {
                throw failure;
              });
          return new StageResult(
              "login", false, role + " cannot log in with its password; next: learnflow-db run");
        });
  }

  private List<RolePassword> passwords() {
    return List.of(
        new RolePassword(target.names().owner(), target.password()),
        new RolePassword(target.names().service(), target.servicePassword()));
  }

  /** Whether a role can log in with a password; its database need not be there. */
  boolean accepts(String role, Password password) {
    try (Connection _ =
        connector.connect(target.hosting().route(target.owner().as(role)), Optional.of(password))) {
      return true;
    } catch (SQLException e) {
      // Credentials are checked before the database is looked for.
      return SqlStates.INVALID_CATALOG_NAME.equals(e.getSQLState());
    }
  }
}

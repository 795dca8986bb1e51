package org.learnflow.db.cli;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.AdminSessions;
import org.learnflow.db.connect.Connector;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.PasswordCheck;
import org.learnflow.db.connect.PercentEncoding;
import org.learnflow.db.connect.Readiness;
import org.learnflow.db.connect.Session;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.SqlText;
import org.learnflow.db.roles.RightsCheck;
import org.learnflow.db.roles.RoleManager;
import org.learnflow.db.roles.RoleManager.RolePassword;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.schema.ScratchDatabase;
import org.learnflow.db.seed.SeedSet;
import org.learnflow.db.verify.StageResult;
import org.learnflow.db.verify.Verification;
import org.learnflow.db.verify.Verifier;

/** The steps that several commands share. */
final class Steps {
  private final DatabaseOptions.Target target;
  private final Connector connector;
  private final Duration timeout;
  private final Progress progress;
  private @Nullable LoggedIn lastLogin;

  Steps(DatabaseOptions.Target target, Connector connector, Duration timeout, Progress progress) {
    this.target = target;
    this.connector = connector;
    this.timeout = timeout;
    this.progress = progress;
  }

  /** The same for another target. */
  Steps with(DatabaseOptions.Target other) {
    return new Steps(other, connector, timeout, progress);
  }

  /**
   * A session of the owner in its own database.
   *
   * @throws Failure 2, once it is used, where the role is not one that can own a schema
   */
  Session ownerSession() {
    DataSource source =
        connector.dataSource(target.hosting().route(target.owner()), target.password());
    return new Session(
        source,
        readiness(source, target.owner(), target.password()),
        progress,
        target.admin().isEmpty() ? this::requireOwner : Session.NO_CHECK);
  }

  /**
   * A session in the database of whichever role was named, to see that it answers; a pooler's
   * answer is one, too.
   */
  Session anySession() {
    DataSource source = guarded(target.owner());
    return new Session(
        source, readiness(source, target.owner(), target.password()).orPooler(), progress);
  }

  /** A session of the owner in the maintenance database, or another that it does not trust. */
  Session ownerIn(String database) {
    DatabaseAddress address = target.owner().in(database);
    DataSource source = guarded(address);
    return new Session(source, readiness(source, address, target.password()), progress);
  }

  private DataSource guarded(DatabaseAddress address) {
    return connector.guarded(target.hosting().route(address), target.password());
  }

  private Readiness readiness(
      DataSource source, DatabaseAddress address, Optional<Password> password) {
    return new Readiness(source, address, password, timeout, progress, target.hosting());
  }

  /** Sessions of the admin, where there are admin credentials. */
  Optional<AdminSessions> admin() {
    return target.admin().map(this::admin);
  }

  /** Sessions of an admin with credentials that need not be those in force. */
  AdminSessions admin(AdminSessions.Credentials credentials) {
    return new AdminSessions(
        credentials, target.owner(), connector, timeout, progress, target.hosting());
  }

  /** Whoever takes the published connection by mistake learns it here, not from a missing right. */
  private void requireOwner(Connection connection) throws SQLException {
    List<String> owners =
        CatalogQuery.rows(
            connection,
            """
            SELECT pg_get_userbyid(datdba) FROM pg_database
            WHERE datname = current_database() AND NOT pg_has_role(datdba, 'USAGE')
              AND NOT coalesce(has_schema_privilege(to_regnamespace('public'), 'CREATE'), true)
            """,
            row -> row.getString(1));
    if (!owners.isEmpty()) {
      String role = target.owner().user();
      throw Failure.of(
              ExitCode.USAGE,
              "you are connected as %s, which is %s and may not do this"
                  .formatted(
                      role,
                      role.equals(target.names().service())
                          ? "the role of LearnFlow's services"
                          : "not the owner of database " + target.owner().database()))
          .where(target.owner().toString())
          .state("nothing was changed")
          .next(
              """
              connect as %s, which owns the database: --database postgresql://%s@%s/%s with its \
              password (--password-file or PGPASSWORD), --release, or --embedded%s\
              """
                  .formatted(
                      owners.getFirst(),
                      PercentEncoding.encode(owners.getFirst()),
                      target.owner().hostAndPort(),
                      PercentEncoding.encode(target.owner().database()),
                      role.equals(target.names().service())
                          ? ""
                          : "; or, where %s is to own it, as an admin: ALTER DATABASE %s OWNER TO %s;"
                              .formatted(
                                  role,
                                  SqlText.identifier(target.owner().database()),
                                  SqlText.identifier(role))));
    }
  }

  /** A database to try things in. */
  ScratchDatabase scratch(Connection owner) throws SQLException {
    return ScratchDatabase.create(
        owner,
        database ->
            connector.dataSource(
                target.hosting().route(target.owner().in(database)), target.password()),
        admin().map(sessions -> sessions.maintenance().source()),
        progress);
  }

  /**
   * Makes roles, database and rights. The admin comes only where something is to do: that nothing
   * is, the owner sees too. Without admin credentials the owner does what it may.
   *
   * @param owner the owner's session
   * @return what was done
   * @throws Failure 10 where there are no admin credentials, and only an admin may do what is left
   */
  List<String> roles(Session owner) {
    List<String> done =
        allRight(owner)
            ? List.of()
            : recorded(
                owner,
                () ->
                    admin()
                        .map(admin -> roles(owner, admin))
                        .orElseGet(() -> rolesWithoutAdmin(owner)));
    if (done.isEmpty()) {
      progress.line("roles", "all right, nothing to do");
    }
    return done;
  }

  /** Of the target's roles and database. */
  RoleManager roleManager() {
    return new RoleManager(target.names(), target.owner().database(), progress);
  }

  private List<String> rolesWithoutAdmin(Session owner) {
    progress.line("roles", "no admin credentials (--admin-user): the owner does what it may");
    return owner.run(
        "roles", connection -> roleManager().ensureAsOwner(connection, target.server()));
  }

  private List<String> roles(Session owner, AdminSessions admin) {
    RoleManager manager = roleManager();
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
                      return maintenance.run(
                          "roles",
                          making ->
                              manager.ensureRolesAndDatabase(making, passwords(), this::accepts));
                    }
                  }));
      // What one puts right may show what another has to; what comes again cannot be put right so.
      List<String> before = List.of();
      List<String> now = rights(owner, maintenance, inDatabase, manager);
      while (!now.isEmpty() && !now.equals(before)) {
        done.addAll(now);
        before = now;
        now = rights(owner, maintenance, inDatabase, manager);
      }
    }
    return List.copyOf(done);
  }

  private List<String> rights(
      Session owner, Session maintenance, Session inDatabase, RoleManager manager) {
    List<String> done = new ArrayList<>();
    done.addAll(
        maintenance.run("roles", making -> manager.ensureOnServer(making, target.server())));
    done.addAll(inDatabase.run("roles", manager::ensureOwnership));
    done.addAll(owner.run("roles", manager::ensureRights));
    return done;
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
            "roles",
            connection ->
                RightsCheck.deviations(connection, target.names(), target.server()).isEmpty())
        && target
            .servicePassword()
            .flatMap(password -> login(target.names().service(), password).isPasswordRight())
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
          .filter(password -> !login(role.role(), password).isPasswordRight().orElse(true))
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
   *
   * @return what was done, one line
   */
  String publish(
      Session owner, PublishOptions publishing, ClusterOptions cluster, String schemaVersion) {
    return owner.run(
        "publish",
        connection -> {
          try (var _ =
              AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.CREDENTIALS, progress)) {
            return publishLocked(publishing, cluster, schemaVersion);
          }
        });
  }

  /**
   * The same for who holds the lock CREDENTIALS already: the only place that publishes. What is
   * published has just logged in.
   */
  String publishLocked(PublishOptions publishing, ClusterOptions cluster, String schemaVersion) {
    if (publishing.isNowhere(target)) {
      return publishing.publish(target, cluster, schemaVersion);
    }
    Password password = PublishOptions.connection(target).password();
    target
        .hosting()
        .replaced(password)
        .ifPresent(failure -> {
          throw failure;
        });
    PasswordCheck.Login login = login(target.names().service(), password);
    if (login.answer() == PasswordCheck.Answer.UNKNOWN
        && publishing.isPublished(target, cluster, schemaVersion)) {
      return publishing.place(target, cluster) + ": unchanged";
    }
    requireLogin(login);
    return publishing.publish(target, cluster, schemaVersion);
  }

  /**
   * Goes on only with a password that has just logged in.
   *
   * @throws Failure 5 where it is refused, 9 where that could not be found out
   */
  void requireLogin(Password password) {
    requireLogin(login(target.names().service(), password));
  }

  private void requireLogin(PasswordCheck.Login login) {
    if (login.answer() != PasswordCheck.Answer.LOGGED_IN) {
      boolean refused = login.answer() == PasswordCheck.Answer.REFUSED;
      throw Failure.of(
              refused ? ExitCode.CREDENTIALS_REFUSED : ExitCode.PUBLISHING_FAILED,
              "nothing is published, since %s could not log in with its password: %s"
                  .formatted(target.names().service(), login.reason()))
          .where(target.owner().as(target.names().service()).toString())
          .state("what was published before is as it was")
          .next(
              refused
                  ? rightPassword()
                  : "correct what the server says and run the same command again");
    }
  }

  private String rightPassword() {
    return target.admin().isPresent()
        ? "set it: learnflow-db run"
        : "give the services' right password (--app-password-file; in a release: the Secret that"
            + " externalDatabase.appSecret names), or admin credentials, with which run sets it";
  }

  /** Looks at the database stage by stage. */
  Verifier verifier(MigrationFiles migrations, List<SeedSet> sets) {
    return new Verifier(
        migrations,
        sets,
        target.names(),
        target.server(),
        target.admin().map(AdminSessions.Credentials::user));
  }

  /** All stages of what must hold before anything is published. */
  Verification verify(Session session, MigrationFiles migrations, List<SeedSet> sets) {
    return session
        .run("verify", verifier(migrations, sets)::verify)
        .with(login().stream().toList());
  }

  /**
   * Whether services can log in with the password that is published; nothing where it is not known.
   *
   * @throws Failure where the password was replaced since it was read
   */
  Optional<StageResult> login() {
    return target
        .servicePassword()
        .map(password -> {
          String role = target.names().service();
          PasswordCheck.Login login = login(role, password);
          if (login.answer() == PasswordCheck.Answer.REFUSED) {
            target
                .hosting()
                .replaced(password)
                .or(() -> target.hosting().beingReplaced(password))
                .ifPresent(failure -> {
                  throw failure;
                });
          }
          return switch (login.answer()) {
            case LOGGED_IN -> new StageResult("login", true, role + " can log in");
            case UNKNOWN ->
                new StageResult(
                    "login",
                    true,
                    true,
                    "whether %s can log in could not be found out: %s"
                        .formatted(role, login.reason()));
            case REFUSED ->
                new StageResult(
                    "login",
                    false,
                    "%s cannot log in with its password: %s; next: %s"
                        .formatted(role, login.reason(), rightPassword()));
            case NO_DATABASE ->
                new StageResult(
                    "login",
                    false,
                    "%s is not let into the database: %s".formatted(role, login.reason()));
          };
        });
  }

  private List<RolePassword> passwords() {
    return List.of(
        new RolePassword(target.names().owner(), target.password()),
        new RolePassword(target.names().service(), target.servicePassword()));
  }

  /**
   * Whether a role's password is right; its database need not be there.
   *
   * @throws Failure where that could not be found out
   */
  boolean accepts(String role, Password password) {
    return login(role, password).requirePasswordRight(target.owner().as(role));
  }

  /** Logs in, unless the same login has just succeeded. */
  private PasswordCheck.Login login(String role, Password password) {
    LoggedIn known = lastLogin;
    if (known != null && known.isOf(role, password)) {
      return new PasswordCheck.Login(PasswordCheck.Answer.LOGGED_IN, "");
    }
    DatabaseAddress address = target.owner().as(role);
    boolean admin =
        target.admin().map(AdminSessions.Credentials::user).filter(role::equals).isPresent();
    PasswordCheck.Login login =
        new PasswordCheck(connector, timeout, progress, target.hosting())
            .login(admin ? address.in(DatabaseAddress.MAINTENANCE_DATABASE) : address, password);
    if (login.answer() == PasswordCheck.Answer.LOGGED_IN) {
      lastLogin = new LoggedIn(role, password, System.nanoTime());
    }
    return login;
  }

  /** A login that has succeeded. */
  private record LoggedIn(String role, Password password, long nanos) {
    private static final Duration JUST = Duration.ofSeconds(15);

    boolean isOf(String otherRole, Password other) {
      return role.equals(otherRole)
          && password.equals(other)
          && System.nanoTime() - nanos < JUST.toNanos();
    }
  }
}

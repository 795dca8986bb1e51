package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import javax.sql.DataSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.Sql;

/** Opens the sessions of a command; all of them wait for the server for the same time. */
public final class DatabaseAccess {
  private final Target target;
  private final Connector connector;
  private final Duration timeout;
  private final Progress progress;
  private final Map<String, LoggedIn> lastLogins = new HashMap<>();
  private final Map<String, LoginAhead> ahead = new HashMap<>();
  private final Semaphore aheadAtOnce = new Semaphore(Runtime.getRuntime().availableProcessors());

  /**
   * Access to a database.
   *
   * @param timeout how long to wait for the server
   */
  public DatabaseAccess(Target target, Connector connector, Duration timeout, Progress progress) {
    this.target = target;
    this.connector = connector;
    this.timeout = timeout;
    this.progress = progress;
  }

  /** The database. */
  public Target target() {
    return target;
  }

  /** Where its waits are reported. */
  public Progress progress() {
    return progress;
  }

  /** The same for another target. */
  public DatabaseAccess with(Target other) {
    return new DatabaseAccess(other, connector, timeout, progress);
  }

  /**
   * A session of the owner in its own database.
   *
   * @throws Failure 2, once it is used, if the role is not one that can own a schema
   */
  public Session ownerSession() {
    DataSource source = ownerSource(target.owner().database());
    return new Session(
        source,
        readiness(source, target.owner(), target.password()),
        progress,
        target.admin().isEmpty() ? this::requireOwner : Session.NO_CHECK);
  }

  /**
   * A session in the database as any role, to see that the server answers; the answer of a pooler
   * counts too.
   */
  public Session anySession() {
    DataSource source = guarded(target.owner());
    return new Session(
        source, readiness(source, target.owner(), target.password()).orPooler(), progress);
  }

  /**
   * A session of the owner in the maintenance database, or in another database that it does not
   * trust.
   */
  public Session ownerIn(String database) {
    DatabaseAddress address = target.owner().in(database);
    DataSource source = guarded(address);
    return new Session(source, readiness(source, address, target.password()), progress);
  }

  /** Connections of the owner to a database whose content it trusts. */
  public DataSource ownerSource(String database) {
    return connector.dataSource(
        target.hosting().route(target.owner().in(database)), target.password());
  }

  private DataSource guarded(DatabaseAddress address) {
    return connector.guarded(target.hosting().route(address), target.password());
  }

  private Readiness readiness(
      DataSource source, DatabaseAddress address, Optional<Password> password) {
    return new Readiness(source, address, password, timeout, progress, target.hosting());
  }

  /** Asks the server about TLS without a session. */
  public TlsProbe tlsProbe() {
    DatabaseAddress route = target.hosting().route(target.owner());
    return new TlsProbe(route, route.host().equals(target.owner().host()));
  }

  /** Sessions of the admin, if there are admin credentials. */
  public Optional<AdminSessions> admin() {
    return target.admin().map(this::admin);
  }

  /** Sessions of an admin with credentials that do not have to be the current ones. */
  public AdminSessions admin(AdminSessions.Credentials credentials) {
    return new AdminSessions(
        credentials, target.owner(), connector, timeout, progress, target.hosting());
  }

  /**
   * Reports the use of the published connection by mistake here, not as a missing privilege later.
   */
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
              "you are connected as %s, which is %s and cannot do this"
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
                          : "; or, if %s should own it, run as an admin: ALTER DATABASE %s OWNER TO %s;"
                              .formatted(
                                  role,
                                  Sql.identifier(target.owner().database()),
                                  Sql.identifier(role))));
    }
  }

  /**
   * Whether a role's password is right; its database does not have to exist.
   *
   * @throws Failure if that cannot be determined
   */
  public boolean accepts(String role, Password password) {
    return login(role, password).requirePasswordRight(target.owner().as(role));
  }

  /**
   * Begins a login that is needed soon, beside the owner's: most of its time is spent in
   * handshakes. If it does not succeed at once, {@link #login} begins again.
   */
  public void logInAhead(String role, Password password) {
    DataSource source =
        connector.guarded(target.hosting().route(target.owner().as(role)), Optional.of(password));
    ahead.put(role, LoginAhead.begin(source, role, password, aheadAtOnce));
  }

  /**
   * Logs in, unless the same login has just succeeded.
   *
   * @throws Failure 4 if the server did not answer in time
   */
  public PasswordCheck.Login login(String role, Password password) {
    LoginAhead begun = ahead.remove(role);
    if (begun != null) {
      begun.end().ifPresent(loggedIn -> lastLogins.put(role, loggedIn));
    }
    LoggedIn known = lastLogins.get(role);
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
      lastLogins.put(role, new LoggedIn(role, password, System.nanoTime()));
    }
    return login;
  }

  /** Whether this process connects to the database as services do, and not through a pod. */
  public boolean isDirect() {
    return target.hosting().route(target.owner()).equals(target.owner());
  }

  /** Logs in once as a service does, at another address than the database's own. */
  public PasswordCheck.Login loginAsService(DatabaseAddress address, Password password) {
    return new PasswordCheck(connector, timeout, progress, target.hosting())
        .loginAsService(address, password);
  }

  /** A login that has succeeded. */
  record LoggedIn(String role, Password password, long nanos) {
    private static final Duration JUST = Duration.ofSeconds(15);

    boolean isOf(String otherRole, Password other) {
      return role.equals(otherRole)
          && password.equals(other)
          && System.nanoTime() - nanos < JUST.toNanos();
    }
  }
}

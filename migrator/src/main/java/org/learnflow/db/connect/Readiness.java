package org.learnflow.db.connect;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLException;
import javax.sql.DataSource;
import org.learnflow.db.Elapsed;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Password;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;
import org.learnflow.db.Reason;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * Waits until a database answers SQL and accepts writes; distinguishes "not yet" (retried) from
 * "never" (fails at once).
 */
public final class Readiness {
  /** Oldest supported major version. */
  public static final int OLDEST_VERSION = 15;

  /** Newest tested major version. */
  public static final int NEWEST_VERSION = 18;

  /** How long a host name can stay unknown: a Service's name takes a moment to appear in DNS. */
  private static final Duration UNKNOWN_HOST_GRACE = Duration.ofSeconds(10);

  /** Until Kubernetes has updated a mounted Secret, and the server has loaded it, and a bit. */
  private static final Duration RENEWAL_GRACE = Duration.ofSeconds(150);

  private static final Duration SHORTEST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

  private final DataSource source;
  private final DatabaseAddress address;
  private final Optional<Password> password;
  private final Duration timeout;
  private final Progress progress;
  private final Hosting hosting;
  private final boolean orPooler;

  /**
   * A wait for one database.
   *
   * @param address as users know it, for messages
   * @param password that {@code source} logs in with
   * @param timeout how long to wait at most; zero tries once
   * @param hosting is asked before every attempt
   */
  public Readiness(
      DataSource source,
      DatabaseAddress address,
      Optional<Password> password,
      Duration timeout,
      Progress progress,
      Hosting hosting) {
    this(source, address, password, timeout, progress, hosting, false);
  }

  private Readiness(
      DataSource source,
      DatabaseAddress address,
      Optional<Password> password,
      Duration timeout,
      Progress progress,
      Hosting hosting,
      boolean orPooler) {
    this.source = source;
    this.address = address;
    this.password = password;
    this.timeout = timeout;
    this.progress = progress;
    this.hosting = hosting;
    this.orPooler = orPooler;
  }

  /** The same, but a connection pooler's answer counts as the server's. */
  public Readiness orPooler() {
    return new Readiness(source, address, password, timeout, progress, hosting, true);
  }

  /** The result of one attempt: an open session, or a reason to try again. */
  private sealed interface Attempt {
    record Ready(Connection connection) implements Attempt {}

    /**
     * Not yet.
     *
     * @param failure what it is if it lasts longer than {@code grace}
     */
    record NotYet(
        String reason,
        boolean hostUnknown,
        Optional<String> next,
        Optional<Failure> failure,
        Duration grace)
        implements Attempt {
      NotYet(String reason, boolean hostUnknown, Optional<String> next) {
        this(reason, hostUnknown, next, Optional.empty(), Duration.ZERO);
      }

      NotYet(Failure failure, Duration grace) {
        this(failure.what(), false, Optional.empty(), Optional.of(failure), grace);
      }

      NotYet(String reason, boolean hostUnknown) {
        this(reason, hostUnknown, Optional.empty());
      }

      /**
       * Why there is no point in waiting any longer, after so long.
       *
       * @param failing for how long there is a failure
       */
      boolean neverResolves(Duration waited, Duration failing) {
        return (hostUnknown && waited.compareTo(UNKNOWN_HOST_GRACE) >= 0)
            || (failure.isPresent() && failing.compareTo(grace) >= 0);
      }
    }
  }

  /**
   * An open session in autocommit mode on a writable server of a supported version.
   *
   * @throws Failure 4 after the timeout, 5 for rejected credentials, 3 for a missing database, 10
   *     for a PostgreSQL that is too old, for TLS that does not meet sslmode, and for a pooler, 2
   *     for a server that is not PostgreSQL
   */
  public Connection await() {
    Elapsed waited = Elapsed.fromNow();
    AtomicReference<String> reason = new AtomicReference<>("");
    try (var _ = Ongoing.begin(progress, "wait", () -> waiting(reason.get(), waited))) {
      return await(waited, reason);
    }
  }

  private String waiting(String reason, Elapsed waited) {
    return "%s: %s, %s"
        .formatted(
            address.hostAndPort(),
            reason.isEmpty() ? "connecting" : reason,
            timeout.isZero() ? waited.soFar() : waited.ofAtMost(timeout));
  }

  private Connection await(Elapsed elapsed, AtomicReference<String> told) {
    long withoutFailure = System.nanoTime();
    while (true) {
      Attempt attempt = attempt();
      if (attempt instanceof Attempt.Ready(Connection connection)) {
        return connection;
      }
      Attempt.NotYet notYet = (Attempt.NotYet) attempt;
      Duration waited = elapsed.time();
      withoutFailure = notYet.failure().isEmpty() ? System.nanoTime() : withoutFailure;
      Duration failing = Duration.ofNanos(System.nanoTime() - withoutFailure);
      Duration pause = pause(waited);
      if (notYet.neverResolves(waited, failing) || waited.plus(pause).compareTo(timeout) > 0) {
        throw notYet.failure().orElseGet(() -> notReached(notYet, waited));
      }
      if (!told.getAndSet(notYet.reason()).equals(notYet.reason())) {
        progress.line("wait", address.hostAndPort() + ": " + notYet.reason());
      }
      Pause.of(pause);
    }
  }

  /** Not much longer than the last one, so that little time is lost, and few calls are made. */
  private static Duration pause(Duration waited) {
    Duration pause = waited.dividedBy(16);
    return pause.compareTo(SHORTEST_PAUSE) < 0
        ? SHORTEST_PAUSE
        : pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
  }

  private Failure notReached(Attempt.NotYet notYet, Duration waited) {
    String usual =
        notYet.hostUnknown()
            ? "check the host name; in a cluster: kubectl get service,endpoints, and check whether"
                + " DNS runs: kubectl -n kube-system get pods -l k8s-app=kube-dns"
            : "find out why it does not answer (in a cluster: kubectl get pods), or wait longer"
                + " with --timeout";
    return Failure.of(
            ExitCode.NOT_REACHED,
            "the database was not reached within %.0f s: %s"
                .formatted(waited.toMillis() / 1000.0, notYet.reason()))
        .where(address.toString())
        .state("nothing was changed by waiting")
        .next(notYet.next().orElse(usual));
  }

  private Attempt attempt() {
    return withoutCertificate()
        .or(() ->
            hosting
                .obstacle()
                .map(obstacle ->
                    new Attempt.NotYet(obstacle.what(), false, Optional.of(obstacle.next()))))
        .orElseGet(() -> explained(connect()));
  }

  /** What runs the server knows more than a connection that fails. */
  private Attempt explained(Attempt attempt) {
    return attempt instanceof Attempt.NotYet notYet && notYet.failure().isEmpty()
        ? hosting
            .cause()
            .<Attempt>map(cause ->
                new Attempt.NotYet(
                    "%s (%s)".formatted(cause.what(), notYet.reason()),
                    false,
                    Optional.of(cause.next())))
            .orElse(notYet)
        : attempt;
  }

  /**
   * Why a release's own server is not up either, if its Secret does not exist. Kubernetes adds a
   * key to a mounted Secret up to about a minute after it was written.
   */
  private Optional<Attempt> withoutCertificate() {
    return address
        .rootCertificate()
        .filter(file -> !Files.isReadable(file))
        .map(file ->
            new Attempt.NotYet(
                "the authority's certificate is not there yet: " + file,
                false,
                Optional.of(
                    "find out whether the Secret with the server's certificate exists and has the key ca.crt: docs/explanation/tls.md")));
  }

  private Attempt connect() {
    Connection connection;
    try {
      connection = source.getConnection();
    } catch (SQLException e) {
      return classify(e);
    }
    try {
      return check(connection);
    } catch (SQLException e) {
      closeQuietly(connection);
      return classify(e);
    } catch (RuntimeException e) {
      closeQuietly(connection);
      throw e;
    }
  }

  private Attempt check(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT current_setting('server_version_num')::int / 10000,"
                    + " pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,"
                    + " pg_backend_pid()")) {
      row.next();
      if (!orPooler) {
        Pooler.refuse(connection, row.getInt(4), address);
      }
      int major = row.getInt(1);
      if (major < OLDEST_VERSION) {
        throw tooOld("PostgreSQL " + major);
      }
      if (row.getBoolean(2)) {
        String advice = Standby.advice(connection, address.host());
        closeQuietly(connection);
        return new Attempt.NotYet(
            "it is a standby in recovery and does not accept writes", false, Optional.of(advice));
      }
      if (row.getBoolean(3)) {
        Optional<String> next =
            SettingSource.of(connection, "default_transaction_read_only").stream()
                .map(found ->
                    "it is %s; to make it writable again: %s"
                        .formatted(found.place(), found.reset()))
                .findFirst();
        closeQuietly(connection);
        return new Attempt.NotYet(
            "it is read-only (default_transaction_read_only is on)", false, next);
      }
      if (major > NEWEST_VERSION) {
        progress.line(
            "wait",
            "warning: PostgreSQL %d is newer than the tested %d to %d"
                .formatted(major, OLDEST_VERSION, NEWEST_VERSION));
      }
      return new Attempt.Ready(connection);
    }
  }

  private Failure tooOld(String version) {
    return Failure.of(
            ExitCode.REFUSED,
            "%s is not supported (supported: %d to %d)"
                .formatted(version, OLDEST_VERSION, NEWEST_VERSION))
        .where(address.toString())
        .state("nothing was changed")
        .next("use a newer PostgreSQL server");
  }

  /** A reason to wait, or a failure that waiting does not fix. */
  private Attempt classify(SQLException e) {
    String state = Objects.requireNonNullElse(e.getSQLState(), "");
    String message = message(e);
    Optional<Failure> tls = tlsFailure(e, state, message);
    if (tls.isPresent()) {
      if (!hosting.renewsCertificate()) {
        throw tls.get();
      }
      return new Attempt.NotYet(tls.get(), RENEWAL_GRACE);
    }
    if (isClearPasswordRefused(e)) {
      throw asksForClearPassword(e, message);
    }
    if (state.equals(SqlStates.INVALID_AUTHORIZATION) && message.contains("pg_hba.conf")) {
      throw notLetIn(e, message);
    }
    return switch (state) {
      case SqlStates.PROTOCOL_VIOLATION -> throw protocol(e, message);
      case SqlStates.INVALID_PASSWORD,
          SqlStates.INVALID_AUTHORIZATION,
          SqlStates.CONNECTION_REJECTED ->
          credentialsRejected(e, state, message);
      case SqlStates.INVALID_CATALOG_NAME ->
          throw Failure.of(
                  ExitCode.NOT_DEPLOYED,
                  "database " + address.database() + " does not exist on this server")
              .where(address + ", SQLSTATE " + state)
              .state("nothing was changed")
              .next(
                  "create it as an admin: CREATE DATABASE %s OWNER %s; or let run do it with"
                          .formatted(
                              Sql.identifier(address.database()), Sql.identifier(address.user()))
                      + " --admin-user and --admin-password-file")
              .causedBy(e);
      case SqlStates.UNDEFINED_OBJECT ->
          throw tooOld("a PostgreSQL that reports \"" + message + "\"");
      case SqlStates.TOO_MANY_CONNECTIONS ->
          new Attempt.NotYet(
              "all its connections are in use (" + message + ")",
              false,
              Optional.of(
                  "see, as the admin, who uses them: SELECT usename, application_name, count(*)"
                      + " FROM pg_stat_activity GROUP BY 1, 2; end some of them, or raise"
                      + " max_connections"));
      // The second is the code of authentication_timeout, on a server that is too busy.
      case SqlStates.CANNOT_CONNECT_NOW, SqlStates.QUERY_CANCELED ->
          new Attempt.NotYet(message, false);
      default -> unreachable(e, message);
    };
  }

  private Attempt credentialsRejected(SQLException e, String state, String message) {
    Failure failure =
        hosting.explained(
            Failure.of(
                    ExitCode.CREDENTIALS_REFUSED, "the server rejected the credentials: " + message)
                .where(address + ", SQLSTATE " + state)
                .state("nothing was changed")
                .next(
                    "specify the password of "
                        + address.user()
                        + " with --password-file, PGPASSWORD or DATABASE_URL; the server reports"
                        + " the same error if the role does not exist")
                .causedBy(e),
            password);
    Duration grace = hosting.passwordGrace(address.user());
    if (grace.isZero()) {
      throw failure;
    }
    return new Attempt.NotYet(failure, grace);
  }

  /** LDAP, RADIUS, PAM and password in pg_hba.conf; or somebody who wants to have it. */
  private Failure asksForClearPassword(SQLException e, String message) {
    return Failure.of(ExitCode.REFUSED, message)
        .where("%s with sslmode %s".formatted(address, address.sslMode().text()))
        .state("nothing was changed; the password was not sent")
        .next(
            "verify the server: sslmode=verify-full and sslrootcert=FILE, in a release"
                + " externalDatabase.sslmode and externalDatabase.ca; or let "
                + address.user()
                + " log in with scram-sha-256 in the server's pg_hba.conf")
        .causedBy(e);
  }

  /** Whatever the password is: the server's rules for addresses and TLS reject the connection. */
  private Failure notLetIn(SQLException e, String message) {
    return Failure.of(ExitCode.CREDENTIALS_REFUSED, "the server rejected this address: " + message)
        .where(
            "%s with sslmode %s, SQLSTATE %s"
                .formatted(address, address.sslMode().text(), e.getSQLState()))
        .state("nothing was changed")
        .next(
            "allow it: add a line to the server's pg_hba.conf, or an allowed network on a managed"
                + " server; if the rules require TLS: sslmode=require or verify-full, in a release"
                + " externalDatabase.sslmode")
        .causedBy(e);
  }

  /** A pooler that rejects our settings, or a server that is not PostgreSQL. */
  private Failure protocol(SQLException e, String message) {
    if (Pooler.refused(e)) {
      return Pooler.failure(message, address).causedBy(e);
    }
    if (Pooler.isServers(e)) {
      return refused(e, message);
    }
    return Failure.of(ExitCode.USAGE, "the server does not speak PostgreSQL's protocol: " + message)
        .where(address.hostAndPort())
        .state("nothing was changed")
        .next(
            "specify the host and port of PostgreSQL itself; in a release: externalDatabase.host"
                + " and .port")
        .causedBy(e);
  }

  private Failure refused(SQLException e, String message) {
    Optional<String> full = SqlStates.diskFull(SqlStates.of(e), message);
    return Failure.of(
            ExitCode.FAILED, full.orElse("the server rejected the connection: " + message))
        .where(address + ", SQLSTATE " + SqlStates.of(e))
        .state("nothing was changed")
        .next(
            full.isPresent()
                ? "run the command again when there is free space"
                : "correct what it reports and run the command again")
        .causedBy(e);
  }

  private Attempt unreachable(SQLException e, String message) {
    Optional<UnknownHostException> unknown = cause(e, UnknownHostException.class);
    if (unknown.isPresent()) {
      String why = String.valueOf(unknown.get().getMessage()).replaceFirst("^[^:]*(: )?", "");
      return new Attempt.NotYet(
          "the host name %s is unknown%s"
              .formatted(address.host(), why.isEmpty() ? "" : " (DNS: " + why + ")"),
          true);
    }
    if (cause(e, SocketTimeoutException.class).isPresent()) {
      return new Attempt.NotYet(
          message,
          false,
          Optional.of(
              "check whether a firewall or network policy blocks the connection; in a cluster:"
                  + " kubectl get networkpolicies --all-namespaces"));
    }
    if (SqlStates.connectionLost(e)) {
      return new Attempt.NotYet(message, false);
    }
    throw refused(e, message);
  }

  /**
   * TLS that does not meet sslmode, which waiting does not fix, unless the other side only went
   * away in the middle, or its certificate is being renewed. pgjdbc reports it with the SQLSTATE of
   * rejected credentials if the server offers no TLS, and with that of a lost connection, but
   * without an I/O error as cause, if a certificate is wrong.
   */
  private Optional<Failure> tlsFailure(SQLException e, String state, String message) {
    Optional<SSLException> handshake = cause(e, SSLException.class);
    boolean notOffered = state.equals(SqlStates.CONNECTION_REJECTED) && message.contains("SSL");
    boolean certificate =
        state.equals(SqlStates.CONNECTION_FAILURE)
            && (cause(e, IOException.class).isEmpty()
                || cause(e, FileNotFoundException.class).isPresent());
    boolean brokenOff =
        cause(e, EOFException.class).isPresent()
            || cause(e, SocketException.class).isPresent()
            || cause(e, SocketTimeoutException.class).isPresent();
    if (brokenOff || (handshake.isEmpty() && !notOffered && !certificate)) {
      return Optional.empty();
    }
    String why = handshake.map(Throwable::getMessage).orElse(message);
    return Optional.of(
        Failure.of(ExitCode.REFUSED, "TLS failed: " + why)
            .where(address + " with sslmode " + address.sslMode().text())
            .state("nothing was changed")
            .next(hosting.tlsAdvice())
            .causedBy(e));
  }

  private static <T extends Throwable> Optional<T> cause(Throwable thrown, Class<T> type) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (type.isInstance(cause)) {
        return Optional.of(type.cast(cause));
      }
    }
    return Optional.empty();
  }

  /** pgjdbc has no SQLSTATE of its own for this. */
  private static boolean isClearPasswordRefused(SQLException e) {
    return SqlStates.CONNECTION_REJECTED.equals(e.getSQLState())
        && String.valueOf(e.getMessage()).contains("requireAuth");
  }

  /** The server's or the socket's own words, without pgjdbc's advice. */
  static String message(SQLException e) {
    if (isClearPasswordRefused(e)) {
      return "the server asks for the password in clear text, and its certificate is not verified";
    }
    Throwable cause = e.getCause();
    String text =
        cause instanceof IOException && cause.getMessage() != null
            ? Reason.of(cause)
            : Reason.of(e);
    return text.replaceFirst("^FATAL: ", "").lines().findFirst().orElse(text);
  }

  private static void closeQuietly(Connection connection) {
    try {
      connection.close();
    } catch (SQLException e) {
      // The session is abandoned either way.
    }
  }
}

package org.learnflow.db.connect;

import java.time.Duration;
import java.util.Optional;
import javax.sql.DataSource;
import org.learnflow.db.Password;
import org.postgresql.ds.PGSimpleDataSource;
import org.postgresql.jdbc.PreferQueryMode;

/**
 * Creates pgjdbc data sources with the session settings that every step relies on. A session finds
 * names in {@code public} only where migrations need that: as the owner in its own database. All
 * others are {@linkplain #guarded guarded}.
 */
public final class Connector {
  /** Shown in pg_stat_activity. */
  public static final String APPLICATION_NAME = "learnflow-db";

  /**
   * A role can set a verifier with more iterations for itself, and each login with it would take
   * seconds.
   */
  public static final int MOST_SCRAM_ITERATIONS = 100_000;

  /**
   * A server that was not verified could ask for the password itself, and would get it. libpq's
   * require_auth, from version 16 on.
   */
  public static final String NO_CLEAR_PASSWORD = "!password";

  private static final Duration LONGEST_CONNECT_TIMEOUT = Duration.ofSeconds(5);

  /**
   * The server ends a statement soon after its client is gone (so that a killed migrator holds no
   * lock), and does not send notices below warning.
   */
  private static final String SETTINGS =
      "-c client_connection_check_interval=1000 -c tcp_keepalives_idle=30"
          + " -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
          + " -c client_min_messages=warning";

  /** Where migrations and seeds find the objects that they name. */
  private static final String OWN_PATH = " -c search_path=public";

  /**
   * A name without a schema finds nothing that a user created in the database, neither a function
   * nor an operator, and the owner cannot keep an admin from working. The owner's own sessions
   * respect that a database is read-only: {@link Readiness} reports it.
   */
  private static final String GUARDED =
      " -c search_path=pg_catalog,pg_temp -c default_transaction_read_only=off"
          + SessionSettings.ENOUGH_MEMORY;

  private final Duration lockTimeout;
  private final Duration timeout;
  private final int connectSeconds;

  /**
   * A connector.
   *
   * @param lockTimeout how long a statement may wait for a lock before it fails with 55P03
   * @param timeout how long to wait for the database in total, so that one attempt at a server that
   *     never answers does not take longer; zero means one attempt
   */
  public Connector(Duration lockTimeout, Duration timeout) {
    this.lockTimeout = lockTimeout;
    this.timeout = timeout;
    boolean shorter = !timeout.isZero() && timeout.compareTo(LONGEST_CONNECT_TIMEOUT) < 0;
    this.connectSeconds =
        (int) Math.max(1, (shorter ? timeout : LONGEST_CONNECT_TIMEOUT).toSeconds());
  }

  /**
   * Sessions of the owner in its own database; each {@link DataSource#getConnection()} opens a new
   * one.
   */
  public DataSource dataSource(DatabaseAddress address, Optional<Password> password) {
    return source(new SettledSessions(true), address, password, Optional.of(OWN_PATH));
  }

  /** Sessions that trust nothing that a user created in the database. */
  public DataSource guarded(DatabaseAddress address, Optional<Password> password) {
    return source(new SettledSessions(false), address, password, Optional.of(GUARDED));
  }

  /** Sessions as services open them: without settings of ours, which poolers refuse. */
  public DataSource plain(DatabaseAddress address, Optional<Password> password) {
    return source(new PGSimpleDataSource(), address, password, Optional.empty());
  }

  private DataSource source(
      PGSimpleDataSource source,
      DatabaseAddress address,
      Optional<Password> password,
      Optional<String> path) {
    source.setServerNames(new String[] {address.host()});
    source.setPortNumbers(new int[] {address.port()});
    source.setDatabaseName(address.database());
    source.setUser(address.user());
    password.map(Password::value).ifPresent(source::setPassword);
    source.setSslMode(address.sslMode().text());
    address.rootCertificate().map(Object::toString).ifPresent(source::setSslRootCert);
    address.channelBinding().ifPresent(source::setChannelBinding);
    source.setApplicationName(APPLICATION_NAME);
    // Otherwise pgjdbc sets the name by a statement, which RESET ALL would undo.
    source.setAssumeMinServerVersion(String.valueOf(Readiness.OLDEST_VERSION));
    source.setConnectTimeout(connectSeconds);
    source.setLoginTimeout(connectSeconds);
    source.setTcpKeepAlive(true);
    path.ifPresent(found ->
        source.setOptions(
            SETTINGS
                + SessionSettings.options()
                + found
                + " -c lock_timeout="
                + lockTimeout.toMillis()
                + " -c learnflow_db.timeout="
                + timeout.toMillis()));
    if (!address.sslMode().verifies()) {
      source.setRequireAuth(NO_CLEAR_PASSWORD);
    }
    source.setScramMaxIterations(MOST_SCRAM_ITERATIONS);
    // A text without parameters is sent as it is, so that error positions count from its start.
    source.setPreferQueryMode(PreferQueryMode.EXTENDED_FOR_PREPARED);
    return source;
  }
}

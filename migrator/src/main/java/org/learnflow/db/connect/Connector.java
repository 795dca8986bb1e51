package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import javax.sql.DataSource;
import org.learnflow.db.Password;
import org.postgresql.ds.PGSimpleDataSource;
import org.postgresql.jdbc.PreferQueryMode;

/** Makes pgjdbc data sources with the session settings that every step relies on. */
public final class Connector {
  /** Shown in pg_stat_activity. */
  public static final String APPLICATION_NAME = "learnflow-db";

  private static final Duration LONGEST_CONNECT_TIMEOUT = Duration.ofSeconds(5);

  /**
   * Session settings: the server ends a statement soon after its client is gone (so that a killed
   * migrator holds no lock), time-outs that someone set for the role do not end migrations, and
   * notices below warning are not sent.
   */
  private static final String SETTINGS =
      "-c client_connection_check_interval=1000 -c statement_timeout=0"
          + " -c idle_in_transaction_session_timeout=0 -c tcp_keepalives_idle=30"
          + " -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
          + " -c client_min_messages=warning -c search_path=public";

  private final Duration lockTimeout;
  private final int connectSeconds;

  /**
   * A connector.
   *
   * @param lockTimeout how long a statement may wait for a lock before it fails with 55P03
   * @param timeout how long the database is waited for in all, so that one attempt at a server that
   *     never answers does not take longer; zero means one attempt
   */
  public Connector(Duration lockTimeout, Duration timeout) {
    this.lockTimeout = lockTimeout;
    boolean shorter = !timeout.isZero() && timeout.compareTo(LONGEST_CONNECT_TIMEOUT) < 0;
    this.connectSeconds =
        (int) Math.max(1, (shorter ? timeout : LONGEST_CONNECT_TIMEOUT).toSeconds());
  }

  /** A data source; each {@link DataSource#getConnection()} opens a new session. */
  public DataSource dataSource(DatabaseAddress address, Optional<Password> password) {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setServerNames(new String[] {address.host()});
    source.setPortNumbers(new int[] {address.port()});
    source.setDatabaseName(address.database());
    source.setUser(address.user());
    password.map(Password::value).ifPresent(source::setPassword);
    source.setSslMode(address.sslMode().text());
    address.rootCertificate().map(Object::toString).ifPresent(source::setSslRootCert);
    source.setApplicationName(APPLICATION_NAME);
    source.setConnectTimeout(connectSeconds);
    source.setLoginTimeout(connectSeconds);
    source.setTcpKeepAlive(true);
    source.setOptions(SETTINGS + " -c lock_timeout=" + lockTimeout.toMillis());
    // A text without parameters is sent as it is, so that error positions count from its start.
    source.setPreferQueryMode(PreferQueryMode.EXTENDED_FOR_PREPARED);
    return source;
  }

  /** Opens one session. */
  public Connection connect(DatabaseAddress address, Optional<Password> password)
      throws SQLException {
    return dataSource(address, password).getConnection();
  }
}

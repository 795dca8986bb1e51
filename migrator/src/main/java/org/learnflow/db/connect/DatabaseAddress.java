package org.learnflow.db.connect;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a database is and as which role it is used; never contains a password.
 *
 * @param host name or address, without brackets
 * @param port 1 to 65535
 * @param database name of the database, not encoded
 * @param user name of the role, not encoded
 * @param sslMode how TLS is used
 * @param rootCertificate PEM file that {@code verify-ca} and {@code verify-full} trust
 * @param channelBinding libpq's channel_binding, if it is given
 */
public record DatabaseAddress(
    String host,
    int port,
    String database,
    String user,
    SslMode sslMode,
    Optional<Path> rootCertificate,
    Optional<String> channelBinding) {

  /** PostgreSQL's port if none is given. */
  public static final int DEFAULT_PORT = 5432;

  /** The database that every server has, for work that concerns the whole server. */
  public static final String MAINTENANCE_DATABASE = "postgres";

  /** An address with the default channel binding. */
  public DatabaseAddress(
      String host,
      int port,
      String database,
      String user,
      SslMode sslMode,
      Optional<Path> rootCertificate) {
    this(host, port, database, user, sslMode, rootCertificate, Optional.empty());
  }

  /** The same server and database, used as another role. */
  public DatabaseAddress as(String otherUser) {
    return new DatabaseAddress(
        host, port, database, otherUser, sslMode, rootCertificate, channelBinding);
  }

  /** The same database and role on another host. */
  public DatabaseAddress at(String otherHost) {
    return at(otherHost, port);
  }

  /** The same database and role at another address. */
  public DatabaseAddress at(String otherHost, int otherPort) {
    return new DatabaseAddress(
        otherHost, otherPort, database, user, sslMode, rootCertificate, channelBinding);
  }

  /** The same server and role, another database. */
  public DatabaseAddress in(String otherDatabase) {
    return new DatabaseAddress(
        host, port, otherDatabase, user, sslMode, rootCertificate, channelBinding);
  }

  /**
   * A database as libpq's {@code keyword=value}, whatever its name is: alone, a name such as {@code
   * host=x} or {@code postgresql://x} would be read as a whole connection string.
   */
  public static String parameter(String database) {
    return parameter("dbname", database);
  }

  /** A parameter of a connection as libpq's {@code keyword=value}. */
  public static String parameter(String keyword, String value) {
    return "%s='%s'".formatted(keyword, value.replace("\\", "\\\\").replace("'", "\\'"));
  }

  /** {@code host:port}, an IPv6 address in brackets. */
  public String hostAndPort() {
    return bracketed() + ":" + port;
  }

  private String bracketed() {
    return host.contains(":") ? "[" + host + "]" : host;
  }

  /** {@code postgresql://user@host:port/database}, percent-encoded, without a password. */
  @Override
  public String toString() {
    return "postgresql://%s@%s/%s"
        .formatted(PercentEncoding.encode(user), hostAndPort(), PercentEncoding.encode(database));
  }
}

package org.learnflow.db.connect;

import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/**
 * A libpq connection URI, read. Source: PostgreSQL documentation, "Connection URIs".
 *
 * @param address all but the password
 * @param password the password inside the URI, if there is one
 */
public record ConnectionUri(DatabaseAddress address, Optional<Password> password) {
  private static final String FORM = "postgresql://USER@HOST:PORT/DATABASE";

  private static final Pattern URI =
      Pattern.compile(
          "postgres(?:ql)?://(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?"
              + "(?<host>\\[[^\\]]*\\]|[^\\[:/?@,]*)(?::(?<port>[^/?,]*))?"
              + "(?:/(?<database>[^?]*))?(?:\\?(?<parameters>.*))?");

  /**
   * Reads {@code uri}.
   *
   * @param name how the user gave it ({@code --database}, {@code DATABASE_URL}), for the message
   * @throws Failure with exit code 2 if it cannot be used; the message never repeats the URI
   */
  public static ConnectionUri parse(String uri, String name) {
    Matcher matcher = URI.matcher(uri);
    if (!matcher.matches()) {
      throw unusable(name, "it is not of the form " + FORM);
    }
    try {
      String user = PercentEncoding.decode(Optional.ofNullable(matcher.group("user")).orElse(""));
      String database =
          PercentEncoding.decode(Optional.ofNullable(matcher.group("database")).orElse(""));
      if (user.isEmpty() || database.isEmpty()) {
        throw unusable(name, "it names no " + (user.isEmpty() ? "user" : "database"));
      }
      DatabaseAddress address =
          new DatabaseAddress(
              host(matcher.group("host"), name),
              port(Optional.ofNullable(matcher.group("port")).orElse(""), name),
              database,
              user,
              SslMode.DEFAULT,
              Optional.empty());
      Optional<Password> password =
          Optional.ofNullable(matcher.group("password"))
              .filter(text -> !text.isEmpty())
              .map(PercentEncoding::decode)
              .map(Password::new);
      return new ConnectionUri(
          withParameters(
              address, Optional.ofNullable(matcher.group("parameters")).orElse(""), name),
          password);
    } catch (IllegalArgumentException e) {
      throw unusable(name, String.valueOf(e.getMessage()));
    }
  }

  private static String host(String text, String name) {
    String host =
        text.startsWith("[") ? text.substring(1, text.length() - 1) : PercentEncoding.decode(text);
    if (host.isEmpty()) {
      throw unusable(name, "it names no host");
    }
    if (host.startsWith("/")) {
      throw unusable(name, "Unix sockets are not supported: name a host");
    }
    return host;
  }

  private static int port(String text, String name) {
    if (text.isEmpty()) {
      return DatabaseAddress.DEFAULT_PORT;
    }
    try {
      int port = Integer.parseInt(text);
      if (port >= 1 && port <= 65535) {
        return port;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw unusable(name, "its port is not a number from 1 to 65535");
  }

  private static DatabaseAddress withParameters(
      DatabaseAddress address, String parameters, String name) {
    DatabaseAddress result = address;
    for (String parameter : Pattern.compile("&").splitAsStream(parameters).toList()) {
      if (parameter.isEmpty()) {
        continue;
      }
      int equals = parameter.indexOf('=');
      String key = equals < 0 ? parameter : parameter.substring(0, equals);
      String value = equals < 0 ? "" : PercentEncoding.decode(parameter.substring(equals + 1));
      result =
          switch (key) {
            case "sslmode" ->
                new DatabaseAddress(
                    result.host(),
                    result.port(),
                    result.database(),
                    result.user(),
                    SslMode.parse(value)
                        .orElseThrow(() -> unusable(name, "its sslmode is none of libpq's")),
                    result.rootCertificate());
            case "sslrootcert" ->
                new DatabaseAddress(
                    result.host(),
                    result.port(),
                    result.database(),
                    result.user(),
                    result.sslMode(),
                    Optional.of(Path.of(value)));
            default ->
                // Not named: it may be the end of a password that was not encoded.
                throw unusable(
                    name,
                    key.equals("password")
                        ? "its password belongs between user and host"
                        : "it has a parameter besides sslmode and sslrootcert");
          };
    }
    return result;
  }

  private static Failure unusable(String name, String why) {
    return Failure.of(ExitCode.USAGE, name + " cannot be used: " + why)
        .next("give it as " + FORM + "[?sslmode=verify-full&sslrootcert=FILE]");
  }
}

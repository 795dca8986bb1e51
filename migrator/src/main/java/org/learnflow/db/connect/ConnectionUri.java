package org.learnflow.db.connect;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;

/**
 * A libpq connection URI, read. Source: PostgreSQL documentation, "Connection URIs".
 *
 * @param address everything except the password
 * @param password the password inside the URI, if there is one
 */
public record ConnectionUri(DatabaseAddress address, Optional<Password> password) {
  private static final String FORM = "postgresql://USER@HOST:PORT/DATABASE";

  private static final Set<String> CHANNEL_BINDING = Set.of("disable", "prefer", "require");

  private static final Pattern URI =
      Pattern.compile(
          "postgres(?:ql)?://(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?"
              + "(?<host>\\[[^\\]]*\\]|[^\\[:/?@]*)(?::(?<port>[^/?]*))?"
              + "(?:/(?<database>[^?]*))?(?:\\?(?<parameters>.*))?");

  /**
   * Reads {@code uri}.
   *
   * @param name how the user gave it ({@code --database}, {@code DATABASE_URL}), for the message
   * @throws Failure with exit code 2 if it is invalid; the message never repeats the URI
   */
  public static ConnectionUri parse(String uri, String name) {
    Matcher matcher = URI.matcher(uri);
    if (!matcher.matches()) {
      throw unusable(name, "it is not of the form " + FORM);
    }
    try {
      Map<String, String> parameters =
          parameters(Optional.ofNullable(matcher.group("parameters")).orElse(""), name);
      String user = part(matcher, "user", parameters.get("user"));
      String database = part(matcher, "database", parameters.get("dbname"));
      if (user.isEmpty() || database.isEmpty()) {
        throw unusable(name, "it does not specify a " + (user.isEmpty() ? "user" : "database"));
      }
      DatabaseAddress address =
          new DatabaseAddress(
              host(Optional.ofNullable(parameters.get("host")).orElse(matcher.group("host")), name),
              port(part(matcher, "port", parameters.get("port")), name),
              database,
              user,
              Optional.ofNullable(parameters.get("sslmode"))
                  .map(mode ->
                      SslMode.parse(mode)
                          .orElseThrow(() ->
                              unusable(name, "its sslmode is not a valid libpq" + " sslmode")))
                  .orElse(SslMode.DEFAULT),
              Optional.ofNullable(parameters.get("sslrootcert")).map(Path::of),
              Optional.ofNullable(parameters.get("channel_binding")));
      if (address.channelBinding().filter(mode -> !CHANNEL_BINDING.contains(mode)).isPresent()) {
        throw unusable(name, "its channel_binding is not a valid libpq channel_binding");
      }
      Optional<Password> password =
          Optional.ofNullable(matcher.group("password"))
              .filter(text -> !text.isEmpty())
              .map(PercentEncoding::decode)
              .map(Password::new);
      return new ConnectionUri(address, password);
    } catch (IllegalArgumentException e) {
      throw unusable(name, String.valueOf(e.getMessage()));
    }
  }

  private static String part(Matcher uri, String group, @Nullable String parameter) {
    return Optional.ofNullable(parameter)
        .orElseGet(() -> PercentEncoding.decode(Optional.ofNullable(uri.group(group)).orElse("")));
  }

  private static String host(String text, String name) {
    String host =
        text.startsWith("[") ? text.substring(1, text.length() - 1) : PercentEncoding.decode(text);
    if (host.contains(",")) {
      throw unusable(
          name,
          "it specifies several hosts: specify only the primary, or a name that resolves to"
              + " it");
    }
    if (host.isEmpty()) {
      throw unusable(name, "it does not specify a host");
    }
    if (host.startsWith("/")) {
      throw unusable(name, "Unix sockets are not supported: specify a host");
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
      // reported below
    }
    throw unusable(
        name, "its port is not one number from 1 to 65535; several hosts are not supported");
  }

  /** As in libpq, a parameter replaces a part of the URI. */
  private static Map<String, String> parameters(String text, String name) {
    Map<String, String> parameters = new HashMap<>();
    for (String parameter : Pattern.compile("&").splitAsStream(text).toList()) {
      if (parameter.isEmpty()) {
        continue;
      }
      int equals = parameter.indexOf('=');
      String key = equals < 0 ? parameter : parameter.substring(0, equals);
      String value = equals < 0 ? "" : PercentEncoding.decode(parameter.substring(equals + 1));
      if (key.equals("password")) {
        throw unusable(name, "its password belongs between user and host");
      }
      // Not named if libpq does not know it: it may be the end of a password that was not encoded.
      LibpqParameter parsed =
          LibpqParameter.of(key, value)
              .orElseThrow(() -> unusable(name, "it has a parameter that libpq does not know"));
      if (parsed instanceof LibpqParameter.Refused(String why)) {
        throw unusable(name, "its parameter %s is not supported: %s".formatted(key, why));
      }
      if (parsed instanceof LibpqParameter.Used) {
        parameters.put(key, value);
      }
    }
    return parameters;
  }

  private static Failure unusable(String name, String why) {
    return Failure.of(ExitCode.USAGE, name + " cannot be used: " + why)
        .next("use the form " + FORM + "[?sslmode=verify-full&sslrootcert=FILE]");
  }
}

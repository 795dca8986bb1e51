package org.learnflow.db.publish;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.WholeFile;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.PercentEncoding;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceHosts;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.connect.Target;

/**
 * The connection that services get, in every published form.
 *
 * @param address the database itself, as the service's role
 * @param password of that role
 * @param service whose connection it is; empty for that of all services
 * @param hosts where the service finds it besides
 */
public record PublishedConnection(
    DatabaseAddress address, Password password, Optional<Service> service, ServiceHosts hosts) {
  /**
   * Linux starts no program with a variable of more than 128 KiB, and the bundle of a cloud's
   * authorities is longer.
   */
  private static final int LONGEST_VARIABLE = 32 << 10;

  /** The connection of all services. */
  public PublishedConnection(DatabaseAddress address, Password password) {
    this(address, password, Optional.empty(), ServiceHosts.NONE);
  }

  /**
   * All that are published: that of all services, unless each has its own, and those of services.
   *
   * @throws Failure 2 if a password is unknown
   */
  public static List<PublishedConnection> all(Target target) {
    return target.names().current().stream().map(role -> of(target, role)).toList();
  }

  /**
   * The connection of one service.
   *
   * @param service its name; empty for that of all services or, if each has its own, the first
   * @throws Failure 2 if the password is unknown, or there is no such service
   */
  public static PublishedConnection of(Target target, Optional<String> service) {
    return target.names().current().stream()
        .filter(role -> service.isEmpty() || role.service().map(Service::name).equals(service))
        .findFirst()
        .map(role -> of(target, role))
        .orElseThrow(() -> {
          List<String> names =
              target.names().current().stream()
                  .flatMap(role -> role.service().map(Service::name).stream())
                  .toList();
          return Failure.of(
                  ExitCode.USAGE, "there is no service %s".formatted(service.orElseThrow()))
              .state("nothing was changed")
              .next(
                  names.isEmpty()
                      ? "leave --service out: all services share one role"
                      : "name one of " + String.join(", ", names));
        });
  }

  private static PublishedConnection of(Target target, ServiceRole role) {
    return new PublishedConnection(
        target.owner().as(role.role()),
        target
            .servicePassword(role.role())
            .orElseThrow(() ->
                Failure.of(
                        ExitCode.USAGE,
                        role.service()
                            .map(service ->
                                "the password of service %s is unknown".formatted(service.name()))
                            .orElse("the service role's password is unknown"))
                    .state("the database was not changed by this step")
                    .next(
                        "specify it with "
                            + (role.hasAllRights()
                                ? "--app-password-file"
                                : "--service-passwords"))),
        role.service(),
        target.serviceHosts());
  }

  /** Environment keys that are secret, for a Secret. */
  public SequencedMap<String, String> secretEnvironment() {
    SequencedMap<String, String> keys = new LinkedHashMap<>();
    keys.put("DATABASE_URL", uri());
    hosts.replicas().ifPresent(host -> keys.put("DATABASE_READ_URL", readUri(host)));
    keys.put("PGUSER", address.user());
    keys.put("PGPASSWORD", password.value());
    return keys;
  }

  /**
   * Environment keys that are not secret, for a ConfigMap.
   *
   * @param schemaVersion newest applied migration
   */
  public SequencedMap<String, String> openEnvironment(String schemaVersion) {
    SequencedMap<String, String> keys = new LinkedHashMap<>();
    keys.put("PGHOST", published().host());
    hosts.replicas().ifPresent(host -> keys.put("PGHOST_READ", host));
    keys.put("PGPORT", String.valueOf(published().port()));
    keys.put("PGDATABASE", address.database());
    keys.put("PGSSLMODE", address.sslMode().text());
    keys.put("SCHEMA_VERSION", schemaVersion);
    service.ifPresent(owner -> {
      keys.put("PGAPPNAME", owner.name());
      owner.poolSize().ifPresent(size -> keys.put("POOL_SIZE", String.valueOf(size)));
    });
    return keys;
  }

  /**
   * The certificate as text, for services that cannot mount a file; empty if there is none, or it
   * is too long for that.
   */
  public SequencedMap<String, String> certificateEnvironment() {
    SequencedMap<String, String> keys = new LinkedHashMap<>();
    certificate()
        .filter(pem -> pem.length() <= LONGEST_VARIABLE)
        .ifPresent(pem -> keys.put("DATABASE_CA_CERT", pem));
    return keys;
  }

  /**
   * The keys of a service binding, and the same as CloudNativePG names them. Source: Service
   * Binding Specification for Kubernetes 1.0, "Well-known Secret Entries"; CloudNativePG,
   * "Connecting from an application".
   */
  public SequencedMap<String, String> binding() {
    SequencedMap<String, String> keys = new LinkedHashMap<>();
    keys.put("type", "postgresql");
    keys.put("provider", "learnflow-db");
    keys.put("host", published().host());
    keys.put("port", String.valueOf(published().port()));
    keys.put("database", address.database());
    keys.put("username", address.user());
    keys.put("password", password.value());
    keys.put("uri", uri());
    keys.put("sslmode", address.sslMode().text());
    certificate().ifPresent(pem -> keys.put("ca.crt", pem));
    keys.put("user", address.user());
    keys.put("dbname", address.database());
    keys.put("pgpass", pgpass());
    keys.put("jdbc-uri", jdbcUri());
    keys.put("fqdn-uri", uri());
    keys.put("fqdn-jdbc-uri", jdbcUri());
    hosts
        .replicas()
        .ifPresent(host -> {
          keys.put("read-host", host);
          keys.put("read-uri", readUri(host));
          keys.put("read-jdbc-uri", readJdbcUri(host));
        });
    return keys;
  }

  /** {@link #binding()} with every occurrence of the password masked. */
  public SequencedMap<String, String> maskedBinding() {
    SequencedMap<String, String> keys = binding();
    for (Map.Entry<String, String> entry : keys.entrySet()) {
      if (entry.getKey().equals("password")) {
        entry.setValue(Password.MASK);
      }
    }
    PublishedConnection masked = masked();
    for (String key : List.of("uri", "fqdn-uri")) {
      keys.put(key, maskedUri());
    }
    for (String key : List.of("jdbc-uri", "fqdn-jdbc-uri")) {
      keys.put(key, shown(masked.jdbcUri()));
    }
    keys.put("pgpass", masked.pgpass());
    hosts
        .replicas()
        .ifPresent(host -> {
          keys.put("read-uri", shown(masked.readUri(host)));
          keys.put("read-jdbc-uri", shown(masked.readJdbcUri(host)));
        });
    return keys;
  }

  /** The URI with the password masked. */
  public String maskedUri() {
    return shown(masked().uri());
  }

  private PublishedConnection masked() {
    return new PublishedConnection(address, new Password(Password.MASK), service, hosts);
  }

  private static String shown(String maskedUri) {
    return maskedUri.replace("%2A", "*");
  }

  /** Where the service connects: the database itself, or a pooler in front of it. */
  public DatabaseAddress published() {
    return hosts.published(address);
  }

  /** libpq's URI, percent-encoded. */
  public String uri() {
    return uri(published().hostAndPort(), Optional.empty());
  }

  /** The same for a session that only reads: on a replica or, where none answers, the primary. */
  private String readUri(String host) {
    return uri(replicasFirst(host), Optional.of("target_session_attrs=prefer-standby"));
  }

  private String uri(String hosts, Optional<String> target) {
    return "postgresql://%s:%s@%s/%s%s"
        .formatted(
            PercentEncoding.encode(address.user()),
            PercentEncoding.encode(password.value()),
            hosts,
            PercentEncoding.encode(address.database()),
            parameters("?", "application_name", target));
  }

  private String replicasFirst(String host) {
    return address.at(host).hostAndPort() + "," + address.hostAndPort();
  }

  private String jdbcUri() {
    // Behind a pooler the next transaction may be another session's, which has not prepared it.
    return jdbcUri(published().hostAndPort(), hosts.pooler().map(_ -> "prepareThreshold=0"));
  }

  private String readJdbcUri(String host) {
    return jdbcUri(replicasFirst(host), Optional.of("targetServerType=preferSecondary"));
  }

  private String jdbcUri(String hosts, Optional<String> target) {
    return "jdbc:postgresql://%s/%s?password=%s&user=%s%s"
        .formatted(
            hosts,
            PercentEncoding.encode(address.database()),
            PercentEncoding.encode(password.value()),
            PercentEncoding.encode(address.user()),
            parameters("&", "ApplicationName", target));
  }

  /**
   * What a URI ends with: the TLS mode only if it differs from what clients do by default.
   *
   * @param before what stands before the first of them
   * @param applicationName as the driver calls it
   * @param more what else the driver must know, such as which of several hosts it takes
   */
  private String parameters(String before, String applicationName, Optional<String> more) {
    List<String> parameters = new ArrayList<>();
    if (address.sslMode() != SslMode.DEFAULT) {
      parameters.add("sslmode=" + address.sslMode().text());
    }
    more.ifPresent(parameters::add);
    service.ifPresent(owner -> parameters.add(applicationName + "=" + owner.name()));
    return parameters.isEmpty() ? "" : before + String.join("&", parameters);
  }

  /** A line of a .pgpass file; colons and backslashes are escaped. */
  private String pgpass() {
    return String.join(
            ":",
            escaped(published().host()),
            String.valueOf(published().port()),
            escaped(address.database()),
            escaped(address.user()),
            escaped(password.value()))
        + "\n";
  }

  private static String escaped(String field) {
    return field.replace("\\", "\\\\").replace(":", "\\:");
  }

  /** What clients trust, PEM. */
  Optional<String> certificate() {
    return address
        .rootCertificate()
        .map((Path file) -> {
          try {
            return WholeFile.CERTIFICATES.text(file);
          } catch (IOException e) {
            throw new UncheckedIOException("reading certificate " + file, e);
          }
        });
  }
}

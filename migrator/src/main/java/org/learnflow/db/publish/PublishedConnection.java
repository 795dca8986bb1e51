package org.learnflow.db.publish;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
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
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.connect.Target;

/**
 * The connection that services get, in every published form.
 *
 * @param address the database, as the service role
 * @param password of the service role
 */
public record PublishedConnection(DatabaseAddress address, Password password) {
  /**
   * Linux starts no program with a variable of more than 128 KiB, and the bundle of a cloud's
   * authorities is longer.
   */
  private static final int LONGEST_VARIABLE = 32 << 10;

  /**
   * The connection of the service role.
   *
   * @throws Failure 2 if the password is unknown
   */
  public static PublishedConnection of(Target target) {
    Password password =
        target
            .servicePassword()
            .orElseThrow(() ->
                Failure.of(ExitCode.USAGE, "the service role's password is unknown")
                    .state("the database was not changed by this step")
                    .next("specify it with --app-password-file"));
    return new PublishedConnection(target.service(), password);
  }

  /** Environment keys that are secret, for a Secret. */
  public SequencedMap<String, String> secretEnvironment() {
    SequencedMap<String, String> keys = new LinkedHashMap<>();
    keys.put("DATABASE_URL", uri());
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
    keys.put("PGHOST", address.host());
    keys.put("PGPORT", String.valueOf(address.port()));
    keys.put("PGDATABASE", address.database());
    keys.put("PGSSLMODE", address.sslMode().text());
    keys.put("SCHEMA_VERSION", schemaVersion);
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
    keys.put("host", address.host());
    keys.put("port", String.valueOf(address.port()));
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
    return keys;
  }

  /** The URI with the password masked. */
  public String maskedUri() {
    return shown(masked().uri());
  }

  private PublishedConnection masked() {
    return new PublishedConnection(address, new Password(Password.MASK));
  }

  private static String shown(String maskedUri) {
    return maskedUri.replace("%2A", "*");
  }

  /** libpq's URI, percent-encoded. */
  public String uri() {
    return "postgresql://%s:%s@%s/%s%s"
        .formatted(
            PercentEncoding.encode(address.user()),
            PercentEncoding.encode(password.value()),
            address.hostAndPort(),
            PercentEncoding.encode(address.database()),
            sslParameter().map(parameter -> "?" + parameter).orElse(""));
  }

  private String jdbcUri() {
    return "jdbc:postgresql://%s/%s?password=%s&user=%s%s"
        .formatted(
            address.hostAndPort(),
            PercentEncoding.encode(address.database()),
            PercentEncoding.encode(password.value()),
            PercentEncoding.encode(address.user()),
            sslParameter().map(parameter -> "&" + parameter).orElse(""));
  }

  /** Only if it differs from what clients do by default. */
  private Optional<String> sslParameter() {
    return address.sslMode() == SslMode.DEFAULT
        ? Optional.empty()
        : Optional.of("sslmode=" + address.sslMode().text());
  }

  /** A line of a .pgpass file; colons and backslashes are escaped. */
  private String pgpass() {
    return String.join(
            ":",
            escaped(address.host()),
            String.valueOf(address.port()),
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

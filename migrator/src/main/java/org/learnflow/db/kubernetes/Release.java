package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SslMode;

/**
 * What the chart wrote about itself into ConfigMap {@code R-release}.
 *
 * @param name R
 * @param chart name and version
 * @param migratorImage of its Jobs
 * @param seedSets that its Jobs load
 * @param owner the database as the owner role, as pods reach it; without a root certificate
 * @param service in front of the database; none for an external one
 * @param statefulSet that runs the database; none for an external one
 * @param appUser role of the services
 * @param adminUser role that may make roles, if there is one
 * @param credentialsSecret with the passwords
 * @param certificate of the authority, if the server has one
 * @param publishNamespaces its own first
 */
public record Release(
    String name,
    String namespace,
    String chart,
    String migratorImage,
    List<String> seedSets,
    DatabaseAddress owner,
    Optional<String> service,
    Optional<String> statefulSet,
    String appUser,
    Optional<String> adminUser,
    SecretKeys credentialsSecret,
    Optional<CertificateKey> certificate,
    List<String> publishNamespaces) {

  /**
   * Where the certificate is that clients trust.
   *
   * @param secret its name
   */
  public record CertificateKey(String secret, String key) {}

  /**
   * Where the roles' passwords are.
   *
   * @param name of the Secret
   * @param owner its key for the owner
   * @param admin its key for the admin
   * @param appName Secret with the services' password, usually the same
   * @param app its key
   */
  public record SecretKeys(String name, String owner, String admin, String appName, String app) {}

  /**
   * The passwords of the roles.
   *
   * @param admin empty where there is no admin
   */
  public record Passwords(Password owner, Password app, Optional<Password> admin) {}

  /**
   * Reads a release.
   *
   * @throws Failure 3 where it is not there
   */
  public static Release read(KubernetesApi api, String namespace, String name) {
    String map = name + "-release";
    JsonNode data =
        api.get(Kind.CONFIG_MAP, namespace, map)
            .orElseThrow(() ->
                Failure.of(
                        ExitCode.NOT_DEPLOYED,
                        "release %s is not deployed in namespace %s".formatted(name, namespace))
                    .where("ConfigMap " + map + " does not exist")
                    .state("nothing was changed")
                    .next(
                        "deploy it: helm upgrade --install %s charts/learnflow-db -n %s"
                            .formatted(name, namespace)))
            .path("data");
    Fields fields = new Fields(map, namespace, data);
    return new Release(
        name,
        namespace,
        fields.text("chart"),
        fields.text("migrator-image"),
        fields.list("seed-sets"),
        new DatabaseAddress(
            fields.required("host"),
            fields.port(),
            fields.required("database"),
            fields.required("owner-user"),
            SslMode.parse(fields.text("sslmode")).orElse(SslMode.DEFAULT),
            Optional.empty()),
        fields.optional("service"),
        fields.optional("stateful-set"),
        fields.required("app-user"),
        fields.optional("admin-user"),
        new SecretKeys(
            fields.required("credentials-secret"),
            fields.required("owner-password-key"),
            fields.text("admin-password-key"),
            fields
                .optional("app-credentials-secret")
                .orElseGet(() -> fields.required("credentials-secret")),
            fields.required("app-password-key")),
        fields
            .optional("ca-secret")
            .map(secret -> new CertificateKey(secret, fields.required("ca-key"))),
        fields.list("publish-namespaces"));
  }

  /** The data of the ConfigMap. */
  private record Fields(String map, String namespace, JsonNode data) {
    String text(String key) {
      return data.path(key).asText().strip();
    }

    Optional<String> optional(String key) {
      return Optional.of(text(key)).filter(text -> !text.isEmpty());
    }

    String required(String key) {
      return optional(key).orElseThrow(() -> unusable("has no " + key));
    }

    List<String> list(String key) {
      return Arrays.stream(text(key).split(",", -1))
          .map(String::strip)
          .filter(text -> !text.isEmpty())
          .toList();
    }

    int port() {
      try {
        return Integer.parseInt(required("port"));
      } catch (NumberFormatException e) {
        throw unusable("has a port that is not a number");
      }
    }

    private Failure unusable(String why) {
      return Failure.of(ExitCode.FAILED, "ConfigMap %s %s".formatted(map, why))
          .where("namespace " + namespace)
          .state("nothing was changed")
          .next("upgrade the release: helm upgrade");
    }
  }

  /**
   * Reads the passwords from the Secrets.
   *
   * @throws Failure 1 where one is not there or lacks a key
   */
  public Passwords passwords(KubernetesApi api) {
    SecretKeys keys = credentialsSecret;
    Map<String, String> values = secret(api, keys.name());
    Map<String, String> appValues =
        keys.appName().equals(keys.name()) ? values : secret(api, keys.appName());
    return new Passwords(
        password(keys.name(), values, keys.owner()),
        password(keys.appName(), appValues, keys.app()),
        adminUser.map(_ -> password(keys.name(), values, keys.admin())));
  }

  private Map<String, String> secret(KubernetesApi api, String secret) {
    return api.get(Kind.SECRET, namespace, secret)
        .map(SecretData::decode)
        .orElseThrow(() -> unusable("Secret " + secret + " with the passwords does not exist"));
  }

  private Password password(String secret, Map<String, String> values, String key) {
    return Optional.ofNullable(values.get(key))
        .map(text -> text.replaceFirst("\\r?\\n\\z", ""))
        .filter(text -> !text.isEmpty())
        .map(Password::new)
        .orElseThrow(() -> unusable("Secret %s lacks %s".formatted(secret, key)));
  }

  private Failure unusable(String why) {
    return Failure.of(ExitCode.FAILED, why)
        .where("namespace " + namespace)
        .state("nothing was changed")
        .next(
            ownsCredentials()
                ? """
                restore it from a backup; or create new passwords and set them in the database: \
                learnflow-db credentials repair --release %s --namespace %s\
                """
                    .formatted(name, namespace)
                : "restore it: kubectl -n %s describe secret %s"
                    .formatted(namespace, credentialsSecret.name()));
  }

  /** Whether the Secret with the passwords is the release's own, made by a hook. */
  public boolean ownsCredentials() {
    return credentialsSecret.name().equals(CredentialsSecret.ofRelease(name));
  }

  /** The services' password, where it was published. */
  public Optional<Password> publishedPassword(KubernetesApi api) {
    return api.get(Kind.SECRET, namespace, name)
        .map(SecretData::decode)
        .filter(values -> appUser.equals(values.get("username")))
        .flatMap(values -> Optional.ofNullable(values.get("password")))
        .filter(text -> !text.isEmpty())
        .map(Password::new);
  }

  /** The certificate that clients trust, PEM: as it was published, or where that is taken from. */
  public Optional<String> certificate(KubernetesApi api) {
    return value(api, name, "ca.crt")
        .or(() -> certificate.flatMap(from -> value(api, from.secret(), from.key())));
  }

  private Optional<String> value(KubernetesApi api, String secret, String key) {
    return api.get(Kind.SECRET, namespace, secret)
        .map(SecretData::decode)
        .flatMap(values -> Optional.ofNullable(values.get(key)));
  }
}

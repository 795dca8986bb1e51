package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Function;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.Service;
import org.learnflow.db.connect.ServiceHosts;
import org.learnflow.db.connect.ServiceRole;
import org.learnflow.db.connect.ServiceRole.Right;
import org.learnflow.db.connect.ServicesDocument;
import org.learnflow.db.connect.SslMode;

/**
 * What the chart wrote about itself into ConfigMap {@code R-release}.
 *
 * @param name R
 * @param chart name and version
 * @param migratorImage of its Jobs
 * @param seedSets that its Jobs load
 * @param owner the database as the owner role, as pods reach it; without a root certificate
 * @param serviceHosts where services find the database besides
 * @param service in front of the database; none for an external one
 * @param server that runs the database; none for an external one
 * @param appUser role of all services; {@link ServiceRole#NONE} if each has its own
 * @param services that have roles of their own
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
    ServiceHosts serviceHosts,
    Optional<String> service,
    Optional<ServerObject> server,
    String appUser,
    List<Service> services,
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
   * @param adminName Secret with the admin's password, usually the same
   * @param admin its key
   * @param appName Secret with the services' password, usually the same
   * @param app its key
   */
  public record SecretKeys(
      String name, String owner, String adminName, String admin, String appName, String app) {
    /** Whether the admin's password is in another Secret, which somebody else manages. */
    public boolean isAdminForeign() {
      return !adminName.equals(name);
    }
  }

  /**
   * What the Secrets contain.
   *
   * @param admin empty where there is no admin
   * @param services of current roles, by role
   * @param roles that services log in as
   */
  public record Passwords(
      Password owner,
      Optional<Password> admin,
      Map<String, Password> services,
      List<ServiceRole> roles) {}

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
            fields.port("port"),
            fields.required("database"),
            fields.required("owner-user"),
            SslMode.parse(fields.text("sslmode")).orElse(SslMode.DEFAULT),
            Optional.empty()),
        new ServiceHosts(
            fields.optional("read-host"),
            fields
                .optional("pooler-host")
                .map(host -> new ServiceHosts.PoolerAddress(host, fields.port("pooler-port")))),
        fields.optional("service"),
        fields
            .optional("stateful-set")
            .map(ServerObject::statefulSet)
            .or(() -> fields.optional("cnpg-cluster").map(ServerObject::cluster)),
        fields.required("app-user"),
        fields
            .optional("services")
            .map(json -> ServicesDocument.read(json, "ConfigMap " + map))
            .orElse(List.of()),
        fields.optional("admin-user"),
        new SecretKeys(
            fields.required("credentials-secret"),
            fields.required("owner-password-key"),
            fields
                .optional("admin-credentials-secret")
                .orElseGet(() -> fields.required("credentials-secret")),
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

    int port(String key) {
      try {
        return Integer.parseInt(required(key));
      } catch (NumberFormatException e) {
        throw unusable("has a %s that is not a number".formatted(key));
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
   * @param rights what a service may do
   * @throws Failure 1 where one is not there or lacks a key
   */
  public Passwords passwords(KubernetesApi api, Function<Service, List<Right>> rights) {
    SecretKeys keys = credentialsSecret;
    Map<String, String> values = secret(api, keys.name());
    return passwords(
        values,
        adminUser.isPresent() && keys.isAdminForeign() ? secret(api, keys.adminName()) : values,
        keys.appName().equals(keys.name()) ? values : secret(api, keys.appName()),
        rights);
  }

  /**
   * The same from what has been read.
   *
   * @param values of the Secret with the passwords
   * @param adminValues of that with the admin's
   * @param appValues of that with the services' passwords
   * @throws Failure 1 where a key is missing
   */
  public Passwords passwords(
      Map<String, String> values,
      Map<String, String> adminValues,
      Map<String, String> appValues,
      Function<Service, List<Right>> rights) {
    SecretKeys keys = credentialsSecret;
    List<ServiceRole> roles = ServiceRole.all(appUser, services, rights, appValues);
    Map<String, Password> passwords = new HashMap<>();
    for (ServiceRole role : roles) {
      if (role.current()) {
        String key = role.service().map(Service::passwordKey).orElse(keys.app());
        passwords.put(role.role(), password(keys.appName(), appValues, key));
      }
    }
    return new Passwords(
        password(keys.name(), values, keys.owner()),
        adminUser.map(_ -> password(keys.adminName(), adminValues, keys.admin())),
        passwords,
        roles);
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

  /** The StatefulSet that runs the database, if one does. */
  public Optional<String> statefulSet() {
    return server.filter(ServerObject::isStatefulSet).map(ServerObject::name);
  }

  /**
   * Its database in a pod, if it is in one.
   *
   * @param forwarded whether this process reaches it through the API server only
   */
  public Optional<PodHosting> hosting(KubernetesApi api, boolean forwarded) {
    return server.map(object -> object.hosting(api, namespace, name, service, forwarded));
  }

  /** Whether the Secret with the passwords is the release's own, made by a hook. */
  public boolean ownsCredentials() {
    return credentialsSecret.name().equals(CredentialsSecret.ofRelease(name));
  }

  /** The services' passwords as they were published, by the key that they have in the Secret. */
  public Map<String, Password> publishedPasswords(KubernetesApi api) {
    Map<String, Password> found = new HashMap<>();
    published(api, namespace, name, List.of(appUser))
        .ifPresent(password -> found.put(credentialsSecret.app(), password));
    for (Service service : services) {
      published(api, service.namespace(), service.secret(), service.roles().subList(0, 1))
          .ifPresent(password -> found.put(service.passwordKey(), password));
    }
    return found;
  }

  private static Optional<Password> published(
      KubernetesApi api, String namespace, String secret, List<String> users) {
    return api.get(Kind.SECRET, namespace, secret)
        .map(SecretData::decode)
        .filter(values -> users.contains(values.getOrDefault("username", "")))
        .flatMap(values -> Optional.ofNullable(values.get("password")))
        .filter(text -> !text.isEmpty())
        .map(Password::new);
  }

  /** Whether anything is published. */
  public boolean publishes() {
    return !publishNamespaces.isEmpty();
  }

  /** All namespaces in which something is published. */
  public List<String> namespaces() {
    TreeSet<String> all = new TreeSet<>(publishNamespaces);
    if (publishes()) {
      services.stream().map(Service::namespace).forEach(all::add);
    }
    return List.copyOf(all);
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

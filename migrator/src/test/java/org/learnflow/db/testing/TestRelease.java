package org.learnflow.db.testing;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What the chart leaves of a release with a database of its own: that of a test, whose server
 * stands for the pod. It has a superuser of its own, since that of the server is everybody's.
 *
 * @param admin name of the superuser
 */
public record TestRelease(ApiServer cluster, TestDatabase database, String admin) {
  private static final String NAME = "learnflow-db";

  /** Makes the superuser and the release's objects; no role, no database. */
  public static TestRelease on(ApiServer cluster, TestDatabase database) throws SQLException {
    String admin = database.owner().replace("owner", "admin");
    String password = database.password(admin).value();
    try (Connection connection = database.connect(PostgresServer.ADMIN, "postgres");
        var statement = connection.createStatement()) {
      statement.execute(
          "CREATE ROLE %s SUPERUSER LOGIN PASSWORD '%s'"
              .formatted(admin, password.replace("'", "''")));
    }
    TestRelease release = new TestRelease(cluster, database, admin);
    release.deploy();
    return release;
  }

  /**
   * Gives services roles of their own, as the chart does.
   *
   * @param services as the chart describes them, a JSON array
   * @param names of the services
   */
  public void services(String services, List<String> names) {
    cluster
        .client()
        .configMaps()
        .inNamespace(cluster.namespace())
        .withName(NAME + "-release")
        .edit(map -> new ConfigMapBuilder(map).addToData("services", services).build());
    for (String name : names) {
      if (!credentials().containsKey("service-%s-password".formatted(name))) {
        put("service-%s-password".formatted(name), "FirstOf" + name + "0123456789");
      }
    }
  }

  /**
   * The migrate Job of now, with what the Secret contains in its files.
   *
   * @param directory for the files
   * @param services as {@link #services}
   */
  public Cli job(Path directory, String services) {
    credentials().forEach((key, value) -> TestFiles.write(directory.resolve(key), value));
    return job()
        .with("LEARNFLOW_DB_PASSWORD_FILE", directory.resolve("password").toString())
        .with("LEARNFLOW_DB_APP_PASSWORD_FILE", directory.resolve("app-password").toString())
        .with("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", directory.resolve("postgres-password").toString())
        .with("LEARNFLOW_DB_SERVICES", services)
        .with("LEARNFLOW_DB_SERVICE_PASSWORDS", directory.toString())
        .with("LEARNFLOW_DB_SERVICE_RIGHTS", rights());
  }

  private static String rights() {
    return TestFiles.migrations().resolve("services.csv").toString();
  }

  private void deploy() {
    writeRecord(cluster, database, admin, "postgres", "reference");
    writeCredentials(
        cluster,
        database.password(admin).value(),
        database.password(database.owner()).value(),
        database.password(database.service()).value());
    writeReadyPod(cluster);
  }

  /**
   * What the chart writes about a release.
   *
   * @param statefulSet empty for an external database
   * @param seedSets such as {@code reference,sample}
   */
  public static void writeRecord(
      ApiServer cluster, TestDatabase database, String admin, String statefulSet, String seedSets) {
    cluster.apply(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: learnflow-db-release}
        data:
          chart: learnflow-db-1.2.3
          migrator-image: ghcr.io/learnflow/learnflow-db:1.2.3
          newest-migration: "009"
          seed-sets: %s
          host: %s
          port: "%d"
          database: %s
          sslmode: prefer
          service: "%s"
          stateful-set: "%s"
          owner-user: %s
          app-user: %s
          admin-user: %s
          credentials-secret: learnflow-db-credentials
          owner-password-key: password
          app-password-key: app-password
          admin-password-key: postgres-password
          publish-namespaces: %s
        """
            .formatted(
                seedSets,
                database.server().host(),
                database.server().port(),
                database.name(),
                statefulSet,
                statefulSet,
                database.owner(),
                database.service(),
                admin,
                cluster.namespace()));
  }

  /** The Secret with the passwords of admin, owner and services. */
  public static void writeCredentials(
      ApiServer cluster, String admin, String owner, String services) {
    cluster
        .client()
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName(NAME + "-credentials")
                .withNamespace(cluster.namespace())
                .endMetadata()
                .addToStringData("postgres-password", admin)
                .addToStringData("password", owner)
                .addToStringData("app-password", services)
                .build())
        .create();
  }

  /** StatefulSet and pod of a server that is ready. */
  public static void writeReadyPod(ApiServer cluster) {
    cluster.apply(
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: postgres}
        spec:
          selector: {matchLabels: {app: postgres}}
          template:
            metadata: {labels: {app: postgres}}
            spec: {containers: [{name: postgresql, image: "postgres:17"}]}
        status: {replicas: 1, observedGeneration: 1, updateRevision: r}
        """);
    cluster.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: postgres-0, labels: {app: postgres, controller-revision-hash: r}}
        spec: {containers: [{name: postgresql, image: "postgres:17"}]}
        status:
          phase: Running
          conditions: [{type: Ready, status: "True"}]
          containerStatuses: [{name: postgresql, image: i, imageID: i, ready: true, restartCount: 2}]
        """);
  }

  /** The program in a pod, as far as it can tell, so that it reaches the server directly. */
  public Cli cli() {
    Map<String, String> environment = new HashMap<>();
    environment.put("KUBECONFIG", ApiServer.kubeconfig());
    environment.put("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    environment.put("LEARNFLOW_DB_RELEASE", NAME);
    environment.put("LEARNFLOW_DB_NAMESPACE", cluster.namespace());
    environment.put("LEARNFLOW_DB_MIGRATIONS", TestFiles.migrations().toString());
    environment.put("LEARNFLOW_DB_SEEDS_DIR", TestFiles.seeds().toString());
    environment.put("LEARNFLOW_DB_SERVICE_RIGHTS", rights());
    environment.put("LEARNFLOW_DB_TIMEOUT", "20s");
    return new Cli(environment);
  }

  /** The migrate Job, with the passwords that the release had at first in its files. */
  public Cli job() {
    Map<String, String> environment = new HashMap<>(cli().environment());
    environment.putAll(database.cli().environment());
    environment.put("LEARNFLOW_DB_ADMIN_USER", admin);
    environment.put(
        "LEARNFLOW_DB_ADMIN_PASSWORD_FILE", database.passwords().file(admin).toString());
    environment.put("LEARNFLOW_DB_SEEDS", "reference");
    environment.put("LEARNFLOW_DB_STATEFUL_SET", "postgres");
    environment.put("LEARNFLOW_DB_PUBLISH_TO", "kubernetes");
    return new Cli(environment);
  }

  /** The Secret with the passwords, decoded. */
  public Map<String, String> credentials() {
    return values(NAME + "-credentials");
  }

  /** The values of a Secret in the release's namespace. */
  public Map<String, String> values(String secret) {
    return values(cluster.namespace(), secret);
  }

  /** The values of a Secret. */
  public Map<String, String> values(String namespace, String secret) {
    Secret found = cluster.client().secrets().inNamespace(namespace).withName(secret).get();
    Map<String, String> values = new TreeMap<>();
    found
        .getData()
        .forEach((key, value) ->
            values.put(key, new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8)));
    return values;
  }

  /** Puts a key into the Secret with the passwords. */
  public void put(String key, String value) {
    cluster
        .client()
        .secrets()
        .inNamespace(cluster.namespace())
        .withName(NAME + "-credentials")
        .edit(secret -> new SecretBuilder(secret).addToStringData(key, value).build());
  }

  /** The role whose password a key of the Secret is. */
  public String role(String key) {
    return switch (key) {
      case "app-password" -> database.service();
      case "password" -> database.owner();
      default -> admin;
    };
  }

  /** Whether the server lets a role in. */
  public boolean accepts(String role, String password) {
    try (Connection _ = open(role, password)) {
      return true;
    } catch (SQLException e) {
      if (!"28P01".equals(e.getSQLState())) {
        throw new IllegalStateException(e);
      }
      return false;
    }
  }

  /** Whether a role gets a session, whatever keeps it from one. */
  public boolean canLogIn(String role, String password) {
    try (Connection _ = open(role, password)) {
      return true;
    } catch (SQLException e) {
      return false;
    }
  }

  /** A session of a role. */
  public Connection open(String role, String password) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://%s:%d/%s"
            .formatted(database.server().host(), database.server().port(), database.name()),
        role,
        password);
  }
}

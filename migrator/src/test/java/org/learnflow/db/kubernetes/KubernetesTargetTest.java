package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.publish.PublishedConnection;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.TestFiles;

/** What is published in a cluster. */
class KubernetesTargetTest {
  private static final PublishedConnection CONNECTION =
      new PublishedConnection(
          new DatabaseAddress(
              "postgres.postgres.svc.cluster.local",
              5432,
              "learnflow",
              "learnflow_user",
              SslMode.DEFAULT,
              Optional.empty()),
          new Password("p@ss:w/rd"));

  @AutoClose private final ApiServer server = ApiServer.withNamespace();
  private final String namespace = server.namespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("publishing to Kubernetes is");
  }

  private KubernetesClient client() {
    return server.client();
  }

  private KubernetesTarget target(String... namespaces) {
    return new KubernetesTarget(server.api(), "learnflow-db", List.of(namespaces));
  }

  @Test
  void aServiceFindsBindingAndEnvironment() {
    String done = target(namespace).publish(List.of(CONNECTION), "009");

    assertThat(done).endsWith("3 written");
    Secret binding = secret("learnflow-db");
    assertThat(binding.getType()).isEqualTo("servicebinding.io/postgresql");
    assertThat(decoded(binding)).isEqualTo(CONNECTION.binding());
    assertThat(decoded(secret("learnflow-db-env"))).isEqualTo(CONNECTION.secretEnvironment());
    ConfigMap map = client().configMaps().inNamespace(namespace).withName("learnflow-db").get();
    assertThat(map.getData()).isEqualTo(CONNECTION.openEnvironment("009"));
    assertThat(map.getMetadata().getLabels()).doesNotContainKey("app.kubernetes.io/instance");
  }

  /** A longer one would keep each service that takes it from starting. */
  @Test
  void aCertificateIsInTheEnvironmentToo(@TempDir Path folder) {
    for (int lines : List.of(10, 1000)) {
      String pem = "0123456789012345678901234567890123456789\n".repeat(lines);
      DatabaseAddress plain = CONNECTION.address();
      DatabaseAddress address =
          new DatabaseAddress(
              plain.host(),
              plain.port(),
              plain.database(),
              plain.user(),
              SslMode.VERIFY_FULL,
              Optional.of(TestFiles.write(folder.resolve("ca.crt"), pem)));
      target(namespace)
          .publish(List.of(new PublishedConnection(address, CONNECTION.password())), "009");
      assertThat(decoded(secret("learnflow-db"))).containsEntry("ca.crt", pem);
      ConfigMap map = client().configMaps().inNamespace(namespace).withName("learnflow-db").get();
      assertThat(map.getData()).containsEntry("PGSSLMODE", "verify-full");
      assertThat(Optional.ofNullable(map.getData().get("DATABASE_CA_CERT")))
          .isEqualTo(lines == 10 ? Optional.of(pem) : Optional.empty());
    }
  }

  @Test
  void publishingTheSameAgainWritesNothing() {
    target(namespace).publish(List.of(CONNECTION), "009");
    String before = versions();

    String done = target(namespace).publish(List.of(CONNECTION), "009");

    assertThat(done).endsWith("unchanged");
    assertThat(versions()).isEqualTo(before);
  }

  @Test
  void aNewSchemaVersionChangesTheConfigMapOnly() {
    target(namespace).publish(List.of(CONNECTION), "009");
    assertThat(target(namespace).publish(List.of(CONNECTION), "010")).endsWith("1 written");
  }

  @Test
  void labelsOfOthersSurvive() {
    target(namespace).publish(List.of(CONNECTION), "009");
    client()
        .secrets()
        .inNamespace(namespace)
        .withName("learnflow-db")
        .edit(secret -> {
          secret.getMetadata().getLabels().put("team", "blue");
          return secret;
        });

    target(namespace).publish(List.of(CONNECTION), "009");

    assertThat(secret("learnflow-db").getMetadata().getLabels()).containsEntry("team", "blue");
  }

  @Test
  void whatIsPublishedBelongsToTheOwnerObject() {
    ConfigMap owner =
        client()
            .resource(
                new ConfigMapBuilder()
                    .withNewMetadata()
                    .withName("learnflow-db-owner")
                    .withNamespace(namespace)
                    .endMetadata()
                    .build())
            .create();

    target(namespace).publish(List.of(CONNECTION), "009");

    assertThat(secret("learnflow-db-env").getMetadata().getOwnerReferences())
        .singleElement()
        .satisfies(
            reference -> assertThat(reference.getUid()).isEqualTo(owner.getMetadata().getUid()));
  }

  /** Somebody else's object, in a namespace after one that could be written in. */
  private void refuses(String theirs, String why, String deletion) {
    try (ApiServer other = ApiServer.withNamespace()) {
      other.apply(theirs);
      KubernetesTarget target = target(namespace, other.namespace());

      Failure failure =
          catchThrowableOfType(Failure.class, () -> target.publish(List.of(CONNECTION), "009"));

      assertThat(failure.code()).isEqualTo(ExitCode.PUBLISHING_FAILED);
      assertThat(failure.text())
          .contains(
              " in namespace %s is somebody else's: %s".formatted(other.namespace(), why),
              "nothing was written in any namespace",
              "docs/how-to/rename.md",
              "kubectl -n %s delete %s; then run the same command again"
                  .formatted(other.namespace(), deletion))
          .doesNotContain("p@ss");
      for (ApiServer untouched : List.of(server, other)) {
        assertThat(names(untouched)).isEqualTo(untouched == other ? 1 : 0);
      }
      assertThat(target.compare(List.of(CONNECTION), "009"))
          .filteredOn(found -> found.namespace().equals(other.namespace()))
          .extracting(KubernetesTarget.Found::state)
          .containsOnlyOnce("foreign")
          .containsOnly("foreign", "missing");

      String[] kindAndName = deletion.split(" ", -1);
      if (kindAndName[0].equals("secret")) {
        other.client().secrets().inNamespace(other.namespace()).withName(kindAndName[1]).delete();
      } else {
        other
            .client()
            .configMaps()
            .inNamespace(other.namespace())
            .withName(kindAndName[1])
            .delete();
      }
      assertThat(target.publish(List.of(CONNECTION), "009")).endsWith("6 written");
    }
  }

  /** How many Secrets and ConfigMaps there are. */
  private static int names(ApiServer server) {
    return server.client().secrets().inNamespace(server.namespace()).list().getItems().size()
        + server.client().configMaps().inNamespace(server.namespace()).list().getItems().size();
  }

  @Test
  void aSecretOfAnotherTypeIsNotTakenOver() {
    refuses(
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: learnflow-db, labels: {app.kubernetes.io/managed-by: learnflow-db}}
        stringData: {password: theirs}
        """,
        "its type is Opaque, not servicebinding.io/postgresql",
        "secret learnflow-db");
  }

  @Test
  void aSecretThatAnOperatorControlsIsNotTakenOver() {
    refuses(
        """
        apiVersion: v1
        kind: Secret
        metadata:
          name: learnflow-db-env
          ownerReferences:
            - {apiVersion: external-secrets.io/v1, kind: ExternalSecret, name: vault, uid: "1", controller: true}
        stringData: {password: theirs}
        """,
        "ExternalSecret vault controls it",
        "secret learnflow-db-env");
  }

  @Test
  void aConfigMapOfAnotherHelmReleaseIsNotTakenOver() {
    refuses(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: learnflow-db, labels: {app.kubernetes.io/managed-by: Helm}}
        data: {a: theirs}
        """,
        "its label app.kubernetes.io/managed-by is Helm",
        "configmap learnflow-db");
  }

  @Test
  void anObjectOfOursWithAnEditedLabelIsStillOurs() {
    server.apply(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: learnflow-db-owner}
        """);
    target(namespace).publish(List.of(CONNECTION), "009");
    label("learnflow-db", "Helm");
    label("learnflow-db-env", null);
    assertThat(target(namespace).compare(List.of(CONNECTION), "009"))
        .allMatch(KubernetesTarget.Found::matches);

    assertThat(target(namespace).publish(List.of(CONNECTION), "009")).endsWith("2 written");

    for (String name : List.of("learnflow-db", "learnflow-db-env")) {
      assertThat(secret(name).getMetadata().getLabels())
          .containsEntry("app.kubernetes.io/managed-by", "learnflow-db");
    }
  }

  private void label(String secret, @Nullable String manager) {
    client()
        .secrets()
        .inNamespace(namespace)
        .withName(secret)
        .edit(edited -> {
          edited.getMetadata().getLabels().put("app.kubernetes.io/managed-by", manager);
          return edited;
        });
  }

  @Test
  void aMissingNamespaceIsNamed() {
    Failure failure =
        catchThrowableOfType(
            Failure.class, () -> target("no-such-namespace").publish(List.of(CONNECTION), "009"));

    assertThat(failure.code()).isEqualTo(ExitCode.PUBLISHING_FAILED);
    assertThat(failure.text()).contains("no-such-namespace").doesNotContain("p@ss");
  }

  private Secret secret(String name) {
    return client().secrets().inNamespace(namespace).withName(name).get();
  }

  static Map<String, String> decoded(Secret secret) {
    Map<String, String> values = new TreeMap<>();
    secret
        .getData()
        .forEach((key, value) ->
            values.put(key, new String(Base64.getDecoder().decode(value), StandardCharsets.UTF_8)));
    return values;
  }

  private String versions() {
    return secret("learnflow-db").getMetadata().getResourceVersion()
        + " "
        + secret("learnflow-db-env").getMetadata().getResourceVersion()
        + " "
        + client()
            .configMaps()
            .inNamespace(namespace)
            .withName("learnflow-db")
            .get()
            .getMetadata()
            .getResourceVersion();
  }
}

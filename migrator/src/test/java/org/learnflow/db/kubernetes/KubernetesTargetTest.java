package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.publish.PublishedConnection;
import org.learnflow.db.testing.ApiServer;

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
          new Password("p@ss:w/rd"),
          "postgres.postgres.svc.cluster.local");

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
    String done = target(namespace).publish(CONNECTION, "009");

    assertThat(done).endsWith("3 written");
    Secret binding = secret("learnflow-db");
    assertThat(binding.getType()).isEqualTo("servicebinding.io/postgresql");
    assertThat(decoded(binding)).isEqualTo(CONNECTION.binding());
    assertThat(decoded(secret("learnflow-db-env"))).isEqualTo(CONNECTION.secretEnvironment());
    ConfigMap map = client().configMaps().inNamespace(namespace).withName("learnflow-db").get();
    assertThat(map.getData()).isEqualTo(CONNECTION.openEnvironment("009"));
    assertThat(map.getMetadata().getLabels()).doesNotContainKey("app.kubernetes.io/instance");
  }

  @Test
  void publishingTheSameAgainWritesNothing() {
    target(namespace).publish(CONNECTION, "009");
    String before = versions();

    String done = target(namespace).publish(CONNECTION, "009");

    assertThat(done).endsWith("unchanged");
    assertThat(versions()).isEqualTo(before);
  }

  @Test
  void aNewSchemaVersionChangesTheConfigMapOnly() {
    target(namespace).publish(CONNECTION, "009");
    assertThat(target(namespace).publish(CONNECTION, "010")).endsWith("1 written");
  }

  @Test
  void labelsOfOthersSurvive() {
    target(namespace).publish(CONNECTION, "009");
    client()
        .secrets()
        .inNamespace(namespace)
        .withName("learnflow-db")
        .edit(secret -> {
          secret.getMetadata().getLabels().put("team", "blue");
          return secret;
        });

    target(namespace).publish(CONNECTION, "009");

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

    target(namespace).publish(CONNECTION, "009");

    assertThat(secret("learnflow-db-env").getMetadata().getOwnerReferences())
        .singleElement()
        .satisfies(
            reference -> assertThat(reference.getUid()).isEqualTo(owner.getMetadata().getUid()));
  }

  @Test
  void aMissingNamespaceIsNamed() {
    Failure failure =
        catchThrowableOfType(
            Failure.class, () -> target("no-such-namespace").publish(CONNECTION, "009"));

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

package org.learnflow.db.testing;

import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.learnflow.db.kubernetes.KubernetesApi;

/**
 * The API server that E2E_KUBECONFIG names; without it, one line says which tests did not run. A
 * controller manager or kubelet need not be there: tests write what those would.
 */
public final class ApiServer implements AutoCloseable {
  private static final String VARIABLE = "E2E_KUBECONFIG";

  /** What the client reads where there is no KUBECONFIG in the environment. */
  private static final String PROPERTY = "kubeconfig";

  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final KubernetesClient client;
  private final KubernetesApi api;
  private final String namespace;

  private ApiServer(KubernetesClient client, KubernetesApi api, String namespace) {
    this.client = client;
    this.api = api;
    this.namespace = namespace;
  }

  /** Ends the test where there is no API server. */
  public static void require(String what) {
    Optional<String> kubeconfig =
        Optional.ofNullable(System.getenv(VARIABLE)).filter(value -> !value.isEmpty());
    if (kubeconfig.isEmpty()) {
      System.out.println(what + " not tested here: " + VARIABLE + " names no cluster");
    }
    Assumptions.assumeTrue(kubeconfig.isPresent());
    System.setProperty(PROPERTY, kubeconfig.orElseThrow());
  }

  /** Ends the test where real controllers would write over the states that it makes up. */
  public static void requireWithoutNodes(String what) {
    require(what);
    try (KubernetesClient client = new KubernetesClientBuilder().build()) {
      boolean alone = client.nodes().list().getItems().isEmpty();
      if (!alone) {
        System.out.println(what + " not tested here: the cluster has nodes of its own");
      }
      Assumptions.assumeTrue(alone);
    }
  }

  /** A namespace of a test's own. */
  public static ApiServer withNamespace() {
    String namespace = "test-%d-%d".formatted(System.nanoTime(), NUMBER.incrementAndGet());
    KubernetesClient client = new KubernetesClientBuilder().build();
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(namespace).endMetadata().build())
        .create();
    return new ApiServer(client, KubernetesApi.open(Optional.empty(), false), namespace);
  }

  /** For what tests do to the cluster. */
  public KubernetesClient client() {
    return client;
  }

  /** What the program sees of it. */
  public KubernetesApi api() {
    return api;
  }

  /** The test's own namespace. */
  public String namespace() {
    return namespace;
  }

  /** Makes the objects of a manifest in this namespace, their status too. */
  public void apply(String manifest) {
    byte[] bytes = manifest.getBytes(StandardCharsets.UTF_8);
    for (HasMetadata object : client.load(new ByteArrayInputStream(bytes)).items()) {
      object.getMetadata().setNamespace(namespace);
      HasMetadata made = client.resource(object).create();
      object.getMetadata().setResourceVersion(made.getMetadata().getResourceVersion());
      if (manifest.contains("status:")) {
        client.resource(object).updateStatus();
      }
    }
  }

  /** Writes an Event about an object of this namespace. */
  public void event(HasMetadata about, String type, String reason, String message) {
    client
        .resource(
            new EventBuilder()
                .withNewMetadata()
                .withName("event-" + NUMBER.incrementAndGet())
                .withNamespace(namespace)
                .endMetadata()
                .withType(type)
                .withReason(reason)
                .withMessage(message)
                .withLastTimestamp(Instant.now().truncatedTo(ChronoUnit.SECONDS).toString())
                .withNewInvolvedObject()
                .withKind(about.getKind())
                .withName(about.getMetadata().getName())
                .withNamespace(namespace)
                .withUid(about.getMetadata().getUid())
                .endInvolvedObject()
                .build())
        .create();
  }

  @Override
  public void close() {
    client.namespaces().withName(namespace).delete();
    client.close();
    api.close();
  }
}

package org.learnflow.db.testing;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
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

  /** Makes an object of the manifest in this namespace, its status too. */
  public void apply(String manifest) {
    client
        .load(
            new java.io.ByteArrayInputStream(
                manifest.getBytes(java.nio.charset.StandardCharsets.UTF_8)))
        .items()
        .forEach(object -> {
          object.getMetadata().setNamespace(namespace);
          var resource = client.resource(object);
          var made =
              resource.get() == null
                  ? resource.create()
                  : resource.forceConflicts().serverSideApply();
          object.getMetadata().setResourceVersion(made.getMetadata().getResourceVersion());
          if (manifest.contains("\nstatus:")) {
            client.resource(object).updateStatus();
          }
        });
  }

  @Override
  public void close() {
    client.namespaces().withName(namespace).delete();
    client.close();
    api.close();
  }
}

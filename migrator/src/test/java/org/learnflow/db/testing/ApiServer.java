package org.learnflow.db.testing;

import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.learnflow.db.Progress;
import org.learnflow.db.kubernetes.KubernetesApi;

/**
 * An API server for tests: one of this run's own where it can be had, else that of E2E_KUBECONFIG;
 * without either, one line says which tests did not run.
 */
public final class ApiServer implements AutoCloseable {
  private static final String VARIABLE = "E2E_KUBECONFIG";

  /** What the client reads where there is no KUBECONFIG in the environment. */
  private static final String PROPERTY = "kubeconfig";

  /** The one without controllers, shared by all tests of this run. */
  private static final Optional<String> OWN = OwnApiServer.start().map(Path::toString);

  private static final Optional<String> KUBECONFIG =
      OWN.or(() -> Optional.ofNullable(System.getenv(VARIABLE)).filter(value -> !value.isEmpty()));

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
    require(
        KUBECONFIG, what, VARIABLE + " names no cluster, and kube-apiserver is not in the cache");
  }

  /** Ends the test where real controllers would write over the states that it makes up. */
  public static void requireWithoutNodes(String what) {
    require(OWN, what, "kube-apiserver is not in the cache");
  }

  private static void require(Optional<String> kubeconfig, String what, String why) {
    if (kubeconfig.isEmpty()) {
      System.out.println(what + " not tested here: " + why + " (make cluster puts it there)");
    }
    Assumptions.assumeTrue(kubeconfig.isPresent());
    System.setProperty(PROPERTY, kubeconfig.orElseThrow());
  }

  /** For a process of its own. */
  public static String kubeconfig() {
    return KUBECONFIG.orElseThrow();
  }

  /** A namespace of a test's own. */
  public static ApiServer withNamespace() {
    String namespace = "test-%d-%d".formatted(System.nanoTime(), NUMBER.incrementAndGet());
    KubernetesClient client = new KubernetesClientBuilder().build();
    client
        .resource(
            new NamespaceBuilder().withNewMetadata().withName(namespace).endMetadata().build())
        .create();
    return new ApiServer(
        client, KubernetesApi.open(Optional.empty(), false, Progress.SILENT), namespace);
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

  /**
   * Runs {@code credentials ensure} in this namespace.
   *
   * @param always options of each run of a test
   */
  public CliResult ensure(List<String> always, String... more) {
    List<String> arguments =
        new ArrayList<>(List.of("credentials", "ensure", "--namespace", namespace));
    arguments.addAll(always);
    arguments.addAll(List.of(more));
    return new Cli(Map.of()).run(arguments.toArray(String[]::new));
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

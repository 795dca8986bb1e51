package org.learnflow.db.e2e;

import static org.assertj.core.api.Assumptions.assumeThat;

import io.fabric8.kubernetes.api.model.Namespace;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** The cluster that is tested against, and the namespaces that tests have made in it. */
final class Cluster implements AutoCloseable {
  /** Long enough for pods that end at once and volumes to go. */
  private static final int NAMESPACE_GONE_SECONDS = 90;

  private static final Duration RESTARTED = Duration.ofSeconds(60);

  private final Path kubeconfig;
  private final KubernetesClient client;
  private final Set<String> leaving = ConcurrentHashMap.newKeySet();

  private Cluster(Path kubeconfig, KubernetesClient client) {
    this.kubeconfig = kubeconfig;
    this.client = client;
  }

  /** The one whose kubeconfig make e2e names; the user's own is never looked at. */
  static Cluster connect() {
    Path kubeconfig = Path.of(System.getProperty("kubeconfig")).toAbsolutePath();
    if (!Files.isReadable(kubeconfig)) {
      throw new IllegalStateException(
          "there is no cluster: %s cannot be read; make cluster, or set E2E_KUBECONFIG"
              .formatted(kubeconfig));
    }
    Config config = Config.fromKubeconfig(kubeconfig.toFile());
    return new Cluster(kubeconfig, new KubernetesClientBuilder().withConfig(config).build());
  }

  Path kubeconfig() {
    return kubeconfig;
  }

  /** Whether it is kind's, whose network enforces policies. */
  boolean enforcesNetworkPolicies() {
    return client.nodes().list().getItems().stream()
        .anyMatch(node -> String.valueOf(node.getSpec().getProviderID()).startsWith("kind://"));
  }

  /**
   * Stops, starts or restarts a part of the cluster of make cluster, such as the kubelet. Skips the
   * test on another cluster.
   */
  void control(String action, String part) {
    Path own = Repository.ROOT.resolve("e2e/cluster");
    boolean ours = kubeconfig.normalize().equals(own.resolve("kubeconfig"));
    if (!ours) {
      System.out.printf(
          "e2e      not tested here: %s of %s in the cluster of %s%n", action, part, kubeconfig);
    }
    assumeThat(ours).as("the cluster of make cluster").isTrue();
    Command.run(
            RESTARTED,
            Map.of(),
            List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                own.resolve("Cluster.java").toString(),
                action,
                part))
        .successful();
  }

  KubernetesClient client() {
    return client;
  }

  /** Makes a namespace that admits only what the Pod Security Standard "restricted" allows. */
  void createRestricted(String name) {
    Namespace namespace =
        new NamespaceBuilder()
            .withNewMetadata()
            .withName(name)
            .addToLabels("pod-security.kubernetes.io/enforce", "restricted")
            .endMetadata()
            .build();
    client.resource(namespace).create();
  }

  /** Begins to delete a namespace, if it is there. */
  void delete(String namespace) {
    client.namespaces().withName(namespace).delete();
    leaving.add(namespace);
  }

  /** Waits until all of these are gone, so that the cluster is as it was. */
  @Override
  public void close() {
    for (String name : leaving) {
      client
          .namespaces()
          .withName(name)
          .waitUntilCondition(
              namespace -> namespace == null, NAMESPACE_GONE_SECONDS, TimeUnit.SECONDS);
    }
    client.close();
  }
}

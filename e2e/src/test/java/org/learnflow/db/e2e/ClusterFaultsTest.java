package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fabric8.kubernetes.api.model.networking.v1.NetworkPolicyBuilder;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** The cluster itself is in trouble. Alone: other tests need it too. */
@ExtendWith(Workspaces.class)
@Isolated
class ClusterFaultsTest {
  @Test
  @Tag("full")
  @DisplayName(
      "API server gone for 20 s while the Job migrates: the migration is applied and published; Helm, too, or the same command once more, succeeds")
  void apiServerGone(Workspace workspace) throws InterruptedException {
    String longer = Images.withMigration("outage", Migrations.FILE, Migrations.longBadges(12));
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    String[] next = {"--set", "migrator.image.tag=" + longer};

    CompletableFuture<Command> upgrade = release.upgradeInstallMeanwhile(next);
    new Jobs(workspace, namespace).awaitMigrating(60);
    workspace.cluster().control("stop", "apiserver");
    Thread.sleep(Duration.ofSeconds(20));
    workspace.cluster().control("start", "apiserver");
    Command ended = upgrade.join();
    System.out.printf(
        "e2e      with the API server gone for 20 s helm ended with %d: %s%n",
        ended.exit(), ended.output().strip().lines().reduce((one, other) -> other).orElse(""));
    assertThat(new Jobs(workspace, namespace).end(Release.NAME + "-migrate", 60))
        .contains("healthy");
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    if (release.history().getLast().startsWith("pending-")) {
      release.rollbackWithoutHooks().successful();
    }
    release.upgradeInstall(next).successful();
    service.run("find,award_badge", "ada");
  }

  @Test
  @DisplayName(
      "DNS gone: the Job says which name is unknown and where to look; when it is back, the same command succeeds")
  void dnsGone(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    workspace.cluster().control("stop", "coredns");
    try {
      new OnCall(release, "DNS gone")
          .installs(
              new String[0],
              "the host name postgres.%s.svc.cluster.local is unknown".formatted(namespace),
              "DNS",
              "k8s-app=kube-dns");
    } finally {
      workspace.cluster().control("start", "coredns");
    }
    release.upgradeInstall().successful();
  }

  @Test
  @DisplayName(
      "a network policy that forbids the Job's traffic: the Job says that the connection timed out, and which policies to look at")
  void networkPolicy(Workspace workspace) {
    boolean enforced = workspace.cluster().enforcesNetworkPolicies();
    if (!enforced) {
      System.out.println(
          "e2e      not tested here: a network policy that forbids the Job's traffic, since none is enforced");
    }
    assumeThat(enforced).as("a cluster that enforces network policies").isTrue();
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    workspace
        .client()
        .resource(
            new NetworkPolicyBuilder()
                .withNewMetadata()
                .withName("nothing-comes-in")
                .withNamespace(namespace)
                .endMetadata()
                .withNewSpec()
                .withNewPodSelector()
                .addToMatchLabels("app.kubernetes.io/name", "postgresql")
                .endPodSelector()
                .withPolicyTypes("Ingress")
                .endSpec()
                .build())
        .create();
    new OnCall(release, "a network policy forbids the Job's traffic")
        .installs(new String[0], "timed out", "kubectl get networkpolicies --all-namespaces");
    workspace.client().network().v1().networkPolicies().inNamespace(namespace).delete();
    release.upgradeInstall().successful();
  }
}

package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.fabric8.kubernetes.client.readiness.Readiness;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** What happens to pods and nodes every day. Alone: other tests need the kubelet too. */
@ExtendWith(Workspaces.class)
@Isolated
class NodeTest {
  private static final int READY_SECONDS = 60;

  @Test
  @DisplayName(
      "prod: after the database's pod was deleted, and after the node's kubelet was restarted, rows are there and the password works")
  void prod(Workspace workspace) throws InterruptedException {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Secret credentials = release.credentials();

    PodResource pod = workspace.client().pods().inNamespace(namespace).withName("postgres-0");
    String former = pod.get().getMetadata().getUid();
    pod.delete();
    pod.waitUntilCondition(
        now ->
            now != null && !now.getMetadata().getUid().equals(former) && Readiness.isPodReady(now),
        READY_SECONDS,
        TimeUnit.SECONDS);
    service.run("find,everything,refused", "ada");

    workspace.cluster().control("restart", "kubelet");
    // Waits for the database, should its pod not be ready for a moment.
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
    askAgain(service, "find,everything,refused", "ada");
    assertThat(release.credentials()).isEqualTo(credentials);
  }

  /**
   * Some seconds after its start a kubelet holds each pod for not ready, until it has probed it.
   */
  private static void askAgain(Service service, String... arguments) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(READY_SECONDS);
    while (true) {
      try {
        service.run(arguments);
        return;
      } catch (AssertionError e) {
        if (System.nanoTime() > end || !e.getMessage().contains("ConnectionRefusedError")) {
          throw e;
        }
        Thread.sleep(1000);
      }
    }
  }
}

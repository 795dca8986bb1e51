package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What is to be seen in a release's namespace, whichever controller has deployed it. */
final class Incident {
  /** All that a controller names of a failure. */
  static final String JOB = Release.NAME + "-migrate";

  private static final int GONE_SECONDS = 60;

  private final Workspace workspace;
  private final String namespace;

  Incident(Workspace workspace, String namespace) {
    this.workspace = workspace;
    this.namespace = namespace;
  }

  /** The last run found everything as it should be. */
  void assertNothingWasToDo() {
    assertThat(new Jobs(workspace, namespace).log(JOB)).contains("nothing to do");
  }

  /** One step from the Job's name: its pod's termination message, its pod's log, and an Event. */
  void assertTold(String what) {
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.exitCode(JOB)).isEqualTo(6);
    assertThat(jobs.terminationMessage(JOB)).contains(what);
    assertThat(jobs.log(JOB)).contains(what);
    assertThat(client().v1().events().inNamespace(namespace).list().getItems())
        .anySatisfy(event -> assertThat(event.getMessage()).contains(what));
  }

  /** What services read, and the pod that they talk to. */
  Snapshot published() {
    return Snapshot.of(client(), List.of(namespace))
        .only(
            "Secret " + namespace + "/" + Release.NAME,
            "Secret " + namespace + "/" + Release.NAME + "-env",
            "ConfigMap " + namespace + "/" + Release.NAME,
            "Pod " + namespace + "/postgres-0");
  }

  /** Waits until of a removed release there are only passwords and volumes. */
  void assertOnlyKept() {
    for (String secret : List.of(Release.NAME, Release.NAME + "-env")) {
      client()
          .secrets()
          .inNamespace(namespace)
          .withName(secret)
          .waitUntilCondition(there -> there == null, GONE_SECONDS, TimeUnit.SECONDS);
    }
    client()
        .pods()
        .inNamespace(namespace)
        .withName("postgres-0")
        .waitUntilCondition(there -> there == null, GONE_SECONDS, TimeUnit.SECONDS);
    // ConfigMap kube-root-ca.crt and ServiceAccount default are every namespace's.
    assertThat(Snapshot.of(client(), List.of(namespace)).without(Flux.KINDS).versions().keySet())
        .containsExactlyInAnyOrder(
            "Secret %s/%s-credentials".formatted(namespace, Release.NAME),
            "Secret %s/%s-tls".formatted(namespace, Release.NAME),
            "Secret %s/%s-tls-authority".formatted(namespace, Release.NAME),
            "PersistentVolumeClaim %s/data-postgres-0".formatted(namespace),
            "PersistentVolumeClaim %s/%s-backups".formatted(namespace, Release.NAME),
            "ConfigMap %s/kube-root-ca.crt".formatted(namespace),
            "ServiceAccount %s/default".formatted(namespace));
  }

  private KubernetesClient client() {
    return workspace.client();
  }
}

package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.dsl.PodResource;
import io.fabric8.kubernetes.client.readiness.Readiness;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The periodic run, and a release over another one's database. */
@ExtendWith(Workspaces.class)
class ReconcileTest {
  private static final int READY_SECONDS = 90;
  private static final int RUN_SECONDS = 90;

  @Test
  @DisplayName(
      "the periodic run brings a deleted published Secret and ConfigMap back with the same content, and writes nothing where nothing is missing")
  void comesBack(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall(Release.RECONCILE_NEVER).successful();
    Map<String, String> published = release.published(namespace);
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    assertThat(run(workspace, namespace, "first"))
        .contains("nothing to do")
        .containsPattern("(?m)^healthy$");
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before))
        .noneMatch(object -> object.contains("Secret") || object.contains("ConfigMap"));

    workspace.client().secrets().inNamespace(namespace).withName(Release.NAME + "-env").delete();
    workspace.client().configMaps().inNamespace(namespace).withName(Release.NAME).delete();
    assertThat(run(workspace, namespace, "second"))
        .contains("2 written")
        .containsPattern("(?m)^healthy$");
    assertThat(release.published(namespace)).isEqualTo(published);
    new Service(workspace, namespace).run("add", "ada");
  }

  @Test
  @DisplayName(
      "dev: the database's pod is deleted and its data with it; the periodic run brings schema and seeds back")
  void devComesBack(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall(Release.RECONCILE_NEVER).successful();
    new Service(workspace, namespace).run("add,everything", "ada");

    PodResource pod = workspace.client().pods().inNamespace(namespace).withName("postgres-0");
    String former = pod.get().getMetadata().getUid();
    pod.delete();
    pod.waitUntilCondition(
        now ->
            now != null && !now.getMetadata().getUid().equals(former) && Readiness.isPodReady(now),
        READY_SECONDS,
        TimeUnit.SECONDS);
    assertThat(run(workspace, namespace, "anew"))
        .contains("rebuilt")
        .containsPattern("(?m)^healthy$");
    new Service(workspace, namespace).run("add,everything", "ada");
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
  }

  /** Starts the CronJob's Job now, and returns its log. */
  private static String run(Workspace workspace, String namespace, String name) {
    String log =
        new Jobs(workspace, namespace)
            .runNow(Release.NAME + "-reconcile", name, RUN_SECONDS)
            .strip();
    System.out.printf(
        "reconcile, %s: %d s in its container%n", name, seconds(workspace, namespace, name));
    return log;
  }

  private static long seconds(Workspace workspace, String namespace, String job) {
    Pod pod =
        workspace
            .client()
            .pods()
            .inNamespace(namespace)
            .withLabel("batch.kubernetes.io/job-name", job)
            .list()
            .getItems()
            .getFirst();
    var end = Pods.end(pod);
    return Duration.between(Instant.parse(end.getStartedAt()), Instant.parse(end.getFinishedAt()))
        .toSeconds();
  }

  @Test
  @DisplayName(
      "a release of another name over a living database, as Argo CD renders it, is refused by its first hook, which names both and the page; nothing is changed")
  void renamed(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));

    // Helm itself refuses before any hook, unless it gets the option to adopt existing objects.
    assertThat(release.shell(install(namespace, "")).failed().output())
        .contains("invalid ownership metadata");
    assertThat(release.shell(install(namespace, "--take-ownership")).failed().output())
        .contains(
            "this release is lessons, but the database in this namespace is that of release "
                + Release.NAME,
            "docs/how-to/rename.md");

    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before)).isEmpty();
    assertThat(release.secret(namespace, "lessons-credentials")).isNull();
    new Service(workspace, namespace).run("add,everything", "ada");
  }

  private static String install(String namespace, String option) {
    return "helm install lessons charts/learnflow-db -n %s -f values-dev.yaml %s %s"
        .formatted(namespace, String.join(" ", Images.values()), option);
  }
}

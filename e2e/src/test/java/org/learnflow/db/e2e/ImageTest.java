package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The image, in pods as the chart makes them, but without Helm. */
@ExtendWith(Workspaces.class)
class ImageTest {
  private static final int JOB_SECONDS = 90;
  private static final int POD_SECONDS = 30;

  @Test
  @DisplayName(
      "a Job prepares and publishes the database in 256 MiB under PSA restricted; run again, it writes nothing")
  void jobPublishesWhatAServiceReads(Workspace workspace) {
    String namespace = workspace.restricted();
    Release release = new Release(workspace, "helm", namespace, "values-dev.yaml");
    String difficult = "password with / and @ and %";
    workspace.makeSecret(
        namespace,
        Release.NAME + "-credentials",
        Map.of("postgres-password", "admin's", "password", "owner's", "app-password", difficult));
    workspace
        .client()
        .load(stream(release.template("--no-hooks").successful().output()))
        .inNamespace(namespace)
        .create();
    Jobs jobs = new Jobs(workspace, namespace);

    // A JVM that refuses its AOT cache ends at once in this mode.
    String first = jobs.run(job(release, "on"), JOB_SECONDS);
    String newest = Repository.newestMigration();
    assertThat(first).contains("done: schema at " + newest, "\nhealthy\n");
    assertThat(jobs.attempts(Release.NAME + "-migrate")).isEqualTo(1);
    assertThat(release.published(namespace))
        .containsEntry("PGUSER", "learnflow_user")
        .containsEntry("PGPASSWORD", difficult)
        .containsEntry("PGHOST", "postgres." + namespace + ".svc.cluster.local")
        .containsEntry("SCHEMA_VERSION", newest);
    new Service(workspace, namespace).run("add,find,everything,refused", "ada");

    Snapshot before = Snapshot.of(workspace.client(), workspace.namespaces());
    assertThat(before.versions()).containsKey("Secret " + namespace + "/" + Release.NAME + "-env");
    String second = jobs.run(job(release, "off"), JOB_SECONDS);
    assertThat(second).contains(": unchanged", "nothing to do: schema at " + newest, "\nhealthy\n");
    assertThat(Snapshot.of(workspace.client(), workspace.namespaces()).changedSince(before))
        .isEmpty();
  }

  @Test
  @DisplayName("the image holds no shell, and starts without one")
  void noShell(Workspace workspace) {
    String namespace = workspace.restricted();
    Pods pods = new Pods(workspace.client());
    Pod version = pods.run(pod(namespace, "version", List.of(), List.of("--version")), POD_SECONDS);
    assertThat(Pods.end(version).getExitCode()).isZero();
    for (String shell : List.of("/bin/sh", "/bin/bash", "/busybox/sh")) {
      String name = shell.substring(1).replace('/', '-');
      Pod refused = pods.run(pod(namespace, name, List.of(shell), List.of()), POD_SECONDS);
      assertThat(Pods.end(refused).getMessage()).contains(shell, "no such file");
    }
  }

  /** The migrate Job as the chart renders it, with less memory. */
  private static String job(Release release, String aotMode) {
    return release.migrateJob(
        "--set",
        "migrator.resources.limits.memory=256Mi",
        "--set",
        "migrator.extraEnv[0].name=JAVA_TOOL_OPTIONS,migrator.extraEnv[0].value=-XX:AOTMode="
            + aotMode);
  }

  private static Pod pod(String namespace, String name, List<String> command, List<String> args) {
    return new PodBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace(namespace)
        .endMetadata()
        .withNewSpec()
        .withRestartPolicy("Never")
        .withNewSecurityContext()
        .withRunAsNonRoot(true)
        .withNewSeccompProfile()
        .withType("RuntimeDefault")
        .endSeccompProfile()
        .endSecurityContext()
        .addNewContainer()
        .withName("migrator")
        .withImage(Images.MIGRATOR)
        .withImagePullPolicy("IfNotPresent")
        .withCommand(command)
        .withArgs(args)
        .withNewSecurityContext()
        .withAllowPrivilegeEscalation(false)
        .withReadOnlyRootFilesystem(true)
        .withRunAsUser(1001L)
        .withNewCapabilities()
        .withDrop("ALL")
        .endCapabilities()
        .endSecurityContext()
        .endContainer()
        .endSpec()
        .build();
  }

  private static ByteArrayInputStream stream(String text) {
    return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
  }
}

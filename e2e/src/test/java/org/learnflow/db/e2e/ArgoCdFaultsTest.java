package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.learnflow.db.e2e.ArgoCdExample.phase;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.readiness.Readiness;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Argo CD, what it reads, or what it deploys, is in trouble. */
@Tag("gitops")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class ArgoCdFaultsTest {
  private static final Duration MOST = Duration.ofMinutes(4);
  private static final int SECONDS = 120;

  private static final String MISSING = "no-such-tag";

  private static final String DEV_VALUES = "charts/learnflow-db/values-dev.yaml";

  @Test
  @DisplayName(
      "Argo CD: its controller is killed in PreSync and in Sync of the first sync, and in PostSync of another one; both end Succeeded all the same, with each migration applied once; a commit that comes while the last hook runs is synced after it")
  void controllerKilled(Workspace workspace) {
    assumeThat(Controllers.INSTALLED).as("Argo CD is part of the cluster").isFalse();
    String longer = Images.withMigration("argo-kill", Migrations.FILE, Migrations.longBadges(20));
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    ArgoCd.Application application = deployed.application();
    kill(deployed, "Pod");
    kill(deployed, "StatefulSet");
    application.awaitHealthy();
    Service service = new Service(workspace, deployed.namespace());
    service.run("add", "ada");

    String first = repository.release(longer);
    application.refresh();
    new Jobs(workspace, deployed.namespace()).awaitMigrating(SECONDS);
    kill(deployed, "Job");
    String second = deployed.commitForHooks();
    application.refresh();
    assertThat(new Jobs(workspace, deployed.namespace()).hasEnded(Incident.JOB)).isFalse();
    assertThat(phase(application.awaitEnded(first))).isEqualTo("Succeeded");
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);

    assertThat(phase(application.awaitSynced(second))).isEqualTo("Succeeded");
    application.awaitHealthy();
    new Incident(workspace, deployed.namespace()).assertNothingWasToDo();
    service.run("find,everything,award_badge", "ada");
  }

  /** Kills the application controller while the operation waits for an object of a kind. */
  private static void kill(ArgoCdExample deployed, String kind) {
    deployed
        .application()
        .watched()
        .await(
            "waiting for a " + kind,
            MOST,
            now ->
                phase(now.at("/status/operationState")).equals("Running")
                    && now.at("/status/operationState/syncResult/resources")
                        .valueStream()
                        .anyMatch(resource ->
                            resource.path("kind").asText().equals(kind)
                                && resource.path("hookPhase").asText().equals("Running")));
    Programs programs = deployed.argoCd().programs();
    programs.kill(ArgoCd.APPLICATION_CONTROLLER);
    programs.start(ArgoCd.APPLICATION_CONTROLLER);
  }

  @Test
  @DisplayName(
      "Argo CD: the repository cannot be reached any more while a migration runs: that sync ends Succeeded, another one is refused, which changes nothing, and what was committed meanwhile is synced when it is back")
  void repositoryGone(Workspace workspace) {
    String longer = Images.withMigration("argo-gone", Migrations.FILE, Migrations.longBadges(15));
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    ArgoCd.Application application = deployed.application();
    application.awaitHealthy();
    Service service = new Service(workspace, deployed.namespace());
    service.run("add", "ada");

    String first = repository.release(longer);
    application.refresh();
    new Jobs(workspace, deployed.namespace()).awaitMigrating(SECONDS);
    repository.server().close();
    application.refresh();
    assertThat(phase(application.awaitEnded(first))).isEqualTo("Succeeded");
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);

    Snapshot before = Snapshot.of(workspace.client(), List.of(deployed.namespace()));
    application.refresh();
    JsonNode refused = application.sync();
    assertThat(phase(refused)).isEqualTo("Error");
    assertThat(refused.path("message").asText()).contains("ComparisonError", "connection refused");
    JsonNode unknown = application.watched().get().path("status");
    assertThat(unknown.at("/sync/status").asText()).isEqualTo("Unknown");
    assertThat(unknown.at("/health/status").asText()).isEqualTo("Healthy");
    assertThat(Snapshot.of(workspace.client(), List.of(deployed.namespace())).changedSince(before))
        .isEmpty();
    service.run("find,everything,award_badge", "ada");

    String second = deployed.commitForHooks();
    repository.server().start();
    assertThat(phase(application.awaitSynced(second))).isEqualTo("Succeeded");
    assertThat(application.awaitHealthy().at("/status/conditions")).isEmpty();
  }

  @Test
  @DisplayName(
      "Argo CD: an image of the migrator that is not there ends the sync before anything is changed; one of PostgreSQL makes it wait until it is terminated and the pod is deleted; the commit with the right image heals both")
  void imagesMissing(Workspace workspace) {
    String next = Images.withMigration("argo-images", Migrations.FILE, Migrations.BADGES);
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    ArgoCd.Application application = deployed.application();
    application.awaitHealthy();
    String namespace = deployed.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");

    // The example's further tries take another two minutes: ArgoCdChangesTest#firstSync.
    application.watched().patch("{\"spec\": {\"syncPolicy\": {\"retry\": {\"limit\": 0}}}}");
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    String missing = repository.release(MISSING);
    JsonNode failed = application.awaitSynced(missing);
    assertThat(phase(failed)).isEqualTo("Failed");
    assertThat(Serialization.asYaml(failed)).contains("image-pull-and-credentials");
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before)).isEmpty();
    service.run("find", "ada");
    String corrected = repository.release(next);
    assertThat(phase(application.awaitSynced(corrected))).isEqualTo("Succeeded");
    service.run("find,award_badge", "ada");

    String values = repository.read(DEV_VALUES);
    repository.write(
        DEV_VALUES,
        values.replaceFirst("(?m)^postgresql:$", "postgresql:\n  image: {tag: " + MISSING + "}"));
    String waiting = repository.commit("An image of PostgreSQL that is not there");
    application.refresh();
    awaitWaiting(application, waiting);
    repository.write(DEV_VALUES, values);
    String healed = repository.commit("The image of before");
    application.refresh();
    application.terminate();
    awaitWaiting(application, healed);
    workspace.client().pods().inNamespace(namespace).withName("postgres-0").delete();
    assertThat(phase(application.awaitEnded(healed))).isEqualTo("Succeeded");
    application.awaitHealthy();
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("add,everything,award_badge", "ada");
  }

  /** Waits until the sync of a revision waits for PostgreSQL. */
  private static void awaitWaiting(ArgoCd.Application application, String revision) {
    application
        .watched()
        .await(
            "waiting for PostgreSQL",
            MOST,
            now ->
                now.at("/status/operationState/syncResult/revision").asText().equals(revision)
                    && now.at("/status/operationState/message")
                        .asText()
                        .contains("waiting for healthy state of apps/StatefulSet/postgres"));
  }

  @Test
  @DisplayName(
      "Argo CD: what people do by hand: a StatefulSet scaled to nothing is back with its data; a deleted Secret, ConfigMap and Job leave it Synced and Healthy, and the periodic run publishes again; another name for the release is refused, and heals when it is taken back")
  void byHand(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "prod");
    ArgoCd.Application application = deployed.application();
    application.awaitHealthy();
    String namespace = deployed.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Map<String, String> published = deployed.release().published(namespace);

    var pod = workspace.client().pods().inNamespace(namespace).withName("postgres-0");
    String former = pod.get().getMetadata().getUid();
    deployed
        .release()
        .statefulSet()
        .edit(set -> {
          set.getSpec().setReplicas(0);
          return set;
        });
    pod.waitUntilCondition(
        now ->
            now != null && !now.getMetadata().getUid().equals(former) && Readiness.isPodReady(now),
        SECONDS,
        TimeUnit.SECONDS);
    application.awaitHealthy();
    service.run("find,everything", "ada");

    workspace.client().secrets().inNamespace(namespace).withName(Release.NAME).delete();
    workspace.client().secrets().inNamespace(namespace).withName(Release.NAME + "-env").delete();
    workspace.client().configMaps().inNamespace(namespace).withName(Release.NAME).delete();
    var hook = workspace.client().batch().v1().jobs().inNamespace(namespace).withName(Incident.JOB);
    hook.delete();
    hook.waitUntilCondition((Job there) -> there == null, SECONDS, TimeUnit.SECONDS);
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.runNow(Release.NAME + "-reconcile", "now", SECONDS).strip())
        .contains("3 written")
        .containsPattern("(?m)^healthy$");
    assertThat(deployed.release().published(namespace)).isEqualTo(published);
    application.refresh();
    application.awaitHealthy();
    service.run("find,everything", "ada");

    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    name(application, "lessons");
    JsonNode refused =
        application
            .watched()
            .await(
                "refused",
                MOST,
                now ->
                    now.at("/status/operationState/syncResult")
                        .toString()
                        .contains("docs/how-to/rename.md"));
    assertThat(refused.at("/status/operationState/syncResult").toString())
        .contains(
            "this release is lessons, but the database in this namespace is that of release "
                + Release.NAME);
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before)).isEmpty();
    name(application, Release.NAME);
    application.awaitHealthy();
    assertThat(deployed.release().published(namespace)).isEqualTo(published);
    service.run("find,everything", "ada");
  }

  private static void name(ArgoCd.Application application, String release) {
    application
        .watched()
        .patch(
            "{\"spec\": {\"source\": {\"helm\": {\"releaseName\": \"%s\"}}}}".formatted(release));
  }
}

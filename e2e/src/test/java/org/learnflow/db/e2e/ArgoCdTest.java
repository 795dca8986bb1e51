package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.learnflow.db.e2e.ArgoCdExample.phase;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Secret;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** The examples for Argo CD, applied to Argo CD. */
@Tag("gitops")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class ArgoCdTest {
  /** What people and time trigger: Argo CD looks, and syncs where something differs. */
  private static final int REFRESHES = 5;

  /** What people trigger, with all hooks. */
  private static final int SYNCS = 20;

  @Test
  @DisplayName(
      "Argo CD: the first sync ends Healthy with a published database that services of two namespaces work with, each as its own role; 20 more syncs with all hooks, and five comparisons that could sync, change nothing")
  void syncs(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    deployed.application().awaitHealthy();
    String namespace = deployed.namespace();
    String consumers = repository.namespace("progress-dev");
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    new Service(workspace, namespace).run("add,find,everything,refused", "ada");
    Service progress = new Service(workspace, consumers, Release.NAME + "-progress");
    progress.run("find", "ada");

    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace, consumers));
    for (int i = 0; i < SYNCS; i++) {
      assertThat(phase(deployed.application().sync())).isEqualTo("Succeeded");
    }
    for (int i = 0; i < REFRESHES; i++) {
      deployed.application().refresh();
    }
    JsonNode status = deployed.application().awaitHealthy().path("status");
    assertThat(status.path("resources"))
        .filteredOn(resource -> !resource.path("hook").asBoolean()) // hooks have no status
        .isNotEmpty()
        .allSatisfy(resource -> assertThat(resource.path("status").asText()).isEqualTo("Synced"));
    assertThat(status.path("conditions")).isEmpty();
    // The last sync is still the test's own: no comparison has found anything to do.
    assertThat(status.at("/operationState/operation/initiatedBy/username").asText())
        .isEqualTo("e2e");
    assertThat(Snapshot.of(workspace.client(), List.of(namespace, consumers)).changedSince(before))
        .isEmpty();
    progress.run("find", "ada");
  }

  @Test
  @DisplayName(
      "Argo CD: a commit with a new migration is applied once; a broken one fails the operation, with file, line and SQLSTATE in the Job that it names, and nothing published; the corrected image heals it without a hand")
  void migrations(Workspace workspace) {
    String next = Images.withMigration("argo-next", Migrations.FILE, Migrations.BADGES);
    String broken = Images.withMigration("argo-broken", Migrations.brokenAfterNext());
    String corrected = Images.withMigration("argo-corrected", Migrations.correctedAfterNext());
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    deployed.application().awaitHealthy();
    String namespace = deployed.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");

    String revision = repository.release(next);
    assertThat(phase(deployed.application().awaitSynced(revision))).isEqualTo("Succeeded");
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");
    assertThat(phase(deployed.application().sync())).isEqualTo("Succeeded");
    Incident incident = new Incident(workspace, namespace);
    incident.assertNothingWasToDo();

    Snapshot published = incident.published();
    JsonNode failed = deployed.application().awaitSynced(repository.release(broken));
    assertThat(phase(failed)).isEqualTo("Failed");
    assertThat(failed.at("/syncResult/resources"))
        .anySatisfy(resource -> {
          assertThat(resource.path("name").asText()).isEqualTo(Incident.JOB);
          assertThat(resource.path("hookPhase").asText()).isEqualTo("Failed");
        });
    incident.assertTold(Migrations.AFTER_NEXT + ", line 1, SQLSTATE 22012");
    assertThat(incident.published().changedSince(published)).isEmpty();
    service.run("find", "ada");

    assertThat(phase(deployed.application().awaitSynced(repository.release(corrected))))
        .isEqualTo("Succeeded");
    deployed.application().awaitHealthy();
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.AFTER_NEXT_VERSION);
    service.run("find,everything,award_badge", "ada");
  }

  @Test
  @DisplayName(
      "Argo CD: deleting the production Application leaves passwords and volumes alone; a new one over them has the old rows and password")
  void deletion(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "prod");
    deployed.application().awaitHealthy();
    String namespace = deployed.namespace();
    new Service(workspace, namespace).run("add", "ada");
    Secret credentials = deployed.release().credentials();
    Map<String, String> published = deployed.release().published(namespace);

    deployed.application().watched().delete();
    deployed.application().watched().awaitGone(Duration.ofMinutes(2));
    new Incident(workspace, namespace).assertOnlyKept();
    assertThat(deployed.release().credentials()).isEqualTo(credentials);

    deployed.argoCd().apply(repository.read("examples/argocd/application-prod.yaml"));
    deployed.application().awaitHealthy();
    assertThat(deployed.release().credentials()).isEqualTo(credentials);
    assertThat(deployed.release().published(namespace)).isEqualTo(published);
    new Service(workspace, namespace).run("find,everything,refused", "ada");
  }
}

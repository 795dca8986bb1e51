package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.learnflow.db.e2e.ArgoCdExample.phase;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.batch.v1.CronJobBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What docs/how-to/argocd.md says of failures, of changes by hand, and of other ways to set it up.
 */
@Tag("gitops")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class ArgoCdChangesTest {
  private static final Duration MOST = Duration.ofMinutes(5);

  private static final String MISSING = "no-such-tag";

  private static final String PROJECT = "examples/argocd/project.yaml";
  private static final String DEV = "examples/argocd/application-dev.yaml";

  @Test
  @DisplayName(
      "Argo CD with label tracking, and an Application that has the release's name: nothing that is made in the cluster is pruned; deleting it leaves passwords and volumes alone, and a new one works with them")
  void labelTracking(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    ArgoCd argoCd = ArgoCdExample.prepare(workspace, repository);
    argoCd.settings().patch("{\"data\": {\"application.resourceTrackingMethod\": \"label\"}}");
    String application =
        repository
            .adapt("examples/argocd/application-prod.yaml", argoCd.namespace())
            .replace("learnflow-db-prod", Release.NAME);
    argoCd.apply(application);
    ArgoCdExample deployed = ArgoCdExample.of(workspace, repository, argoCd, "prod", Release.NAME);
    deployed.application().awaitHealthy();
    String namespace = deployed.namespace();
    new Service(workspace, namespace).run("add", "ada");
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    for (int i = 0; i < 3; i++) {
      assertThat(phase(deployed.application().sync())).isEqualTo("Succeeded");
    }
    deployed.application().refresh();
    JsonNode status = deployed.application().awaitHealthy().path("status");
    assertThat(status.path("resources"))
        // Hooks are listed too, without a status.
        .filteredOn(resource -> !resource.path("hook").asBoolean())
        .isNotEmpty()
        .allSatisfy(resource -> assertThat(resource.path("status").asText()).isEqualTo("Synced"));
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before)).isEmpty();

    Secret credentials = deployed.release().credentials();
    deployed.application().watched().delete();
    deployed.application().watched().awaitGone(Duration.ofMinutes(2));
    new Incident(workspace, namespace).assertOnlyKept();
    argoCd.apply(application);
    deployed.application().awaitHealthy();
    assertThat(deployed.release().credentials()).isEqualTo(credentials);
    new Service(workspace, namespace).run("find,everything,refused", "ada");
  }

  @Test
  @DisplayName(
      "Argo CD: a first sync whose first hook cannot start is tried as often as the example says, and the commit with the right image heals it without a hand")
  void firstSync(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    String broken = repository.release(MISSING);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    JsonNode failed = deployed.application().awaitFailed();
    assertThat(failed.at("/syncResult/revision").asText()).isEqualTo(broken);
    assertThat(failed.path("retryCount").asInt()).isEqualTo(2);
    assertThat(deployed.release().credentials()).isNull();

    String corrected = repository.release(Images.tag(Images.MIGRATOR));
    assertThat(phase(deployed.application().awaitSynced(corrected))).isEqualTo("Succeeded");
    deployed.application().awaitHealthy();
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
  }

  @Test
  @DisplayName(
      "Argo CD: a commit that only hooks feel is synced; a sync of an older image keeps the newer schema and is healthy; a deleted Role is back by self-heal, and what is published stays untouched")
  void changes(Workspace workspace) {
    String next = Images.withMigration("argo-changes", Migrations.FILE, Migrations.BADGES);
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    deployed.application().awaitHealthy();
    String namespace = deployed.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");

    String revision = deployed.commitForHooks();
    assertThat(phase(deployed.application().awaitSynced(revision))).isEqualTo("Succeeded");

    revision = repository.release(next);
    assertThat(phase(deployed.application().awaitSynced(revision))).isEqualTo("Succeeded");
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);

    revision = repository.release(Images.tag(Images.MIGRATOR));
    assertThat(phase(deployed.application().awaitSynced(revision))).isEqualTo("Succeeded");
    deployed.application().awaitHealthy();
    assertThat(new Jobs(workspace, namespace).log(Incident.JOB)).contains("newer than these files");
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");

    Snapshot published = new Incident(workspace, namespace).published();
    var role =
        workspace
            .client()
            .rbac()
            .roles()
            .inNamespace(namespace)
            .withName(Release.NAME + "-migrate-publish");
    role.delete();
    assertThat(role.waitUntilCondition(now -> now != null, 60, TimeUnit.SECONDS)).isNotNull();
    deployed.application().awaitHealthy();
    assertThat(new Incident(workspace, namespace).published().changedSince(published)).isEmpty();
  }

  @Test
  @DisplayName(
      "Argo CD: a service gets a role of its own with one commit; its password is rotated, and syncs after that change nothing")
  void services(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    deployed.application().awaitHealthy();
    String namespace = deployed.namespace();
    new Service(workspace, namespace).run("add", "ada");

    String revision = repository.commitService("reporting");
    assertThat(phase(deployed.application().awaitSynced(revision))).isEqualTo("Succeeded");
    Service reporting = new Service(workspace, namespace, Release.NAME + "-reporting");
    reporting.run("find", "ada");
    deployed
        .release()
        .learnflowDb("credentials", "rotate", "--yes", "--service", "reporting")
        .successful();
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    for (int i = 0; i < 3; i++) {
      assertThat(phase(deployed.application().sync())).isEqualTo("Succeeded");
    }
    deployed.application().awaitHealthy();
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before)).isEmpty();
    reporting.run("find", "ada");
    new Service(workspace, namespace).run("find", "ada");
  }

  @Test
  @DisplayName(
      "Argo CD: in the app-of-apps the service is not even made while the database's migration fails, and comes with its correction")
  void appOfApps(Workspace workspace) {
    String broken = Images.withMigration("argo-apps", Migrations.brokenAfterNext());
    GitRepository repository = new GitRepository(workspace);
    ArgoCd argoCd = ArgoCdExample.prepare(workspace, repository);
    String consumers = repository.namespace("progress-dev");
    workspace.client().resource(Service.sources(consumers)).create();
    argoCd.apply(repository.adapt("examples/argocd/argocd-cm-patch.yaml", argoCd.namespace()));
    for (String application : List.of("learnflow-db-dev", "progress-dev")) {
      repository.adapt("examples/argocd/apps/%s.yaml".formatted(application), argoCd.namespace());
    }
    String root = repository.adapt("examples/argocd/app-of-apps.yaml", argoCd.namespace());
    repository.release(broken);
    argoCd.apply(root);
    ArgoCd.Application database = argoCd.application("learnflow-db-dev");
    database.awaitFailed();
    ArgoCd.Application service = argoCd.application("progress-dev");
    assertThat(service.watched().isThere()).isFalse();

    String corrected = repository.release(Images.tag(Images.MIGRATOR));
    assertThat(phase(database.awaitSynced(corrected))).isEqualTo("Succeeded");
    service
        .watched()
        .await(
            "Synced and Healthy",
            MOST,
            now ->
                now.at("/status/sync/status").asText().equals("Synced")
                    && now.at("/status/health/status").asText().equals("Healthy"));
    workspace
        .client()
        .apps()
        .deployments()
        .inNamespace(consumers)
        .withName("progress")
        .waitUntilReady(60, TimeUnit.SECONDS);
  }

  @Test
  @DisplayName(
      "Argo CD: two environments of one repository: a commit reaches development alone, and a tag brings it to production")
  void environments(Workspace workspace) {
    String next = Images.withMigration("argo-two", Migrations.FILE, Migrations.BADGES);
    GitRepository repository = new GitRepository(workspace);
    ArgoCd argoCd = ArgoCdExample.prepare(workspace, repository);
    ArgoCdExample dev = ArgoCdExample.deploy(workspace, repository, argoCd, "dev");
    ArgoCdExample prod = ArgoCdExample.deploy(workspace, repository, argoCd, "prod");
    dev.application().awaitHealthy();
    prod.application().awaitHealthy();
    Snapshot before = Snapshot.of(workspace.client(), List.of(prod.namespace()));

    String revision = repository.release(next);
    assertThat(phase(dev.application().awaitSynced(revision))).isEqualTo("Succeeded");
    assertThat(dev.release().published(dev.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    prod.application().refresh();
    prod.application().awaitHealthy();
    assertThat(Snapshot.of(workspace.client(), List.of(prod.namespace())).changedSince(before))
        .isEmpty();

    repository.tag(GitRepository.FIRST_TAG);
    assertThat(phase(prod.application().awaitSynced(revision))).isEqualTo("Succeeded");
    assertThat(prod.release().published(prod.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
  }

  @Test
  @DisplayName(
      "Argo CD: a chart that wants a kind which the project does not allow is refused, and nothing is changed")
  void project(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    deployed.application().awaitHealthy();
    Snapshot before = Snapshot.of(workspace.client(), List.of(deployed.namespace()));
    repository.write(
        "charts/learnflow-db/templates/secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: more}\n");
    JsonNode refused = deployed.application().awaitSynced(repository.commit("A Secret"));
    assertThat(phase(refused)).isEqualTo("Failed");
    assertThat(refused.toString()).contains("resource :Secret is not permitted in project");
    assertThat(Snapshot.of(workspace.client(), List.of(deployed.namespace())).changedSince(before))
        .isEmpty();
  }

  @Test
  @DisplayName(
      "Argo CD, with the health that CronJobs have from 3.2 on: after a periodic run that failed the Application is Degraded, and the next commit is migrated all the same")
  void failedPeriodicRun(Workspace workspace) {
    String next = Images.withMigration("argo-periodic", Migrations.FILE, Migrations.BADGES);
    GitRepository repository = new GitRepository(workspace);
    ArgoCd argoCd = ArgoCdExample.prepare(workspace, repository);
    argoCd
        .settings()
        .patch(
            Serialization.asJson(
                Map.of(
                    "data",
                    Map.of(
                        "resource.customizations.health.batch_CronJob",
                        Repository.resource("argocd-cronjob-health.lua")))));
    // Never: a run would change the status that is set here.
    repository.write(DEV, repository.read(DEV).replace("*/15 * * * *", "0 0 31 2 *"));
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, argoCd, "dev");
    deployed.application().awaitHealthy();

    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    workspace
        .client()
        .batch()
        .v1()
        .cronjobs()
        .inNamespace(deployed.namespace())
        .withName(Release.NAME + "-reconcile")
        .editStatus(cronJob ->
            new CronJobBuilder(cronJob)
                .withNewStatus()
                .withLastSuccessfulTime(now.minusSeconds(3600).toString())
                .withLastScheduleTime(now.toString())
                .endStatus()
                .build());
    deployed
        .application()
        .watched()
        .await(
            "Degraded",
            MOST,
            application -> application.at("/status/health/status").asText().equals("Degraded"));

    String revision = repository.release(next);
    assertThat(phase(deployed.application().awaitSynced(revision))).isEqualTo("Succeeded");
    deployed.application().awaitHealthy();
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
  }

  @Test
  @DisplayName(
      "Argo CD: the chart from a chart repository, by version: first sync, and the next version with a new migration")
  void chartRepository(Workspace workspace) {
    String next = Images.withMigration("argo-charts", Migrations.FILE, Migrations.BADGES);
    GitRepository repository = new GitRepository(workspace);
    repository.publish("1.0.0");
    repository.release(next);
    repository.publish("1.1.0");
    // As "From a chart repository" of the examples' README has it.
    repository.write(
        PROJECT,
        repository
            .read(PROJECT)
            .replace("sourceRepos:", "sourceRepos:\n    - " + repository.chartsUrl()));
    repository.write(
        DEV,
        repository
            .read(DEV)
            .replaceFirst("repoURL: .*", "repoURL: " + repository.chartsUrl())
            .replaceFirst("path: .*", "chart: learnflow-db")
            .replaceFirst("targetRevision: .*", "targetRevision: 1.0.0"));
    ArgoCdExample deployed = ArgoCdExample.deploy(workspace, repository, "dev");
    deployed.application().awaitHealthy();
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());

    deployed
        .application()
        .watched()
        .patch("{\"spec\": {\"source\": {\"targetRevision\": \"1.1.0\"}}}");
    assertThat(phase(deployed.application().awaitSynced("1.1.0"))).isEqualTo("Succeeded");
    deployed.application().awaitHealthy();
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
  }
}

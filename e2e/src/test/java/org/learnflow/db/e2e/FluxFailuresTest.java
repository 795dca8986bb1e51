package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.Secret;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What docs/how-to/flux.md says of failures and of changes by hand. */
@Tag("gitops")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class FluxFailuresTest {
  private static final Duration MOST = Duration.ofMinutes(5);

  private static final String MISSING = "no-such-tag";

  /** The example's strategy for upgrades. */
  private static final String RETRY = "strategy: {name: RetryOnFailure, retryInterval: 5m}";

  private static final String REMEDIATION = "remediation: {retries: 3}";

  @Test
  @DisplayName(
      "Flux: a first installation whose first hook cannot start is tried again, and the commit with the right image heals it without a hand")
  void firstInstallation(Workspace workspace) {
    firstInstallation(workspace, REMEDIATION);
  }

  @Test
  @DisplayName(
      "Flux: the same with RetryOnFailure, whose next try is an upgrade although there is no Secret with passwords yet")
  void firstInstallationByUpgrade(Workspace workspace) {
    firstInstallation(workspace, "strategy: {name: RetryOnFailure, retryInterval: 10s}");
  }

  private static void firstInstallation(Workspace workspace, String install) {
    GitRepository repository = new GitRepository(workspace);
    String right = Images.tag(Images.MIGRATOR);
    repository.release(MISSING);
    FluxExample.replace(repository, "dev", REMEDIATION, install);
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    deployed
        .helmRelease()
        .watched()
        .await("tried once", MOST, now -> now.at("/status/installFailures").asInt() >= 1);
    assertThat(deployed.release().credentials()).isNull();

    deployed.release(right);
    deployed.helmRelease().awaitReady();
    assertThat(deployed.release().published(deployed.namespace()))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
  }

  @Test
  @DisplayName(
      "Flux: a first installation whose migration fails is removed and tried again; passwords, the last try and the Job with its log stay; the corrected commit heals it")
  void removal(Workspace workspace) {
    String broken = Images.withMigration("flux-first", Migrations.brokenAfterNext());
    String corrected = Images.withMigration("flux-second", Migrations.correctedAfterNext());
    GitRepository repository = new GitRepository(workspace);
    repository.release(broken);
    FluxExample.replace(repository, "dev", REMEDIATION, "remediation: {retries: 1}");
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    JsonNode stalled = deployed.helmRelease().awaitStalled();
    assertThat(stalled.at("/status/installFailures").asInt()).isEqualTo(2);
    assertThat(Flux.Reconciled.message(stalled, "Stalled"))
        .contains("Failed to install after 2 attempt");
    String namespace = deployed.namespace();
    assertThat(deployed.release().statefulSet().get()).isNotNull();
    new Incident(workspace, namespace)
        .assertTold(Migrations.AFTER_NEXT + ", line 1, SQLSTATE 22012");
    Secret credentials = deployed.release().credentials();
    assertThat(credentials).isNotNull();

    deployed.release(corrected);
    deployed.helmRelease().awaitReady();
    assertThat(deployed.release().credentials()).isEqualTo(credentials);
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.AFTER_NEXT_VERSION);
  }

  @Test
  @DisplayName(
      "Flux: with remediation by rollback a broken migration ends at the release before, whose own run replaces the Job that failed; an Event still tells what it was, services go on, and the corrected commit heals it")
  void rollback(Workspace workspace) {
    String broken = Images.withMigration("flux-roll", Migrations.brokenAfterNext());
    String corrected = Images.withMigration("flux-rolled", Migrations.correctedAfterNext());
    GitRepository repository = new GitRepository(workspace);
    FluxExample.replace(
        repository, "dev", RETRY, "remediation: {retries: 0, remediateLastFailure: true}");
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");

    deployed.release(broken);
    JsonNode stalled =
        deployed
            .helmRelease()
            .watched()
            .await("rolled back", MOST, now -> Flux.Reconciled.is(now, "Remediated", "True"));
    assertThat(Flux.Reconciled.message(stalled, "Remediated"))
        .contains("rollback to previous release", "succeeded");
    assertThat(new Jobs(workspace, namespace).exitCode(Incident.JOB)).isZero();
    assertThat(workspace.client().v1().events().inNamespace(namespace).list().getItems())
        .anySatisfy(event ->
            assertThat(event.getMessage())
                .contains(Migrations.AFTER_NEXT + ", line 1, SQLSTATE 22012"));
    // The first of the two migrations was right, and stays.
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything", "ada");

    deployed.release(corrected);
    deployed
        .helmRelease()
        .watched()
        .await("upgraded", MOST, now -> Flux.Reconciled.is(now, "Ready", "True"));
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.AFTER_NEXT_VERSION);
    service.run("find,everything", "ada");
  }

  @Test
  @DisplayName(
      "Flux: a deleted Role and an edited label of the StatefulSet are put back, and what is published stays untouched")
  void drift(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    Snapshot published = new Incident(workspace, namespace).published();
    var role =
        workspace
            .client()
            .rbac()
            .roles()
            .inNamespace(namespace)
            .withName(Release.NAME + "-migrate-publish");
    role.delete();
    var set = deployed.release().statefulSet();
    set.edit(now -> {
      now.getMetadata().getLabels().put("app.kubernetes.io/managed-by", "somebody");
      return now;
    });
    deployed.helmRelease().reconcile();
    assertThat(role.waitUntilCondition(now -> now != null, 60, TimeUnit.SECONDS)).isNotNull();
    set.waitUntilCondition(
        now -> now.getMetadata().getLabels().get("app.kubernetes.io/managed-by").equals("Helm"),
        60,
        TimeUnit.SECONDS);
    assertThat(new Incident(workspace, namespace).published().changedSince(published)).isEmpty();
  }

  @Test
  @DisplayName(
      "Flux: a service that depends on the database waits for a migration that fails, and comes with its correction")
  void consumer(Workspace workspace) {
    String broken = Images.withMigration("flux-dep", Migrations.brokenAfterNext());
    String right = Images.tag(Images.MIGRATOR);
    GitRepository repository = new GitRepository(workspace);
    repository.release(broken);
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    String consumers = repository.namespace("progress-dev");
    workspace.client().resource(Service.sources(consumers)).create();
    deployed
        .flux()
        .apply(repository.adapt("examples/flux/progress-dev.yaml", deployed.flux().namespace()));
    deployed
        .helmRelease()
        .watched()
        .await("tried once", MOST, now -> now.at("/status/installFailures").asInt() >= 1);
    Flux.Reconciled progress = deployed.flux().helmRelease(consumers, "progress");
    assertThat(Flux.Reconciled.message(progress.watched().get(), "Ready"))
        .contains(deployed.namespace() + "/" + Release.NAME + "' is not ready");

    deployed.release(right);
    deployed.helmRelease().awaitReady();
    progress.awaitReady();
    workspace
        .client()
        .apps()
        .deployments()
        .inNamespace(consumers)
        .withName("progress")
        .waitUntilReady(60, TimeUnit.SECONDS);
  }
}

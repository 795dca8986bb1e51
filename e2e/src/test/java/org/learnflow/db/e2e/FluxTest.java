package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Secret;
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

/** The examples for Flux, applied to Flux. */
@Tag("gitops")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class FluxTest {
  private static final int RECONCILIATIONS = 20;

  /** Reconciliations that upgrade, and so run the hooks. */
  private static final int UPGRADES = 5;

  @Test
  @DisplayName(
      "Flux: the first reconciliation ends Ready with a published database that services of two namespaces work with, each as its own role; 20 more, five of them upgrades with all hooks, change nothing, and no drift is found")
  void reconciliations(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    String consumers = repository.namespace("progress-dev");
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    new Service(workspace, namespace).run("add,find,everything,refused", "ada");
    Service progress = new Service(workspace, consumers, Release.NAME + "-progress");
    progress.run("find", "ada");

    Snapshot before = snapshot(workspace, List.of(namespace, consumers));
    for (int i = 0; i < RECONCILIATIONS; i++) {
      if (i < UPGRADES) {
        deployed.helmRelease().force();
      } else {
        deployed.helmRelease().reconcile();
      }
      deployed.helmRelease().awaitReady();
    }
    JsonNode newest = deployed.helmRelease().watched().get().at("/status/history/0");
    assertThat(newest.path("version").asInt()).isEqualTo(1 + UPGRADES);
    assertThat(newest.path("status").asText()).isEqualTo("deployed");
    assertThat(snapshot(workspace, List.of(namespace, consumers)).changedSince(before)).isEmpty();
    assertThat(workspace.client().v1().events().inNamespace(namespace).list().getItems())
        .noneSatisfy(event -> assertThat(event.getReason()).startsWith("Drift"));
    progress.run("find", "ada");
  }

  @Test
  @DisplayName(
      "Flux: a commit with a new migration is applied once; a broken one fails the HelmRelease, with file, line and SQLSTATE in the Job that it names, and nothing published; the corrected image heals it without a hand")
  void migrations(Workspace workspace) {
    String next = Images.withMigration("flux-next", Migrations.FILE, Migrations.BADGES);
    String broken = Images.withMigration("flux-broken", Migrations.brokenAfterNext());
    String corrected = Images.withMigration("flux-corrected", Migrations.correctedAfterNext());
    GitRepository repository = new GitRepository(workspace);
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");

    deployed.awaitDeployed(repository.release(next));
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");
    deployed.helmRelease().force();
    deployed.helmRelease().awaitReady();
    Incident incident = new Incident(workspace, namespace);
    incident.assertNothingWasToDo();

    Snapshot published = incident.published();
    deployed.release(broken);
    JsonNode failed = deployed.helmRelease().awaitFailed();
    assertThat(Flux.Reconciled.message(failed, "Released")).contains(Incident.JOB);
    incident.assertTold(Migrations.AFTER_NEXT + ", line 1, SQLSTATE 22012");
    assertThat(incident.published().changedSince(published)).isEmpty();
    service.run("find", "ada");

    deployed.awaitDeployed(repository.release(corrected));
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.AFTER_NEXT_VERSION);
    service.run("find,everything,award_badge", "ada");
  }

  @Test
  @DisplayName(
      "Flux: a service gets a role of its own with one commit; its password is rotated, and reconciliations after that change nothing")
  void services(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    FluxExample deployed = FluxExample.deploy(workspace, repository, "dev");
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    new Service(workspace, namespace).run("add", "ada");

    deployed.awaitDeployed(repository.commitService("reporting"));
    Service reporting = new Service(workspace, namespace, Release.NAME + "-reporting");
    reporting.run("find", "ada");
    deployed
        .release()
        .learnflowDb("credentials", "rotate", "--yes", "--service", "reporting")
        .successful();
    Snapshot before = snapshot(workspace, List.of(namespace));
    for (int i = 0; i < 3; i++) {
      if (i == 0) {
        deployed.helmRelease().force();
      } else {
        deployed.helmRelease().reconcile();
      }
      deployed.helmRelease().awaitReady();
    }
    assertThat(snapshot(workspace, List.of(namespace)).changedSince(before)).isEmpty();
    reporting.run("find", "ada");
    new Service(workspace, namespace).run("find", "ada");
  }

  @Test
  @DisplayName(
      "Flux: deleting the production HelmRelease leaves passwords and volumes alone; a new one over them has the old rows and password")
  void deletion(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    FluxExample deployed = FluxExample.deploy(workspace, repository, "prod");
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    new Service(workspace, namespace).run("add", "ada");
    Secret credentials = deployed.release().credentials();
    Map<String, String> published = deployed.release().published(namespace);

    deployed.helmRelease().watched().delete();
    deployed.helmRelease().watched().awaitGone(Duration.ofMinutes(2));
    new Incident(workspace, namespace).assertOnlyKept();
    assertThat(deployed.release().credentials()).isEqualTo(credentials);

    deployed.flux().apply(repository.read("examples/flux/prod.yaml"));
    deployed.helmRelease().awaitReady();
    assertThat(deployed.release().credentials()).isEqualTo(credentials);
    assertThat(deployed.release().published(namespace)).isEqualTo(published);
    new Service(workspace, namespace).run("find,everything,refused", "ada");
  }

  @Test
  @DisplayName(
      "Flux: two environments of one repository: a commit reaches development alone, and a tag brings it to production")
  void environments(Workspace workspace) {
    String next = Images.withMigration("flux-two", Migrations.FILE, Migrations.BADGES);
    GitRepository repository = new GitRepository(workspace);
    Flux flux = new Flux(workspace);
    FluxExample dev = FluxExample.deploy(workspace, repository, flux, "dev");
    FluxExample prod = FluxExample.deploy(workspace, repository, flux, "prod");
    dev.helmRelease().awaitReady();
    prod.helmRelease().awaitReady();
    List<String> production = List.of(prod.namespace());
    Snapshot before = snapshot(workspace, production);

    String revision = repository.release(next);
    dev.awaitDeployed(revision);
    assertThat(dev.release().published(dev.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    prod.source().reconcile();
    prod.helmRelease().reconcile();
    prod.helmRelease().awaitReady();
    assertThat(snapshot(workspace, production).changedSince(before)).isEmpty();

    prod.awaitDeployed(revision);
    assertThat(prod.release().published(prod.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
  }

  @Test
  @DisplayName(
      "Flux: from a chart repository, as the examples' README says: a first installation, and the next version of the chart with a new migration")
  void chartRepository(Workspace workspace) {
    String next = Images.withMigration("flux-charts", Migrations.FILE, Migrations.BADGES);
    GitRepository repository = new GitRepository(workspace);
    repository.publish("0.1.0");
    repository.write("prod.yaml", fromChartRepository(repository));
    FluxExample deployed =
        FluxExample.deploy(workspace, repository, new Flux(workspace), "prod", "prod.yaml");
    deployed.helmRelease().awaitReady();
    String namespace = deployed.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");

    repository.release(next);
    repository.publish("0.2.0");
    deployed.flux().helmRepository(namespace, Release.NAME).reconcile();
    deployed.flux().apply(repository.read("prod.yaml").replace("0.1.0", "0.2.0"));
    JsonNode upgraded = deployed.helmRelease().awaitReady();
    assertThat(upgraded.at("/status/history/0/chartVersion").asText()).startsWith("0.2.0");
    assertThat(deployed.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");
  }

  /** The example for production with what the README has in the place of source and chart. */
  private static String fromChartRepository(GitRepository repository) {
    String readme = repository.read("examples/flux/README.md");
    String[] section =
        readme.substring(readme.indexOf("kind: HelmRepository\n")).split("\n---\n|\n```");
    ObjectNode release =
        Serialization.unmarshal(
            repository.read("examples/flux/prod.yaml").split("\n---\n")[1], ObjectNode.class);
    release
        .withObject("/spec")
        .set("chart", Serialization.unmarshal(section[1], JsonNode.class).at("/spec/chart"));
    return "apiVersion: source.toolkit.fluxcd.io/v1\n"
        + section[0].replaceFirst("url: .*", "url: " + repository.chartsUrl())
        + "\n"
        + Serialization.asYaml(release);
  }

  /** Without what says how Flux itself is getting on. */
  private static Snapshot snapshot(Workspace workspace, List<String> namespaces) {
    return Snapshot.of(workspace.client(), namespaces).without(Flux.KINDS);
  }
}

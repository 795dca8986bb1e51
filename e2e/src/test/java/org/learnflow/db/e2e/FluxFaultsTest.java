package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** What befalls Flux, its repository, or the release while Flux is at work on it. */
@Tag("gitops")
@Timeout(value = 15, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class FluxFaultsTest {
  private static final Duration MOST = Duration.ofMinutes(3);

  private static final String MISSING = "no-such-tag";

  private static final String PROD_VALUES = "charts/learnflow-db/values-prod.yaml";

  /** A dump needs PostgreSQL's image too, without which the first hook ends the upgrade. */
  private static final Consumer<ObjectNode> NO_DUMP =
      values -> values.withObject("/backup").put("beforeMigrate", false);

  /** The Job gives up sooner than anybody would want. */
  private static final Consumer<ObjectNode> MISSING_POSTGRESQL =
      values -> {
        values.withObject("/postgresql/image").put("tag", MISSING);
        values.withObject("/migrator").put("timeout", "5s").put("backoffLimit", 0);
      };

  /** The first hook does. */
  private static final Consumer<ObjectNode> MISSING_MIGRATOR =
      values -> values.withObject("/migrator/image").put("tag", MISSING).put("checkSeconds", 10);

  @Test
  @DisplayName(
      "Flux: helm-controller killed in the first hook, while Helm waits for PostgreSQL, and in the last hook, of a first installation and of an upgrade: started again it unlocks the release and ends Ready without a hand; the migration is applied, all rows stay")
  void killed(Workspace workspace) {
    assumeThat(Controllers.INSTALLED).as("controllers that are part of the cluster").isFalse();
    String longer = Images.withMigration("flux-killed", Migrations.FILE, Migrations.longBadges(5));
    GitRepository repository = new GitRepository(workspace);
    // As for those who leave the line out: between the hooks Helm itself waits.
    FluxExample.replace(repository, "prod", "disableWait: true", "disableWait: false");
    FluxExample database = FluxExample.deploy(workspace, repository, "prod");
    Jobs jobs = new Jobs(workspace, database.namespace());

    database.release().awaitHook();
    restartHelmController(database, "pending-install");
    database.release().statefulSet().waitUntilCondition(Objects::nonNull, 60, TimeUnit.SECONDS);
    restartHelmController(database, "pending-upgrade");
    jobs.awaitRunning(Incident.JOB, 60);
    restartHelmController(database, "pending-upgrade");
    database.helmRelease().awaitReady();
    Service service = new Service(workspace, database.namespace());
    service.run("add,everything,without_badges", "ada");

    String revision = repository.release(longer);
    database.see();
    database.release().awaitHook();
    restartHelmController(database, "pending-upgrade");
    jobs.awaitMigrating(60);
    restartHelmController(database, "pending-upgrade");
    database.helmRelease().awaitRevision(revision);
    database.helmRelease().awaitReady();
    assertThat(database.release().published(database.namespace()))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");
    assertThat(events(workspace, database))
        .anySatisfy(event -> assertThat(event).contains("Unlocked Helm release", "pending-install"))
        .anySatisfy(
            event -> assertThat(event).contains("Unlocked Helm release", "pending-upgrade"));
  }

  /** Kills it, and starts it where it has left the release in this state. */
  private static void restartHelmController(FluxExample database, String state) {
    Programs programs = database.flux().programs();
    programs.kill(Flux.HELM_CONTROLLER);
    assertThat(database.release().history().getLast()).isEqualTo(state);
    programs.start(Flux.HELM_CONTROLLER);
  }

  @Test
  @DisplayName(
      "Flux: helm-controller killed while it removes an installation that failed: it says what is wrong, and after helm uninstall it installs again, with the same passwords")
  void killedInRemoval(Workspace workspace) {
    assumeThat(Controllers.INSTALLED).as("controllers that are part of the cluster").isFalse();
    GitRepository repository = new GitRepository(workspace);
    setValues(repository, NO_DUMP);
    String right = repository.read(PROD_VALUES);
    commitMissing(repository, MISSING_POSTGRESQL);
    repository.tag(GitRepository.FIRST_TAG);
    FluxExample database = FluxExample.deploy(workspace, repository, "prod");
    Programs programs = database.flux().programs();

    // A removal takes a moment; this one takes until the object has lost its finalizer.
    Resource<ConfigMap> held =
        workspace
            .client()
            .configMaps()
            .inNamespace(database.namespace())
            .withName(Release.NAME + "-release");
    held.waitUntilCondition(Objects::nonNull, 60, TimeUnit.SECONDS);
    setFinalizers(held, "learnflow.test/held");
    held.waitUntilCondition(
        now -> now.getMetadata().getDeletionTimestamp() != null, 120, TimeUnit.SECONDS);
    programs.kill(Flux.HELM_CONTROLLER);
    assertThat(database.release().history()).containsExactly("uninstalling");
    setFinalizers(held);
    Secret credentials = database.release().credentials();
    programs.start(Flux.HELM_CONTROLLER);
    database
        .helmRelease()
        .watched()
        .await(
            "stuck",
            MOST,
            now -> Flux.Reconciled.message(now, "Released").contains("has no deployed releases"));

    database.release().uninstall().successful();
    repository.write(PROD_VALUES, right);
    database.awaitDeployed(repository.commit("PostgreSQL's image"));
    assertThat(database.release().credentials()).isEqualTo(credentials);
    new Service(workspace, database.namespace()).run("add,everything", "ada");
  }

  private static void setFinalizers(Resource<ConfigMap> object, String... finalizers) {
    object.edit(now -> {
      now.getMetadata().setFinalizers(List.of(finalizers));
      return now;
    });
  }

  @Test
  @DisplayName(
      "Flux: an image of PostgreSQL that is not there fails the first installation, which the right one heals without a hand; so does one of the migrator in an upgrade; one of PostgreSQL in an upgrade heals once the pod is deleted that the Job names; all rows stay")
  void images(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    setValues(repository, NO_DUMP);
    String right = repository.read(PROD_VALUES);
    commitMissing(repository, MISSING_POSTGRESQL);
    repository.tag(GitRepository.FIRST_TAG);
    FluxExample database = FluxExample.deploy(workspace, repository, "prod");
    String namespace = database.namespace();
    JsonNode failed =
        database
            .helmRelease()
            .watched()
            .await("tried once", MOST, now -> now.at("/status/installFailures").asInt() >= 1);
    assertThat(Flux.Reconciled.message(failed, "Released")).contains(Incident.JOB + " failed");
    repository.write(PROD_VALUES, right);
    database.awaitDeployed(repository.commit("PostgreSQL's image"));
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Snapshot published = new Incident(workspace, namespace).published();

    commitMissing(repository, MISSING_MIGRATOR);
    database.see();
    assertThat(Flux.Reconciled.message(database.helmRelease().awaitFailed(), "Released"))
        .contains(Release.NAME + "-image-pull-and-credentials failed");
    service.run("find", "ada");
    repository.write(PROD_VALUES, right);
    database.awaitDeployed(repository.commit("The migrator's image"));
    assertThat(new Incident(workspace, namespace).published().changedSince(published)).isEmpty();

    commitMissing(repository, MISSING_POSTGRESQL);
    database.see();
    assertThat(Flux.Reconciled.message(database.helmRelease().awaitFailed(), "Released"))
        .contains(Incident.JOB + " failed");
    repository.write(PROD_VALUES, right);
    String corrected = repository.commit("PostgreSQL's image");
    database.see();
    new Pods(workspace.client())
        .awaitLog(
            new Jobs(workspace, namespace).awaitRunning(Incident.JOB, 60),
            "pod postgres-0 is of the previous revision and not ready");
    workspace.client().pods().inNamespace(namespace).withName("postgres-0").delete();
    database.awaitDeployed(corrected);
    service.run("find,everything", "ada");
  }

  private static void commitMissing(GitRepository repository, Consumer<ObjectNode> image) {
    setValues(repository, image);
    repository.commit("An image that is not there");
  }

  private static void setValues(GitRepository repository, Consumer<ObjectNode> set) {
    ObjectNode values = Serialization.unmarshal(repository.read(PROD_VALUES), ObjectNode.class);
    set.accept(values);
    repository.write(PROD_VALUES, Serialization.asYaml(values));
  }

  @Test
  @DisplayName(
      "Flux: the repository is gone while a release is at work, and an upgrade is asked for during its last hook: both upgrades end Ready, the source says what it cannot reach, the next commit is taken once it is there; a StatefulSet scaled to nothing is put back with its rows; deleted Secret, ConfigMap and hook Job leave the HelmRelease Ready, and the periodic run publishes again")
  void meanwhile(Workspace workspace) {
    String longer =
        Images.withMigration("flux-meanwhile", Migrations.FILE, Migrations.longBadges(5));
    GitRepository repository = new GitRepository(workspace);
    // Never: the test starts its Job itself.
    FluxExample.replace(repository, "prod", "*/15 * * * *", "0 0 31 2 *");
    FluxExample database = FluxExample.deploy(workspace, repository, "prod");
    database.helmRelease().awaitReady();
    String namespace = database.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Jobs jobs = new Jobs(workspace, namespace);

    repository.release(longer);
    database.see();
    jobs.awaitMigrating(60);
    repository.server().close();
    String asked = database.helmRelease().request(true);
    database.source().reconcile();
    JsonNode source = database.source().watched().get();
    assertThat(Flux.Reconciled.is(source, "Ready", "False")).isTrue();
    assertThat(Flux.Reconciled.message(source, "Ready")).contains(repository.url(), "refused");
    database.helmRelease().awaitHandled(asked);
    JsonNode newest = database.helmRelease().awaitReady().at("/status/history/0");
    assertThat(newest.path("version").asInt()).isEqualTo(3);
    new Incident(workspace, namespace).assertNothingWasToDo();
    assertThat(database.release().published(namespace))
        .containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    repository.server().start();
    database.awaitDeployed(repository.commit("The next one"));
    service.run("find,award_badge", "ada");

    database.release().statefulSet().scale(0);
    workspace
        .client()
        .pods()
        .inNamespace(namespace)
        .withName("postgres-0")
        .waitUntilCondition(Objects::isNull, 60, TimeUnit.SECONDS);
    database.helmRelease().reconcile();
    database.release().statefulSet().waitUntilReady(60, TimeUnit.SECONDS);
    service.run("find,everything", "ada");
    assertThat(events(workspace, database))
        .anySatisfy(event -> assertThat(event).contains("drifted", "StatefulSet", "postgres"));

    Map<String, String> published = database.release().published(namespace);
    workspace.client().secrets().inNamespace(namespace).withName(Release.NAME + "-env").delete();
    workspace.client().configMaps().inNamespace(namespace).withName(Release.NAME).delete();
    workspace.client().batch().v1().jobs().inNamespace(namespace).withName(Incident.JOB).delete();
    database.helmRelease().reconcile();
    database.helmRelease().awaitReady();
    assertThat(database.release().secret(namespace, Release.NAME + "-env")).isNull();
    assertThat(jobs.runNow(Release.NAME + "-reconcile", "periodic", 90).strip())
        .contains("2 written")
        .containsPattern("(?m)^healthy$");
    assertThat(database.release().published(namespace)).isEqualTo(published);
    database.helmRelease().reconcile();
    database.helmRelease().awaitReady();
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "Flux: a second HelmRelease of another name over a living database is refused by Helm, and nothing is changed; one that is given another releaseName is removed, and the new release refused by its first hook, which names the page; volume and passwords stay, and the old name heals it with all rows")
  void renamed(Workspace workspace) {
    GitRepository repository = new GitRepository(workspace);
    FluxExample database = FluxExample.deploy(workspace, repository, "prod");
    database.helmRelease().awaitReady();
    String namespace = database.namespace();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Secret credentials = database.release().credentials();
    Map<String, String> published = database.release().published(namespace);

    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace)).without(Flux.KINDS);
    Flux.Reconciled second = database.flux().helmRelease(namespace, "lessons");
    ObjectNode lessons = (ObjectNode) database.helmRelease().watched().get();
    lessons.remove("status");
    lessons
        .putObject("metadata")
        .put("name", "lessons")
        .put("namespace", namespace)
        .putObject("labels")
        .put(Flux.SHARD, database.flux().namespace());
    database.flux().apply(Serialization.asYaml(lessons));
    JsonNode taken =
        second
            .watched()
            .await("refused", MOST, now -> Flux.Reconciled.is(now, "Released", "False"));
    assertThat(Flux.Reconciled.message(taken, "Released"))
        .contains("invalid ownership metadata", Release.NAME);
    second.watched().delete();
    second.watched().awaitGone(MOST);
    assertThat(
            Snapshot.of(workspace.client(), List.of(namespace))
                .without(Flux.KINDS)
                .changedSince(before))
        .isEmpty();

    database.helmRelease().watched().patch("{\"spec\": {\"releaseName\": \"lessons\"}}");
    JsonNode refused =
        database
            .helmRelease()
            .watched()
            .await("refused", MOST, now -> now.at("/status/installFailures").asInt() >= 1);
    String pod = "lessons-image-pull-and-credentials";
    assertThat(Flux.Reconciled.message(refused, "Released")).contains(pod + " failed");
    assertThat(
            Pods.end(workspace.client().pods().inNamespace(namespace).withName(pod).get())
                .getMessage())
        .contains(
            "this release is lessons, but the database in this namespace is that of release "
                + Release.NAME,
            "docs/how-to/rename.md");
    assertThat(database.release().secret(namespace, "lessons-credentials")).isNull();
    assertThat(database.release().credentials()).isEqualTo(credentials);

    database.helmRelease().watched().patch("{\"spec\": {\"releaseName\": null}}");
    database.helmRelease().awaitReady();
    assertThat(database.release().credentials()).isEqualTo(credentials);
    assertThat(database.release().published(namespace)).isEqualTo(published);
    service.run("find,everything,refused", "ada");
  }

  private static List<String> events(Workspace workspace, FluxExample database) {
    return workspace
        .client()
        .v1()
        .events()
        .inNamespace(database.namespace())
        .list()
        .getItems()
        .stream()
        .map(event -> event.getMessage())
        .toList();
  }
}

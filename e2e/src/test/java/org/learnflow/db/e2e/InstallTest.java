package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The README's command, from nothing to nothing. */
@ExtendWith(Workspaces.class)
class InstallTest {
  private static final String OWNER = Release.NAME + "-owner";

  /** The collector takes what has lost its owner. */
  private static final int COLLECTED_SECONDS = 60;

  @Test
  @DisplayName(
      "dev: one command, a published database that a service of another namespace works with; again: nothing changes; uninstalled: nothing published is left")
  void dev(Workspace workspace) {
    // Helm makes the first namespace itself.
    Release release = new Release(workspace, "helm", workspace.unmade(), "values-dev.yaml");
    String consumers = workspace.restricted();
    String[] options = {"--set", "publish.namespaces={" + consumers + "}"};

    Command install = release.upgradeInstall(options).successful();
    assertPublished(release, release.namespace());
    assertPublished(release, consumers);
    Command test = release.test().successful();
    assertThat(test.output().strip()).endsWith("healthy");
    new Service(workspace, consumers).run("add,find,everything,refused", "ada");
    release.assertNoPasswordIn(
        install.output(), test.output(), release.kept().successful().output());
    release.assertNoPasswordIn(logs(workspace, release.namespace()).toArray(String[]::new));

    Snapshot before = Snapshot.of(workspace.client(), workspace.namespaces());
    release.upgradeInstall(options).successful();
    assertThat(Snapshot.of(workspace.client(), workspace.namespaces()).changedSince(before))
        .isEmpty();
    new Service(workspace, consumers).run("find", "ada");

    release.uninstall().successful();
    assertNothingPublished(workspace, release.namespace());
    assertNothingPublished(workspace, consumers);
    assertThat(release.credentials()).isNotNull();
  }

  @Test
  @DisplayName(
      "prod under PSA restricted: uninstalled and installed again, rows and passwords are still there")
  void prod(Workspace workspace) {
    String namespace = workspace.restricted();
    Release release = new Release(workspace, "helm", namespace, "values-prod.yaml");
    release.upgradeInstall().successful();
    String tls = Images.BITNAMI ? "" : "verified,";
    assertPublished(
        release, namespace, Images.BITNAMI ? new String[0] : new String[] {"DATABASE_CA_CERT"});
    new Service(workspace, namespace).run(tls + "add,find,everything,refused", "ada");
    Snapshot before = Snapshot.of(workspace.client(), workspace.namespaces());
    release.upgradeInstall().successful();
    assertThat(Snapshot.of(workspace.client(), workspace.namespaces()).changedSince(before))
        .isEmpty();
    Secret credentials = release.credentials();
    Map<String, String> published = release.published(namespace);

    release.uninstall().successful();
    assertNothingPublished(workspace, namespace);
    assertThat(release.credentials()).isEqualTo(credentials);
    assertThat(claims(workspace, namespace))
        .containsExactly("data-postgres-0", "learnflow-db-backups");

    release.upgradeInstall().successful();
    assertThat(release.credentials()).isEqualTo(credentials);
    assertThat(release.published(namespace)).isEqualTo(published);
    new Service(workspace, namespace).run(tls + "find", "ada");
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
  }

  @Test
  @DisplayName("Helm 3 installs, tests, upgrades and uninstalls just the same")
  void helm3(Workspace workspace) {
    Release release = new Release(workspace, "helm3", workspace.unmade(), "values-dev.yaml");
    release.upgradeInstall("--wait").successful();
    assertPublished(release, release.namespace());
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
    Snapshot before = Snapshot.of(workspace.client(), workspace.namespaces());
    release.upgradeInstall("--wait").successful();
    assertThat(Snapshot.of(workspace.client(), workspace.namespaces()).changedSince(before))
        .isEmpty();
    new Service(workspace, release.namespace()).run("add,find", "ada");
    release.uninstall().successful();
    assertNothingPublished(workspace, release.namespace());
  }

  private static void assertPublished(Release release, String namespace, String... more) {
    Map<String, String> environment = release.published(namespace);
    String host = "postgres." + release.namespace() + ".svc.cluster.local";
    Set<String> keys = new TreeSet<>(List.of(more));
    keys.addAll(
        List.of(
            "DATABASE_URL",
            "PGUSER",
            "PGPASSWORD",
            "PGHOST",
            "PGPORT",
            "PGDATABASE",
            "PGSSLMODE",
            "SCHEMA_VERSION"));
    assertThat(environment)
        .containsOnlyKeys(keys)
        .containsEntry("PGHOST", host)
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    assertThat(environment.get("PGPASSWORD"))
        .hasSize(32)
        .isEqualTo(Release.decoded(release.credentials()).get("app-password"));
    assertThat(release.secret(namespace, Release.NAME).getType())
        .isEqualTo("servicebinding.io/postgresql");
    assertThat(release.binding(namespace))
        .containsEntry("type", "postgresql")
        .containsEntry("host", host)
        .containsEntry("username", "learnflow_user")
        .containsEntry("uri", environment.get("DATABASE_URL"));
    assertThat(
            release
                .secret(namespace, Release.NAME)
                .getMetadata()
                .getOwnerReferences()
                .getFirst()
                .getName())
        .isEqualTo(OWNER);
  }

  private static void assertNothingPublished(Workspace workspace, String namespace) {
    for (String name : List.of(Release.NAME, Release.NAME + "-env")) {
      workspace
          .client()
          .secrets()
          .inNamespace(namespace)
          .withName(name)
          .waitUntilCondition(secret -> secret == null, COLLECTED_SECONDS, TimeUnit.SECONDS);
    }
    for (String name : List.of(Release.NAME, OWNER)) {
      workspace
          .client()
          .configMaps()
          .inNamespace(namespace)
          .withName(name)
          .waitUntilCondition(map -> map == null, COLLECTED_SECONDS, TimeUnit.SECONDS);
    }
  }

  private static List<String> logs(Workspace workspace, String namespace) {
    List<Pod> pods = workspace.client().pods().inNamespace(namespace).list().getItems();
    return pods.stream().map(new Pods(workspace.client())::log).toList();
  }

  private static List<String> claims(Workspace workspace, String namespace) {
    return workspace
        .client()
        .persistentVolumeClaims()
        .inNamespace(namespace)
        .list()
        .getItems()
        .stream()
        .map(claim -> claim.getMetadata().getName())
        .toList();
  }
}

package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What people read when something is wrong with what they gave, and that nothing is lost by it. */
@ExtendWith(Workspaces.class)
class BadInputTest {
  private static final String CREDENTIALS = Release.NAME + "-credentials";
  private static final String MIGRATE = Release.NAME + "-migrate";

  @Test
  @DisplayName(
      "a migrator image that cannot be pulled ends the installation with that reason in less than a minute, before anything is applied")
  void imageCannotBePulled(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.unmade(), "values-dev.yaml");
    Command install =
        release
            .upgradeInstall("--set", "migrator.image.repository=learnflow/no-such-image")
            .failed();
    assertThat(install.output()).contains(Release.NAME + "-image-pull");
    assertThat(install.duration()).isLessThan(Duration.ofMinutes(1));
    assertThat(workspace.client().v1().events().inNamespace(release.namespace()).list().getItems())
        .anySatisfy(event ->
            assertThat(event.getMessage()).contains("Failed to pull image", "no-such-image"));
    assertNothingApplied(workspace, release);
  }

  @Test
  @DisplayName(
      "a publish namespace that is not there is Helm's own error, before anything is changed")
  void publishNamespaceIsMissing(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.unmade(), "values-dev.yaml");
    String missing = workspace.unmade();
    String[] options = {"--set", "publish.namespaces={" + missing + "}"};
    Command install = release.upgradeInstall(options).failed();
    assertThat(install.output()).contains("namespaces \"" + missing + "\" not found");
    assertNothingApplied(workspace, release);

    workspace.cluster().createRestricted(missing);
    release.upgradeInstall(options).successful();
    assertThat(release.published(missing)).isEqualTo(release.published(release.namespace()));
  }

  @Test
  @DisplayName(
      "an existing Secret that lacks a key fails the run at once, naming the file; with the key the same command succeeds")
  void existingSecretLacksAKey(Workspace workspace) {
    String namespace = workspace.restricted();
    Secret secret =
        new SecretBuilder()
            .withNewMetadata()
            .withName("mine")
            .withNamespace(namespace)
            .endMetadata()
            .addToStringData("postgres-password", "first")
            .addToStringData("password", "second")
            .build();
    workspace.client().resource(secret).create();
    Release release = new Release(workspace, "helm", namespace, "values-dev.yaml");
    String[] options = {
      "--set", "credentials.existingSecret=mine,postgresql.auth.existingSecret=mine"
    };
    Command install = release.upgradeInstall(options).failed();
    assertThat(install.output()).contains("/credentials/app-password", "credentials.keys");
    assertThat(install.duration()).isLessThan(Duration.ofMinutes(1));
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.exitCode(MIGRATE)).isEqualTo(2);
    assertThat(jobs.attempts(MIGRATE)).isEqualTo(1);
    assertThat(jobs.terminationMessage(MIGRATE)).contains("/credentials/app-password");

    workspace
        .client()
        .secrets()
        .inNamespace(namespace)
        .withName("mine")
        .edit(found -> new SecretBuilder(found).addToStringData("app-password", "third").build());
    release.upgradeInstall(options).successful();
    assertThat(release.published(namespace)).containsEntry("PGPASSWORD", "third");
  }

  @Test
  @DisplayName(
      "lost credentials beside a living volume are refused with exit code 10 and the ways out; put back, all is as before")
  void credentialsAreLost(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    String[] options = {"--set", "postgresql.primary.persistence.enabled=true"};
    release.upgradeInstall(options).successful();
    new Service(workspace, namespace).run("add", "ada");
    Secret credentials = release.credentials();
    workspace.client().resource(credentials).delete();

    Command upgrade = release.upgradeInstall(options).failed();
    assertThat(upgrade.output())
        .contains(CREDENTIALS, "data-postgres-0", "restore the Secret from a backup");
    Pod hook =
        workspace
            .client()
            .pods()
            .inNamespace(namespace)
            .withName(Release.NAME + "-image-pull-and-credentials")
            .get();
    assertThat(Pods.end(hook).getExitCode()).isEqualTo(10);
    assertThat(Pods.end(hook).getMessage())
        .contains("nothing was changed", "restore the Secret from a backup");
    assertThat(release.credentials()).isNull();
    new Service(workspace, namespace).run("find", "ada");

    workspace
        .client()
        .resource(
            new SecretBuilder(credentials)
                .withNewMetadata()
                .withName(CREDENTIALS)
                .withNamespace(namespace)
                .endMetadata()
                .build())
        .create();
    release.upgradeInstall(options).successful();
    new Service(workspace, namespace).run("find", "ada");
  }

  /** Hooks may have run, but neither PostgreSQL nor passwords are there. */
  private static void assertNothingApplied(Workspace workspace, Release release) {
    String namespace = release.namespace();
    assertThat(release.credentials()).isNull();
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).versions())
        .containsOnlyKeys(
            "ConfigMap " + namespace + "/kube-root-ca.crt",
            "ServiceAccount " + namespace + "/default");
  }
}

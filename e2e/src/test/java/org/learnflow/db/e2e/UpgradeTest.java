package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The next version of the product brings one more migration. */
@ExtendWith(Workspaces.class)
class UpgradeTest {
  private static final String MIGRATE = Release.NAME + "-migrate";

  @Test
  @DisplayName(
      "an upgrade with a migration that fails says file, line, SQLSTATE and what to do, and leaves nothing behind; corrected, it is applied while services' connections go on")
  void migrationFailsAndIsCorrected(Workspace workspace) {
    String broken =
        Images.withMigration("broken", Migrations.FILE, Migrations.BADGES + "SELECT 1 / 0;\n");
    String corrected = Images.withMigration("corrected", Migrations.FILE, Migrations.BADGES);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");
    Snapshot published = published(workspace, namespace);

    Command upgrade = release.upgradeInstall("--set", "migrator.image.tag=" + broken).failed();
    Instant ended = Instant.now();
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(upgrade.output())
        .contains(Migrations.FILE + ", line 6, SQLSTATE 22012", "division by zero", "next:");
    assertThat(jobs.exitCode(MIGRATE)).isEqualTo(6);
    assertThat(jobs.attempts(MIGRATE)).isEqualTo(1);
    assertThat(jobs.terminationMessage(MIGRATE)).contains(Migrations.FILE, "22012");
    assertThat(Duration.between(jobs.finished(MIGRATE), ended)).isLessThan(Duration.ofSeconds(10));
    assertThat(published(workspace, namespace).changedSince(published)).isEmpty();
    service.run("find,without_badges", "ada");

    Pod connected = service.start("stay", "ada");
    release.upgradeInstall("--set", "migrator.image.tag=" + corrected).successful();
    service.end(connected);
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");
  }

  @Test
  @DisplayName(
      "--wait --rollback-on-failure: installs; an upgrade that fails leaves the older release deployed, and what is published untouched")
  void rollbackOnFailure(Workspace workspace) {
    String broken = Images.withMigration("rolled-back", Migrations.FILE, "SELECT 1 / 0;\n");
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall("--wait", "--rollback-on-failure").successful();
    new Service(workspace, namespace).run("add", "ada");
    Snapshot published = published(workspace, namespace);

    Command upgrade =
        release
            .upgradeInstall(
                "--wait", "--rollback-on-failure", "--set", "migrator.image.tag=" + broken)
            .failed();
    assertThat(upgrade.output())
        .contains(Migrations.FILE + ", line 1, SQLSTATE 22012", "rolled back");
    assertThat(release.history()).containsExactly("superseded", "failed", "deployed");
    assertThat(published(workspace, namespace).changedSince(published)).isEmpty();
    new Service(workspace, namespace).run("find", "ada");
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
    release.upgradeInstall("--wait", "--rollback-on-failure").successful();
    assertThat(published(workspace, namespace).changedSince(published)).isEmpty();
  }

  /** What services read, and the pod that they talk to. */
  private static Snapshot published(Workspace workspace, String namespace) {
    return Snapshot.of(workspace.client(), workspace.namespaces())
        .only(
            "Secret " + namespace + "/" + Release.NAME,
            "Secret " + namespace + "/" + Release.NAME + "-env",
            "ConfigMap " + namespace + "/" + Release.NAME,
            "Pod " + namespace + "/postgres-0");
  }
}

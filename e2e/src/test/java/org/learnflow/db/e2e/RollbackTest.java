package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Going back: helm rollback, --rollback-on-failure and learnflow-db rollback. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class RollbackTest {
  private static final String OLD = Repository.newestMigration();
  private static final String MIGRATE = Release.NAME + "-migrate";
  private static final String UNDO = "--set=migrator.onRollback=undo";

  /** A version that makes a table, and can undo that. */
  private static String next(String name) {
    return Images.withMigration(
        name,
        Map.of(
            Migrations.FILE,
            Migrations.BADGES,
            Migrations.FILE.replaceFirst("^V", "U"),
            "DROP TABLE badges;\n"));
  }

  @Test
  @DisplayName(
      "helm rollback keeps migrations: the older release is healthy on the newer schema, says so and how to undo; learnflow-db rollback does it by the stored script")
  void keep(Workspace workspace) {
    String next = next("kept");
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    release.upgradeInstall("--set", "migrator.image.tag=" + next).successful();

    release.rollback(1).successful();
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    assertThat(new Jobs(workspace, namespace).log(MIGRATE))
        .contains(
            "newer than these files: " + Migrations.NEXT, "learnflow-db rollback --to " + OLD);
    service.run("find,award_badge", "ada");

    // The program of this checkout has no such migration; its undo script is in the database.
    assertThat(release.learnflowDb("rollback", "--to", OLD, "--yes").failed().output())
        .contains("--backup FILE", "table public.badges, 1 rows");
    Command undone =
        release.learnflowDb("rollback", "--to", OLD, "--yes", "--no-backup").successful();
    assertThat(undone.output()).contains("done: schema at " + OLD, "healthy");
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", OLD);
    service.run("find,without_badges", "ada");
    assertThat(release.learnflowDb("drift").successful().output()).contains("no drift");
  }

  @Test
  @DisplayName(
      "migrator.onRollback=undo: helm rollback undoes what the older release does not have, after a recent dump; without one it refuses and names the way out")
  void undo(Workspace workspace) {
    String next = next("undone");
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall(UNDO).successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    release.upgradeInstall(UNDO, "--set", "migrator.image.tag=" + next).successful();

    Command refused = release.rollback(1).failed();
    assertThat(refused.output())
        .contains(
            "needs a backup from the last 24h",
            "helm rollback " + Release.NAME + " 1",
            "--no-hooks");
    assertThat(release.history()).endsWith("pending-rollback");
    service.run("find,award_badge", "ada");
    release.rollback(1, "--no-hooks").successful();
    assertThat(release.history()).endsWith("deployed");

    release.upgradeInstall(UNDO, "--set", "migrator.image.tag=" + next).successful();
    Path dump = Repository.ROOT.resolve("e2e/target/" + namespace + ".dump");
    release.learnflowDb("backup", dump.toString()).successful();
    release.rollback(1).successful();
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", OLD);
    service.run("find,without_badges", "ada");
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
  }

  @Test
  @DisplayName(
      "prod, migrator.onRollback=undo: an upgrade that fails under --rollback-on-failure leaves schema, rows and published objects as they were")
  void onFailure(Workspace workspace) {
    String failing =
        Images.withMigration(
            "half",
            Map.of(
                Migrations.FILE,
                Migrations.BADGES,
                Migrations.FILE.replaceFirst("^V", "U"),
                "DROP TABLE badges;\n",
                Migrations.AFTER_NEXT,
                "SELECT 1 / 0;\n"));
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall(UNDO).successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Map<String, String> published = release.published(namespace);

    Command upgrade =
        release
            .upgradeInstall(UNDO, "--rollback-on-failure", "--set", "migrator.image.tag=" + failing)
            .failed();
    assertThat(upgrade.output()).contains(Migrations.AFTER_NEXT + ", line 1, SQLSTATE 22012");
    assertThat(release.history()).endsWith("deployed");
    assertThat(release.published(namespace)).isEqualTo(published);
    service.run("find,without_badges", "ada");
    assertThat(release.learnflowDb("verify").successful().output())
        .contains("at " + OLD, "before-migrate")
        .endsWith("healthy\n");
  }
}

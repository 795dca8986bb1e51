package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Helm twice at once, and what an earlier one has left. */
@ExtendWith(Workspaces.class)
class HelmFaultsTest {
  private static final String MIGRATE = Release.NAME + "-migrate";

  @Test
  @DisplayName(
      "two helm upgrades at once: one fails because another is in progress, the other succeeds, and nothing is lost")
  void twoAtOnce(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    release.upgradeInstall().successful();
    new Service(workspace, release.namespace()).run("add", "ada");
    List<CompletableFuture<Command>> both =
        Stream.generate(release::upgradeInstallMeanwhile).limit(2).toList();
    List<Command> ended = both.stream().map(CompletableFuture::join).toList();
    assertThat(ended).filteredOn(command -> command.exit() == 0).hasSize(1);
    assertThat(ended)
        .filteredOn(command -> command.exit() != 0)
        .singleElement()
        .extracting(Command::output)
        .asString()
        .containsAnyOf("another operation", "release: already exists");

    CompletableFuture<Command> first = release.upgradeInstallMeanwhile();
    release.awaitHook();
    assertThat(release.upgradeInstall().failed().output())
        .contains("another operation (install/upgrade/rollback) is in progress");
    first.join().successful();
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
    new Service(workspace, release.namespace()).run("find", "ada");
  }

  @Test
  @DisplayName(
      "a Job of the last release that still runs, or that has failed, does not block the next upgrade; the migration is applied once")
  void leftoverJob(Workspace workspace) {
    String longer = Images.withMigration("leftover", Migrations.FILE, Migrations.longBadges(4));
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Jobs jobs = new Jobs(workspace, namespace);
    String tag = "migrator.image.tag=" + longer;
    String job = release.migrateJob("--set", tag);

    jobs.awaitRunning(jobs.start(job), 30);
    release.upgradeInstall("--set", tag).successful();
    assertThat(jobs.log(MIGRATE)).contains("healthy");
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", Migrations.NEXT);

    jobs.start(job.replace("args: [\"run\"]", "args: [\"no-such-command\"]"));
    jobs.awaitFailed(MIGRATE, 30);
    release.upgradeInstall("--set", tag).successful();
    service.run("find,award_badge", "ada");
  }

  @Test
  @DisplayName(
      "a helm upgrade killed between its hooks: the next one says that another is in progress; after helm rollback --no-hooks it succeeds, with all rows")
  void upgradeKilledBetweenHooks(Workspace workspace) throws InterruptedException {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    release.upgradeInstall().successful();
    Service service = new Service(workspace, release.namespace());
    service.run("add", "ada");
    Process upgrade = release.startUpgradeInstall();
    release.awaitHook();
    upgrade.destroyForcibly().waitFor();
    assertThat(release.history()).containsExactly("deployed", "pending-upgrade");

    assertThat(release.upgradeInstall().failed().output())
        .contains("another operation (install/upgrade/rollback) is in progress");
    service.run("find", "ada");
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
    release.rollbackWithoutHooks().successful();
    release.upgradeInstall().successful();
    service.run("find", "ada");
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
  }
}

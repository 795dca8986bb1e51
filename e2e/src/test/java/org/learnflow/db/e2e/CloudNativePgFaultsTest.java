package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Primaries of CloudNativePG that are lost at random moments, ten times each. */
@Tag("cnpg")
@Tag("full")
@Timeout(value = 40, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class CloudNativePgFaultsTest {
  private static final int TIMES = 10;

  /** The migration is undone by hand, so that the next run has it to apply again. */
  private static final String UNDO =
      "DROP TABLE badges; DELETE FROM flyway_schema_history WHERE version = '%s';"
          .formatted(Migrations.NEXT);

  @Test
  @DisplayName(
      "the primary lost at random moments of a run that dumps, migrates, seeds and publishes: the Job ends right by itself or with its next pods, and no acknowledged row of a service is lost")
  void run(Workspace workspace) {
    String next = Images.withMigration("lost", Migrations.FILE, Migrations.longBadges(4));
    String namespace = workspace.restricted();
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.apply();
    Release release = new Release(workspace, "helm", namespace, CloudNativePg.VALUES);
    release.upgradeInstall().successful();
    postgres.awaitHealthy();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    service.run("add", "eve");
    String job = release.migrateJob("--set", "migrator.image.tag=" + next);
    Jobs jobs = new Jobs(workspace, namespace);
    Kills kills = new Kills();
    for (int i = 0; i < TIMES; i++) {
      Pod writer = service.start("outage", "eve");
      service.awaitLog(writer, "writing");
      String name = jobs.start(job);
      jobs.awaitRunning(name, 60);
      kills.pause(Duration.ZERO, Duration.ofSeconds(9));
      kills.count(!jobs.hasEnded(name));
      postgres.loseThePrimary();
      String log = jobs.end(name, 270);
      service.end(writer);
      System.out.printf(
          "run, loss %d: %s; %s%n",
          i + 1,
          new Pods(workspace.client()).log(writer).lines().reduce("", (before, line) -> line),
          log.contains("continuing when") ? "the same pod went on" : "no session was open");
      postgres.awaitHealthy();
      service.run("find,award_badge", "ada");
      assertThat(release.learnflowDb("verify").successful().output()).contains("healthy");
      postgres.sql("learnflow", UNDO);
    }
    kills.assertMet(TIMES / 2);
    System.out.println(kills);
    assertThat(jobs.run(job, 120)).contains("1 migrations applied");
  }

  @Test
  @DisplayName(
      "the primary lost at random moments of a restore: the database is the old one or the whole new one, and the same command again restores it")
  void restore(Workspace workspace, @TempDir Path folder) {
    String namespace = workspace.restricted();
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.apply();
    Release release = new Release(workspace, "helm", namespace, CloudNativePg.VALUES);
    release.upgradeInstall().successful();
    postgres.awaitHealthy();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    String dump = folder.resolve("learnflow.dump").toString();
    release.learnflowDb("backup", dump).successful();
    Kills kills = new Kills();
    for (int i = 0; i < TIMES; i++) {
      Process restoring = release.startLearnflowDb("restore", dump, "--replace", "--yes");
      kills.pause(Duration.ZERO, Duration.ofSeconds(4));
      kills.count(restoring.isAlive());
      postgres.loseThePrimary();
      restoring.onExit().orTimeout(4, TimeUnit.MINUTES).join();
      postgres.awaitHealthy();
      service.run("find", "ada");
      release.learnflowDb("restore", dump, "--replace", "--yes").successful();
      service.run("find", "ada");
      release.learnflowDb("restore", "--drop-old", "--yes").successful();
    }
    kills.assertMet(TIMES / 2);
    System.out.println(kills);
  }
}

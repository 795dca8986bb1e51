package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The dump before a migration, and the nightly one. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class DumpTest {
  private static final String FILL =
      "cat /dev/zero >/backups/filler 2>/dev/null; ls -l /backups >&2; true";

  @Test
  @DisplayName(
      "prod: a dump is made before a migration is applied, and only then; without room for it the upgrade stops, says so and applies nothing")
  void beforeMigration(Workspace workspace) {
    String next = Images.withMigration("dumped", Migrations.FILE, Migrations.BADGES);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    String[] tiny = {"--set", "backup.volume.storageClass=tiny"};
    String[] upgrade = {"--set", tiny[1] + ",migrator.image.tag=" + next};
    release.upgradeInstall("--wait", tiny[0], tiny[1]).successful();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");
    Jobs jobs = new Jobs(workspace, namespace);
    String job = Release.NAME + "-migrate";
    assertThat(jobs.log(job)).doesNotContain("dump ");
    onVolume(workspace, namespace, FILL);

    OnCall onCall = new OnCall(release, "volume for dumps full");
    onCall.installs(
        upgrade, "No space left on device", "no migration was applied", "docs/how-to/backup.md");
    service.run("find,without_badges", "ada");
    assertThat(backups(release)).isEqualTo("none");

    onVolume(workspace, namespace, "rm /backups/filler");
    release.upgradeInstall(upgrade).successful();
    service.run("find,award_badge", "ada");
    assertThat(jobs.log(job)).contains("pending: " + Migrations.FILE, "before-migrate-");
    assertThat(jobs.log(job, "dump")).contains("before-migrate-");
    assertThat(backups(release))
        .contains("before-migrate", "schema " + Repository.newestMigration());
    release.upgradeInstall(upgrade).successful();
    assertThat(jobs.log(job)).doesNotContain("dump ");
    release.assertNoPasswordIn(jobs.log(job), release.kept().output());
  }

  @Test
  @DisplayName(
      "prod: a dump's container that ends in a dump, which Kubernetes starts again, ends the upgrade, which says so and applies nothing; the same command again succeeds, and no part of the first dump is left")
  void killedInTheDump(Workspace workspace) {
    String next = Images.withMigration("dumped", Migrations.FILE, Migrations.BADGES);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall("--wait").successful();
    String job = Release.NAME + "-migrate";
    String[] upgrade = {"--set", "migrator.image.tag=" + next};
    Jobs jobs = new Jobs(workspace, namespace);
    Pods pods = new Pods(workspace.client());
    CompletableFuture<String> locked = pods.lock(namespace, "users", 30);
    CompletableFuture<Command> failing = release.upgradeInstallMeanwhile(upgrade);
    Pod pod = jobs.awaitRunning(job, 60);
    pods.awaitLog(pod, "dumping learnflow");
    pods.shell(pod, "dump", "kill 1");
    assertThat(failing.join().failed().output())
        .contains("its container was killed", "no migration was applied");
    assertThat(jobs.attempts(job)).isEqualTo(1);
    assertThat(jobs.restarts(job, "dump")).isEqualTo(1);
    assertThat(backups(release)).isEqualTo("none");
    onVolume(workspace, namespace, "test -z \"$(ls /backups)\"");
    locked.join();

    release.upgradeInstall(upgrade).successful();
    assertThat(backups(release)).contains("before-migrate");
    onVolume(workspace, namespace, "test \"$(ls /backups | wc -l)\" = 1");
  }

  @Test
  @Tag("full")
  @DisplayName(
      "prod: a Job whose deadline passes during the dump ends at once, and leaves no part of it; without the lock that kept it, the same command succeeds")
  void deadlineInTheDump(Workspace workspace) {
    String next = Images.withMigration("dumped", Migrations.FILE, Migrations.BADGES);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall("--wait").successful();
    String upgrade = "migrator.image.tag=" + next;
    CompletableFuture<String> locked = new Pods(workspace.client()).lock(namespace, "users", 45);
    Command failed =
        release
            .upgradeInstall(
                "--set", upgrade + ",migrator.deadlineSeconds=20,backup.deadlineSeconds=20")
            .failed();
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(failed.output()).contains("deadline");
    assertThat(jobs.hasEnded(Release.NAME + "-migrate")).isTrue();
    onVolume(workspace, namespace, "test -z \"$(ls /backups)\"");
    locked.join();

    release.upgradeInstall("--set", upgrade).successful();
    assertThat(backups(release)).contains("before-migrate");
  }

  @Test
  @DisplayName(
      "prod: the CronJob of drills restores the newest dump beside the database, with PostgreSQL's programs from its image, and drops it; verify tells the result, that of a damaged dump, and that a volume has no room for it")
  void drill(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    String[] options = {"--set", "backup.drill.schedule=@weekly"};
    release.upgradeInstall(options).successful();
    new Service(workspace, namespace).run("add", "ada");
    Jobs jobs = new Jobs(workspace, namespace);
    jobs.start(Release.NAME + "-drill", "without");
    jobs.awaitFailed("without", 60);
    assertThat(jobs.log("without")).contains("there is no dump of a release");

    jobs.runNow(Release.NAME + "-backup", "dump", 60);
    String log = jobs.runNow(Release.NAME + "-drill", "drill", 60);
    assertThat(log).contains("scheduled-", " can be restored: schema ");
    release.assertNoPasswordIn(log);
    assertThat(release.learnflowDb("verify").successful().output())
        .contains("✓ drill: 0 min ago, in ");
    Pods pods = new Pods(workspace.client());
    assertThat(pods.sql(namespace, "postgres", "SELECT count(*) FROM pg_database").strip())
        .isEqualTo("4");

    onVolume(
        workspace,
        namespace,
        "for f in /backups/*.dump; do head -c 20000 $f >/backups/cut; mv /backups/cut $f; done");
    jobs.start(Release.NAME + "-drill", "damaged");
    jobs.awaitFailed("damaged", 60);
    assertThat(release.learnflowDb("verify").successful().output())
        .contains("! drill: failed 0 min ago: scheduled-", "is damaged");

    String small = "postgresql.primary.persistence.size=32Mi";
    Release tiny = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    tiny.upgradeInstall("--set", "backup.drill.schedule=@weekly," + small).successful();
    Jobs others = new Jobs(workspace, tiny.namespace());
    others.runNow(Release.NAME + "-backup", "dump", 60);
    others.start(Release.NAME + "-drill", "tiny");
    others.awaitFailed("tiny", 60);
    assertThat(others.log("tiny")).contains("a drill needs about", "docs/how-to/volume.md");
  }

  @Test
  @DisplayName(
      "prod: an image of PostgreSQL that cannot be pulled ends an upgrade in its first hook, whose log names it; nothing is applied, PostgreSQL runs on, and the right image is taken at once")
  void imageCannotBePulled(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall("--wait").successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    assertThat(
            release
                .upgradeInstall(
                    "--set-string",
                    "postgresql.image.tag=no-such-tag",
                    "--set",
                    "migrator.image.checkSeconds=8")
                .failed()
                .output())
        .contains(
            Release.NAME + "-image-pull-and-credentials",
            "no-such-tag",
            "nothing was applied",
            "correct postgresql.image");
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before)).isEmpty();
    service.run("find", "ada");

    release.upgradeInstall("--wait").successful();
    service.run("find,everything", "ada");
  }

  @Test
  @DisplayName("prod: the nightly CronJob's dump is read back whole and recorded; old ones go")
  void scheduled(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall("--set", "backup.keepScheduled=1").successful();
    Jobs jobs = new Jobs(workspace, namespace);
    String first = "";
    for (String name : List.of("first", "second")) {
      String log = jobs.runNow(Release.NAME + "-backup", name, 60);
      assertThat(log).contains("bytes, SHA-256");
      if (!first.isEmpty()) {
        assertThat(log).contains("removed " + first);
      }
      first = log.lines().filter(line -> line.contains(".dump: ")).findFirst().orElseThrow();
      first = first.substring(0, first.indexOf(':'));
    }
    assertThat(backups(release)).contains("scheduled");
  }

  /** The line of status about backups. */
  private static String backups(Release release) {
    return release
        .learnflowDb("status")
        .successful()
        .output()
        .lines()
        .filter(line -> line.startsWith("Backup:"))
        .findFirst()
        .orElseThrow()
        .replaceFirst("^Backup: *", "");
  }

  /** Runs a script in a pod that has the volume for dumps at /backups. */
  private static void onVolume(Workspace workspace, String namespace, String script) {
    new Pods(workspace.client()).once(namespace, Release.NAME + "-backups", "/backups", script);
  }
}

package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** PostgreSQL or the migrator in trouble while they work. */
@ExtendWith(Workspaces.class)
class RunFaultsTest {
  /** Kills in a test: fewer at the gate, which README.md explains. */
  private static final int TIMES = "gate".equals(System.getProperty("level")) ? 6 : 10;

  @Test
  @DisplayName(
      "a service takes all connections it can have: verify and an upgrade go on with those that are kept; a server that keeps none says so, with whom to ask, and when they are free again, all is healthy")
  void noConnectionLeft(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    if (!Images.BITNAMI) {
      release.upgradeInstall().successful();
      Pod taking = new Service(workspace, namespace).start("add,hold", "grace");
      new Service(workspace, namespace).awaitLog(taking, "all connections are mine");
      assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
      release.upgradeInstall().successful();
      workspace.client().resource(taking).withGracePeriod(0).delete();
    }

    String[] few = {"--set", "postgresql.primary.extendedConfiguration=max_connections = 12"};
    release.upgradeInstall(few).successful();
    Service service = new Service(workspace, namespace);
    Pod greedy = service.start("add,hold", "ada");
    service.awaitLog(greedy, "all connections are mine");

    OnCall onCall = new OnCall(release, "all connections used up");
    onCall.installs(few, "all its connections are in use", "pg_stat_activity", "max_connections");
    onCall.asks("all its connections are in use");

    workspace.client().resource(greedy).withGracePeriod(0).delete();
    release.upgradeInstall(few).successful();
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "a full volume: said by verify and status; a migration that needs room fails and leaves nothing; with room it is applied")
  void volumeFull(Workspace workspace) {
    String next = Images.withMigration("room", Migrations.FILE, Migrations.longBadges(0));
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    String tiny = "postgresql.primary.persistence.storageClass=tiny";
    release.upgradeInstall("--set", tiny).successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    Pods pods = new Pods(workspace.client());
    pods.shell(namespace, "cat /dev/zero >/bitnami/postgresql/filler 2>/dev/null || true");

    OnCall onCall = new OnCall(release, "volume full");
    onCall.asks("No space left on device", "docs/how-to/volume.md");
    onCall.installs(
        new String[] {"--set", tiny + ",migrator.image.tag=" + next},
        "No space left on device",
        "docs/how-to/volume.md");
    service.run("find,without_badges", "ada");

    pods.shell(namespace, "rm /bitnami/postgresql/filler");
    release.upgradeInstall("--set", tiny + ",migrator.image.tag=" + next).successful();
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,award_badge", "ada");
  }

  @Test
  @DisplayName(
      "the migrate pod killed at random moments of a long migration: the next run applies it, once")
  void migratePodKilled(Workspace workspace) {
    String longer = Images.withMigration("long", Migrations.FILE, Migrations.longBadges(8));
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");
    String job = release.migrateJob("--set", "migrator.image.tag=" + longer);
    Jobs jobs = new Jobs(workspace, namespace);
    Pods pods = new Pods(workspace.client());
    Kills kills = new Kills();
    for (int i = 0; i < TIMES; i++) {
      Pod pod = jobs.awaitRunning(jobs.start(job), 30);
      // Less than the migration takes, so that it is never applied here.
      if (i % 2 == 0) {
        kills.pause(Duration.ZERO, Duration.ofSeconds(2));
      } else {
        pods.awaitLog(pod, Migrations.FILE);
        kills.pause(Duration.ZERO, Duration.ofMillis(700));
      }
      kills.count(pods.log(pod).contains(Migrations.FILE));
      workspace.client().resource(pod).withGracePeriod(0).delete();
    }
    kills.assertMet(3);
    assertThat(jobs.run(job, 60))
        .contains("done: schema at " + Migrations.NEXT + ", 1 migrations applied");
    assertThat(jobs.run(job, 60)).contains("nothing to do: schema at " + Migrations.NEXT);
    service.run("find,award_badge", "ada");
  }

  @Test
  @Timeout(value = 5, unit = TimeUnit.MINUTES)
  @DisplayName(
      "PostgreSQL killed (-9) at random moments while a long migration runs: it is applied once, and every row is there")
  void postgresqlKilled(Workspace workspace) {
    String longer = Images.withMigration("killed", Migrations.FILE, Migrations.longBadges(8));
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");
    String job = release.migrateJob("--set", "migrator.image.tag=" + longer);
    Jobs jobs = new Jobs(workspace, namespace);
    String name = jobs.start(job);
    Kills kills = new Kills();
    new Pods(workspace.client()).awaitLog(jobs.awaitRunning(name, 30), Migrations.FILE);
    kills.count(kill(workspace, namespace, false));
    for (int killed = 1, attempts = 0; killed < TIMES; attempts++) {
      assertThat(attempts).as("%s", kills).isLessThan(5 * TIMES);
      if (jobs.hasEnded(name)) {
        name = jobs.start(job);
      }
      kills.pause(Duration.ZERO, Duration.ofSeconds(4));
      killed += kill(workspace, namespace, killed % 5 == 2) ? 1 : 0;
    }
    kills.assertMet(1);
    String last = jobs.end(name, 150);
    assertThat(last).contains("healthy");
    assertThat(jobs.run(job, 60)).contains("nothing to do: schema at " + Migrations.NEXT);
    service.run("find,everything,award_badge", "ada");
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
  }

  /**
   * The whole server, which Kubernetes starts again, or one of its processes.
   *
   * @return false where there was nothing to kill, since it was just being started again
   */
  private static boolean kill(Workspace workspace, String namespace, boolean server) {
    String processes =
        """
        server=$(head -n 1 $PGDATA/postmaster.pid)
        if [ "$0" = server ]; then
          kill -9 $server
        else
          for process in /proc/[0-9]*; do
            case $(tr '\\0' ' ' <$process/cmdline) in postgres:*) kill -9 ${process#/proc/}; exit;; esac
          done
          exit 1
        fi
        """;
    try {
      new Pods(workspace.client()).shell(namespace, processes, server ? "server" : "process");
      return true;
    } catch (AssertionError | RuntimeException e) {
      return false;
    }
  }
}

package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Passwords are replaced while services run. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class RotateTest {
  private static final String MIGRATE = Release.NAME + "-migrate";
  private static final String STEADY = "steady";

  /** What both pods of the load do together in a second. */
  private static final int RATE = 200;

  @Test
  @DisplayName(
      "a rotation during 200 transactions a second over a pool of open connections: none fails before the restart, none after it; killed at a random moment and called again; the next helm upgrade changes nothing")
  void underLoad(Workspace workspace) throws InterruptedException {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String consumers = workspace.restricted();
    String[] publish = {"--set", "publish.namespaces={" + consumers + "}"};
    release.upgradeInstall(publish).successful();
    Service service = new Service(workspace, consumers);
    service.run("add", "ada");
    service.deploy(STEADY, 2, "load", "ada");
    Load load = new Load(workspace, release, consumers);
    load.awaitAtWork();
    long start = System.nanoTime();
    long before = load.transactions();
    Map<String, String> old = release.published(consumers);

    Command rotated = release.learnflowDb("credentials", "rotate", "--yes").successful();

    assertThat(rotated.output())
        .contains(
            "new password for learnflow_user",
            "kubectl -n %s rollout restart deployment/%s".formatted(consumers, STEADY));
    release.assertNoPasswordIn(rotated.output());
    assertThat(rotated.output()).doesNotContain(old.get("PGPASSWORD"));
    assertThat(release.published(consumers)).isEqualTo(release.published(release.namespace()));
    assertThat(release.published(consumers).get("PGPASSWORD")).isNotEqualTo(old.get("PGPASSWORD"));
    assertThat(load.lets(old.get("PGPASSWORD"))).as("the old password").isFalse();
    service.run("add,find", "eve");
    Thread.sleep(5000);
    load.assertUntroubled();
    assertThat(load.ended()).isZero();
    double rate = (load.transactions() - before) * 1e9 / (System.nanoTime() - start);
    System.out.printf("%.0f transactions a second before the restart%n", rate);
    // A machine that others use too may not get through all of them.
    assertThat(rate).isGreaterThan(0.5 * RATE);

    Command restarted =
        release.learnflowDb("credentials", "rotate", "--yes", "--restart").successful();

    assertThat(restarted.output())
        .contains("Deployment %s/%s is rolled out".formatted(consumers, STEADY), "restarted: ");
    assertThat(load.ended()).as("pods that ended in order").isEqualTo(2);
    before = load.transactions();
    Thread.sleep(3000);
    load.assertUntroubled();
    assertThat(load.transactions() - before).isGreaterThan(RATE);

    Kills kills = new Kills();
    Duration whole = rotated.duration();
    boolean met = false;
    for (int round = 0; round < 5 && !met; round++) {
      Process killed =
          release.startLearnflowDb("credentials", "rotate", "--yes", "--role", "app,owner,admin");
      // One that had ended by then takes less than that.
      whole = kills.pause(whole.dividedBy(2), whole);
      met = kills.count(killed.isAlive());
      killed.destroyForcibly().waitFor();
    }
    kills.assertMet(1);
    Command again =
        release
            .learnflowDb("credentials", "rotate", "--yes", "--restart", "--role", "app,owner,admin")
            .successful();
    System.out.println("after the kill: " + again.output().lines().reduce((_, last) -> last));
    load.assertUntroubled();
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");

    Snapshot snapshot = Snapshot.of(workspace.client(), List.of(release.namespace(), consumers));
    release.upgradeInstall(publish).successful();
    assertThat(
            Snapshot.of(workspace.client(), List.of(release.namespace(), consumers))
                .changedSince(snapshot))
        .isEmpty();
    assertThat(release.test().successful().output().strip()).endsWith("healthy");
    load.assertUntroubled();
  }

  @Test
  @DisplayName(
      "services with roles of their own, beside the role of all services: a rotation under load interrupts nothing, a service at its limit stops neither others nor an upgrade, a removed service can no longer log in")
  void ofAService(Workspace workspace) throws InterruptedException {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String consumers = workspace.restricted();
    release.upgradeInstall().successful();
    Service ofAll = new Service(workspace, release.namespace());
    ofAll.run("add", "ada");
    String[] services = {
      "--values",
      Repository.ROOT.resolve("charts/learnflow-db/values-services.yaml").toString(),
      "--set",
      "services.progress.namespace=" + consumers
    };
    release.upgradeInstall(services).successful();
    ofAll.run("find", "ada");
    Service progress = new Service(workspace, consumers, Release.NAME + "-progress");
    progress.run("add,find", "eve");
    progress.deploy(STEADY, 2, "load", "eve");
    Load load = new Load(workspace, release, consumers);
    load.awaitAtWork();

    Command rotated =
        release.learnflowDb("credentials", "rotate", "--yes", "--service", "progress").successful();
    assertThat(rotated.output())
        .contains("kubectl -n %s rollout restart deployment/%s".formatted(consumers, STEADY));
    release.assertNoPasswordIn(rotated.output());
    progress.run("add,find", "grace");
    load.assertUntroubled();
    Command restarted =
        release
            .learnflowDb("credentials", "rotate", "--yes", "--restart", "--service", "progress")
            .successful();
    assertThat(restarted.output()).contains("restarted: ");
    long before = load.transactions();
    Thread.sleep(2000);
    load.assertUntroubled();
    assertThat(load.transactions() - before).isGreaterThan(RATE / 2);

    String secret = Release.NAME + "-progress-env";
    Map<String, String> env = Release.decoded(release.secret(consumers, secret));
    String refused =
        new Pods(workspace.client())
            .shell(
                release.namespace(),
                """
                export PGPASSWORD=$0; i=0
                while [ $i -lt 21 ]; do
                  i=$((i + 1)); psql -h 127.0.0.1 -U $1 -d learnflow -Atc 'SELECT pg_sleep(45)' >>/tmp/limit 2>&1 &
                done
                sleep 3; cat /tmp/limit; rm /tmp/limit
                """,
                env.get("PGPASSWORD"),
                env.get("PGUSER"));
    assertThat(refused).contains("too many connections for role");
    assertThat(release.learnflowDb("verify").successful().output())
        .contains("! connections: service progress uses 20 of 20 connections")
        .endsWith("healthy\n");
    ofAll.run("find", "ada");
    release.upgradeInstall(with(services, "--set", "services.debug=null")).successful();
    assertThat(release.learnflowDb("status").successful().output()).doesNotContain("debug: ");
    assertThat(
            new Pods(workspace.client())
                .sql(
                    release.namespace(),
                    "learnflow",
                    "SELECT 'debug logs in: ' || rolcanlogin FROM pg_roles WHERE rolname = 'learnflow_debug'"))
        .contains("debug logs in: false");

    Snapshot snapshot = Snapshot.of(workspace.client(), List.of(release.namespace(), consumers));
    release.upgradeInstall(with(services, "--set", "services.debug=null")).successful();
    assertThat(
            Snapshot.of(workspace.client(), List.of(release.namespace(), consumers))
                .changedSince(snapshot))
        .isEmpty();
  }

  private static String[] with(String[] first, String... more) {
    return Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray(String[]::new);
  }

  @Test
  @DisplayName(
      "helm upgrade while passwords are rotated: it succeeds, and what is published at the end is what the database knows")
  void duringUpgrade(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    release.upgradeInstall().successful();
    Service service = new Service(workspace, release.namespace());
    service.run("add", "ada");
    CompletableFuture<Command> upgrade =
        release.upgradeInstallMeanwhile("--set", "migrator.podAnnotations.round=two");
    Jobs jobs = new Jobs(workspace, release.namespace());
    for (int i = 0; i < 2 && !upgrade.isDone(); i++) {
      release
          .learnflowDb("credentials", "rotate", "--yes", "--role", "app,owner,admin")
          .successful();
    }
    upgrade.join().successful();
    System.out.printf(
        "during the rotations the upgrade's Job needed %d pods%n", jobs.attempts(MIGRATE));
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "a rotation that was killed between database and Secret: the hook does not set the old password again, and its last line is the command that finishes it")
  void halfDone(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    String next = "HalfDone0123456789";
    workspace
        .client()
        .secrets()
        .inNamespace(namespace)
        .withName(Release.NAME + "-credentials")
        .edit(
            secret -> new SecretBuilder(secret).addToStringData("app-password-next", next).build());
    new Pods(workspace.client())
        .sql(namespace, "learnflow", "ALTER ROLE learnflow_user PASSWORD '" + next + "'");

    OnCall onCall = new OnCall(release, "a rotation killed half-way");
    onCall.asks("a rotation was interrupted", "learnflow-db credentials rotate --release");
    Command upgrade =
        onCall.installs(
            new String[0],
            "a rotation was interrupted",
            "finish it: learnflow-db credentials rotate --release");
    assertThat(upgrade.duration()).isLessThan(Duration.ofMinutes(1));
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.exitCode(MIGRATE)).isEqualTo(5);
    assertThat(jobs.attempts(MIGRATE)).isEqualTo(1);

    assertThat(release.learnflowDb("credentials", "rotate", "--yes").successful().output())
        .contains("finished the rotation that was interrupted");
    assertThat(release.published(namespace)).containsEntry("PGPASSWORD", next);
    new Service(workspace, namespace).run("find", "ada");
    release.upgradeInstall().successful();
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
  }

  /** The pods of the load, and what they have left in the database. */
  private record Load(
      Workspace workspace, Release release, String namespace, Map<String, Integer> restarts) {
    Load(Workspace workspace, Release release, String namespace) {
      this(workspace, release, namespace, new HashMap<>());
    }

    /** Committed so far. */
    long transactions() {
      return ask(
          "SELECT coalesce(sum(total_time_seconds), 0) FROM progress WHERE topic LIKE 'steady%'");
    }

    /** Pods that ended when they were told to, and not before. */
    long ended() {
      return ask("SELECT count(*) FROM progress WHERE topic LIKE '% ended in order'");
    }

    private long ask(String query) {
      String answer =
          new Pods(workspace.client())
              .shell(
                  release.namespace(),
                  """
                  PGPASSWORD=$(cat /opt/bitnami/postgresql/secrets/postgres-password) \\
                    exec psql -h 127.0.0.1 -U postgres -d learnflow -Atc "$0"
                  """,
                  query);
      return Long.parseLong(answer.strip());
    }

    /** Whether the services' role may come in with a password. */
    boolean lets(String password) {
      String answer =
          new Pods(workspace.client())
              .shell(
                  release.namespace(),
                  """
                  PGPASSWORD=$0 psql -h 127.0.0.1 -U learnflow_user -d learnflow -Atc 'SELECT 1' 2>&1; :
                  """,
                  password);
      return answer.strip().equals("1");
    }

    /** Waits until all pods are at work; on a busy machine their first connection may take long. */
    void awaitAtWork() {
      Eventually.within(
          Duration.ofMinutes(2),
          "the load begins",
          () ->
              ask(
                      "SELECT count(DISTINCT split_part(topic, ' ', 1)) FROM progress WHERE topic LIKE 'steady%'")
                  >= 2);
      pods().forEach(pod -> restarts.put(pod.getMetadata().getName(), restarts(pod)));
    }

    private List<Pod> pods() {
      return workspace
          .client()
          .pods()
          .inNamespace(namespace)
          .withLabel("app", STEADY)
          .list()
          .getItems();
    }

    private static int restarts(Pod pod) {
      return pod.getStatus().getContainerStatuses().getFirst().getRestartCount();
    }

    /** A transaction that fails ends its pod's process, which Kubernetes then starts again. */
    void assertUntroubled() {
      List<Pod> pods = pods();
      assertThat(pods).hasSizeGreaterThanOrEqualTo(2);
      assertThat(pods)
          .allSatisfy(pod ->
              assertThat(restarts(pod))
                  .isEqualTo(restarts.getOrDefault(pod.getMetadata().getName(), 0)));
    }
  }
}

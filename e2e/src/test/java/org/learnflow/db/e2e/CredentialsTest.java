package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Secret and volume do not belong together, and how they do again. */
@ExtendWith(Workspaces.class)
class CredentialsTest {
  private static final String SECRET = Release.NAME + "-credentials";

  /** The Job that talks to the database. */
  private static final String MIGRATE = Release.NAME + "-migrate";

  private static final String MISMATCH = "the Secret and the volume do not belong together";

  /** What the server reads, and what it may read nothing of. */
  private static final String RULES =
      "cat /opt/bitnami/postgresql/conf/pg_hba.conf /bitnami/postgresql/data/pg_ident.conf";

  @Test
  @DisplayName(
      "a lost Secret beside a running database: refused, and repaired by one command, without a restart and with the services' password kept")
  void secretLost(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    Map<String, String> published = release.published(namespace);
    String rules = new Pods(workspace.client()).shell(namespace, RULES);
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace));
    workspace.client().resource(release.credentials()).delete();

    OnCall onCall = new OnCall(release, "Secret deleted, volume kept");
    onCall.asks("Secret " + SECRET, "does not exist", "credentials repair");
    onCall.installs(
        new String[0],
        "Secret " + SECRET + " does not exist, but its data volume does",
        "credentials repair");
    assertThat(release.learnflowDb("credentials", "repair").failed().output())
        .contains("confirmation is required, but there is no terminal", "--yes");
    assertThat(release.credentials()).isNull();

    Command repair = release.learnflowDb("credentials", "repair", "--yes").successful();
    assertThat(repair.output())
        .contains("set the password of postgres", "set the password of learnflow_owner");
    release.assertNoPasswordIn(repair.output());
    assertThat(new Pods(workspace.client()).shell(namespace, RULES))
        .isEqualToIgnoringNewLines(rules);
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
    assertThat(release.published(namespace)).isEqualTo(published);
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).changedSince(before))
        .containsOnly("Secret " + namespace + "/" + SECRET);
    assertThat(release.learnflowDb("credentials", "repair").successful().output())
        .contains("nothing to do");
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("find", "ada");
  }

  @Test
  @DisplayName(
      "an old volume under a new Secret, after uninstalling: the hook says exactly that in less than a minute; repaired, all rows are there")
  void oldVolumeNewSecret(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    release.uninstall().successful();
    workspace.client().resource(release.credentials()).delete();
    assertThat(release.learnflowDb("credentials", "repair", "--yes").successful().output())
        .contains("is not installed", "created postgres-password, password, app-password");

    OnCall onCall = new OnCall(release, "old volume, new Secret");
    Command install = onCall.installs(new String[0], MISMATCH, "credentials repair --release");
    assertThat(install.duration()).isLessThan(Duration.ofMinutes(1));
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.exitCode(MIGRATE)).isEqualTo(5);
    assertThat(jobs.attempts(MIGRATE)).isEqualTo(1);
    assertThat(jobs.terminationMessage(MIGRATE)).contains(MISMATCH);
    onCall.asks(MISMATCH, "credentials repair --release");

    release.learnflowDb("credentials", "repair", "--yes").successful();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("find", "ada");
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
  }

  @Test
  @DisplayName(
      "wrong passwords in the Secret: said; repaired by eight at once, without a rule left")
  void wrongPasswords(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    Pods pods = new Pods(workspace.client());
    String rules = pods.shell(namespace, RULES);
    change(workspace, release, "postgres-password", old -> "wrong" + old);
    change(workspace, release, "password", old -> "false" + old);
    OnCall onCall = new OnCall(release, "wrong password in the Secret");
    onCall.installs(new String[0], MISMATCH, "credentials repair", "delete pod postgres-0");
    onCall.asks(MISMATCH, "credentials repair");

    List<CompletableFuture<Command>> repairs = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      repairs.add(
          CompletableFuture.supplyAsync(
              () -> release.learnflowDb("credentials", "repair", "--yes"),
              task -> Thread.ofVirtual().start(task)));
    }
    repairs.forEach(repair -> repair.join().successful());
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
    assertThat(pods.shell(namespace, RULES)).isEqualToIgnoringNewLines(rules);
    new Service(workspace, namespace).run("find", "ada");
  }

  @Test
  @DisplayName(
      "a repair killed in the pod or on this machine leaves no rule behind; one that was left all the same is said by verify, and the next repair takes it away")
  void repairKilled(Workspace workspace) throws InterruptedException {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    Pods pods = new Pods(workspace.client());
    String rules = pods.shell(namespace, RULES);
    // The file follows the Secret after a while.
    pods.shell(namespace, "cp /opt/bitnami/postgresql/secrets/postgres-password /tmp/admin");
    change(workspace, release, "postgres-password", old -> "wrong" + old);
    // Another session holds what a repair wants to change, so that it can be met half done.
    String block =
        """
        rm -f /tmp/go
        {
          echo 'BEGIN; ALTER ROLE postgres CONNECTION LIMIT -1; \\! touch /tmp/held'
          until [ -e /tmp/go ]; do sleep 0.2; done
          echo 'ROLLBACK;'
        } | PGPASSWORD=$(cat /tmp/admin) psql -h 127.0.0.1 -U postgres
        """;
    String met =
        """
        tries=100
        while [ $tries -gt 0 ]; do
          case $(cat /opt/bitnami/postgresql/conf/pg_hba.conf) in *learnflow-db-repair*) break;; esac
          sleep 0.5
          tries=$((tries - 1))
        done
        """;
    // The one that kubectl exec has started, not its watchdog; nor this script, which has no such
    // word.
    String kill =
        """
        for process in /proc/[0-9]*; do
          read -r _ _ _ parent _ <$process/stat
          case $parent$(tr '\\0' ' ' <$process/cmdline) in 0*watch''dog=*) kill -9 ${process#/proc/}; exit;; esac
        done
        exit 1
        """;

    for (boolean inPod : new boolean[] {true, false}) {
      CompletableFuture<String> blocked =
          CompletableFuture.supplyAsync(() -> pods.shell(namespace, block));
      pods.shell(namespace, "until [ -e /tmp/held ]; do sleep 0.2; done");
      Process repair = release.startLearnflowDb("credentials", "repair", "--yes");
      assertThat(pods.shell(namespace, met + "cat /opt/bitnami/postgresql/conf/pg_hba.conf"))
          .startsWith("local all \"postgres\" peer map=learnflow-db-repair\n")
          .doesNotContain("trust");
      if (inPod) {
        pods.shell(namespace, kill);
      } else {
        repair.destroyForcibly();
      }
      repair.waitFor();
      pods.shell(namespace, "rm /tmp/held; touch /tmp/go");
      blocked.join();
      Eventually.within(
          Duration.ofSeconds(20),
          "the rules are those of before",
          () -> pods.shell(namespace, RULES).strip().equals(rules.strip()));
    }
    release.learnflowDb("credentials", "repair", "--yes").successful();
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");

    pods.shell(
        namespace,
        "echo 'local all \"postgres\" peer map=learnflow-db-repair' >>/opt/bitnami/postgresql/conf/pg_hba.conf");
    assertThat(release.learnflowDb("verify").failed().output())
        .contains("unhealthy: access: pg_hba.conf still has the rule");
    release.learnflowDb("credentials", "repair", "--yes").successful();
    assertThat(pods.shell(namespace, RULES)).isEqualToIgnoringNewLines(rules);
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
  }

  private static void change(
      Workspace workspace, Release release, String key, UnaryOperator<String> change) {
    Map<String, String> values = Release.decoded(release.credentials());
    workspace
        .client()
        .secrets()
        .inNamespace(release.namespace())
        .withName(SECRET)
        .edit(secret ->
            new SecretBuilder(secret).addToStringData(key, change.apply(values.get(key))).build());
  }
}

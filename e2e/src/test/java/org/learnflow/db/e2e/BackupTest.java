package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Backup and restore through the pod. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class BackupTest {
  private static final String DATABASE = "learnflow";

  /** How many kept dumps, pg_dump, pg_restore, head and tee are in the pod, besides this script. */
  private static final String LEFT_BEHIND =
      """
      n=$(ls -l "$PGDATA" /proc/[0-9]*/fd 2>/dev/null | sed -n '/learnflow-db\\./p' | wc -l)
      for process in /proc/[0-9]*; do
        case $(cat $process/comm 2>/dev/null) in pg_dump|pg_restore|head|tee) n=$((n + 1));; esac
      done
      echo $n
      """;

  @Test
  @DisplayName(
      "a backup through the pod, rows deleted, a restore: the rows are back, and services go on with the same password")
  void backupAndRestore(Workspace workspace, @TempDir Path folder) throws Exception {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    Pods pods = new Pods(workspace.client());
    pods.sql(
        namespace,
        DATABASE,
        // More than a connection holds at once.
        "CREATE TABLE bulk AS SELECT i, md5(random()::text) AS name FROM generate_series(1, 1000000) i; ALTER TABLE bulk OWNER TO learnflow_owner");
    String file = folder.resolve("learnflow.dump").toString();
    Command backup = release.learnflowDb("backup", file).successful();
    assertThat(backup.output()).contains("on pod postgres-0", "MiB read back");
    release.assertNoPasswordIn(backup.output(), Files.readString(Path.of(file + ".json")));
    pods.sql(namespace, DATABASE, "TRUNCATE users CASCADE; DROP TABLE bulk");
    var published = release.published(namespace);

    assertThat(release.learnflowDb("restore", file, "--yes").failed().output())
        .contains("already has rows", "--replace");
    byte[] damaged = Files.readAllBytes(Path.of(file));
    damaged[damaged.length / 3] ^= 0x55;
    String other = Files.write(folder.resolve("damaged.dump"), damaged).toString();
    assertThat(release.learnflowDb("restore", other, "--replace", "--yes").failed().output())
        .contains("the dump is damaged", "the database was not changed");
    Command restore = release.learnflowDb("restore", file, "--replace", "--yes").successful();
    assertThat(restore.output())
        .contains("which kept the dump", "restored: learnflow at schema ", "--drop-old");
    release.assertNoPasswordIn(restore.output());
    assertThat(release.published(namespace)).isEqualTo(published);
    new Service(workspace, namespace).run("find", "ada");
    assertThat(pods.sql(namespace, DATABASE, "SELECT count(DISTINCT name) FROM bulk"))
        .isEqualTo("1000000\n");
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
    release.learnflowDb("restore", "--drop-old", "--yes").successful();
    assertThat(pods.shell(namespace, LEFT_BEHIND)).isEqualTo("0\n");
    release.upgradeInstall().successful();
  }

  @Test
  @Timeout(value = 6, unit = TimeUnit.MINUTES)
  @DisplayName(
      "killed during backup or restore through the pod: nothing keeps running there, the database is intact, and the same command again ends right")
  void killed(Workspace workspace, @TempDir Path folder) throws Exception {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    Pods pods = new Pods(workspace.client());
    pods.sql(
        namespace,
        DATABASE,
        "SET ROLE learnflow_owner; CREATE TABLE bulk AS SELECT i, md5(i::text) FROM generate_series(1, 200000) i");
    String file = folder.resolve("learnflow.dump").toString();
    Kills kills = new Kills();
    for (String[] command :
        new String[][] {{"backup", file}, {"restore", file, "--replace", "--yes"}}) {
      Duration whole = release.learnflowDb(command).successful().duration();
      for (int i = 0; i < 4; i++) {
        if (command[0].equals("backup")) {
          Files.deleteIfExists(Path.of(file));
          Files.deleteIfExists(Path.of(file + ".json"));
        }
        Process running = release.startLearnflowDb(command);
        kills.pause(whole.dividedBy(3), whole);
        kills.count(running.isAlive());
        running.destroyForcibly().waitFor();
        awaitNothingLeft(pods, namespace);
        assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
        new Service(workspace, namespace).run("find", "ada");
      }
      if (command[0].equals("backup")) {
        Files.deleteIfExists(Path.of(file));
        Files.deleteIfExists(Path.of(file + ".json"));
      }
      release.learnflowDb(command).successful();
    }
    kills.assertMet(3);
    new Service(workspace, namespace).run("find", "ada");
  }

  private static void awaitNothingLeft(Pods pods, String namespace) {
    Eventually.within(
        Duration.ofSeconds(20),
        "nothing is left in the pod",
        () -> pods.shell(namespace, LEFT_BEHIND).equals("0\n"));
  }
}

package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Dumps that are copied to a bucket. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class OffsiteTest {
  private static final Pattern STORED = Pattern.compile("s3://\\S+\\.dump(\\.age)?");

  @Test
  @DisplayName(
      "prod: the nightly dump goes to a bucket, encrypted; a wrong key fails the Job, verify says so, and the next run copies both dumps; with the volume of the dumps and all rows lost, restore takes them from the bucket")
  void nightly(Workspace workspace, @TempDir Path folder) throws Exception {
    S3Store store = new S3Store(workspace);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    store.makeSecrets(namespace, "wrong");
    Path identity = folder.resolve("age.key");
    String recipient = recipient(release, identity);
    String[] offsite = {
      "--set", store.values(), "--set", "backup.offsite.ageRecipients={%s}".formatted(recipient)
    };
    release.upgradeInstall(offsite).successful();
    new Service(workspace, namespace).run("add", "ada");
    Jobs jobs = new Jobs(workspace, namespace);

    jobs.start(Release.NAME + "-backup", "first");
    jobs.awaitFailed("first", 120);
    assertThat(jobs.log("first", "dump")).contains("SHA-256");
    assertThat(jobs.log("first", "offsite"))
        .contains("error: ", "the store rejects the credentials")
        .doesNotContain("wrong\n", S3Store.SECRET_KEY);
    assertThat(jobs.attempts("first")).as("another attempt would dump again").isEqualTo(1);
    assertThat(release.learnflowDb("verify").successful().output())
        .contains("! offsite: none yet; the last run failed", "the store rejects the credentials");

    store.makeSecrets(namespace, S3Store.SECRET_KEY);
    String log = jobs.runNow(Release.NAME + "-backup", "second", 120);
    assertThat(log).contains("2 copied, 0 removed, 2 there").doesNotContain(S3Store.SECRET_KEY);
    release.assertNoPasswordIn(log);
    Matcher stored = STORED.matcher(log);
    assertThat(stored.find()).isTrue(); // the newest
    assertThat(stored.group()).endsWith(".dump.age").contains("/" + namespace + "/");
    assertThat(release.learnflowDb("verify").successful().output()).contains("✓ offsite: ");
    assertThat(release.learnflowDb("status").successful().output())
        .contains("Off-site:    ", stored.group());

    Pods pods = new Pods(workspace.client());
    pods.once(namespace, Release.NAME + "-backups", "/backups", "rm /backups/*.dump");
    pods.sql(namespace, "learnflow", "TRUNCATE users CASCADE");
    Path authority = Files.writeString(folder.resolve("ca.crt"), store.authority());
    try (var forward = store.forward()) {
      String restore =
          "%slearnflow-db restore %%s%s --age-identity-file %s --release %s -n %s"
              .formatted(
                  store.environment(forward, authority),
                  stored.group(),
                  identity,
                  Release.NAME,
                  namespace);
      release.shell(restore.formatted("--drill ")).successful();
      release.shell(restore.formatted("--replace --yes ")).successful();
    }
    new Service(workspace, namespace).run("find", "ada");
    assertThat(release.learnflowDb("verify").successful().output()).endsWith("healthy\n");
  }

  /** Makes a key as the page of the documents does, and returns its public part. */
  private static String recipient(Release release, Path identity) {
    String output =
        release.shell("age-keygen -o %s 2>&1".formatted(identity)).successful().output();
    Matcher key = Pattern.compile("age1[a-z0-9]{58}").matcher(output);
    assertThat(key.find()).isTrue();
    return key.group();
  }
}

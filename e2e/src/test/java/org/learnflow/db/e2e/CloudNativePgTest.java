package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What docs/how-to/cloudnative-pg.md says, with the real CloudNativePG. */
@Tag("cnpg")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(Workspaces.class)
class CloudNativePgTest {
  private static final String MIGRATE = Release.NAME + "-migrate";

  private static Release release(Workspace workspace, String namespace) {
    return new Release(workspace, "helm", namespace, CloudNativePg.VALUES);
  }

  @Test
  @DisplayName(
      "the example's Cluster and the chart at once: healthy, verified by services, the same command again changes nothing, and uninstalling leaves the Cluster")
  void install(Workspace workspace) {
    String namespace = workspace.restricted();
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.apply();
    Release release = release(workspace, namespace);
    release.upgradeInstall().successful();
    assertThat(release.published(namespace))
        .containsEntry("PGHOST", "learnflow-pg-rw.%s.svc.cluster.local".formatted(namespace))
        .containsEntry("PGSSLMODE", "verify-full")
        .containsEntry("SCHEMA_VERSION", Repository.newestMigration());
    assertThat(Release.decoded(release.credentials())).containsOnlyKeys("password", "app-password");
    Service service = new Service(workspace, namespace);
    service.run("verified,add,find,everything,refused", "ada");
    assertThat(release.test().successful().output().strip())
        .contains("plaintext: refused")
        .endsWith("healthy");

    postgres.awaitHealthy();
    service.run("reads", "ada");
    Command verified = release.learnflowDb("verify");
    assertThat(verified.successful().output())
        .contains("cluster: 3 of 3 instances ready, primary " + postgres.primary())
        .doesNotContain("!");
    assertThat(release.learnflowDb("status").successful().output())
        .contains("3 of 3 instances ready", " streaming, ", "WAL archiving off, last backup none");

    String[] ours = {
      "Secret %s/%s".formatted(namespace, Release.NAME),
      "Secret %s/%s-env".formatted(namespace, Release.NAME),
      "Secret %s/%s-credentials".formatted(namespace, Release.NAME),
      "ConfigMap %s/%s".formatted(namespace, Release.NAME),
      "ConfigMap %s/%s-release".formatted(namespace, Release.NAME)
    };
    Snapshot before = Snapshot.of(workspace.client(), List.of(namespace)).only(ours);
    release.upgradeInstall().successful();
    assertThat(Snapshot.of(workspace.client(), List.of(namespace)).only(ours).changedSince(before))
        .isEmpty();
    assertThat(new Jobs(workspace, namespace).log(MIGRATE)).contains("nothing to do");

    String another =
        "helm upgrade --install another charts/learnflow-db --namespace %s --values %s %s"
            .formatted(namespace, CloudNativePg.VALUES, String.join(" ", Images.values()));
    assertThat(release.shell(another).failed().output())
        .contains("role learnflow_owner belongs to release learnflow-db in namespace " + namespace);
    service.run("find", "ada");
    release.shell("helm uninstall another --namespace " + namespace).successful();

    release.uninstall().successful();
    assertThat(postgres.primary()).startsWith(CloudNativePg.NAME);
    assertThat(release.secret(namespace, Release.NAME)).isNull();
    release.upgradeInstall().successful();
    service.run("find", "ada");
  }

  @Test
  @DisplayName(
      "the chart first, the Cluster a while later: the Job says what it waits for; then the superuser's access is missing, it is hibernated, and it is fenced, each with the command that helps")
  void states(Workspace workspace) throws Exception {
    String namespace = workspace.restricted();
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    Release release = release(workspace, namespace);
    CompletableFuture<Command> installing = release.upgradeInstallMeanwhile();
    Pod pod = new Jobs(workspace, namespace).awaitRunning(MIGRATE, 60);
    new Pods(workspace.client()).awaitLog(pod, "Cluster learnflow-pg does not exist");
    postgres.apply();
    installing.get(4, TimeUnit.MINUTES).successful();
    postgres.awaitHealthy();

    postgres.annotate("cnpg.io/fencedInstances", "[\"*\"]");
    Command fenced = release.learnflowDb("verify").failed();
    assertThat(fenced.output()).contains("cluster: Cluster learnflow-pg: fenced");
    postgres.annotate("cnpg.io/fencedInstances", null);
    Eventually.within(
        Duration.ofSeconds(60),
        "healthy after fencing",
        () -> release.learnflowDb("verify").exit() == 0);

    postgres.annotate("cnpg.io/hibernation", "on");
    assertThat(release.learnflowDb("verify").failed().output())
        .contains("hibernated", "cnpg.io/hibernation=off --overwrite");
    Command waiting =
        release.upgradeInstall("--set", "migrator.timeout=5s,migrator.backoffLimit=0").failed();
    assertThat(waiting.output())
        .contains("not reached within", "Cluster learnflow-pg: hibernated", "hibernation=off");
    postgres.annotate("cnpg.io/hibernation", "off");
    release.upgradeInstall().successful();

    postgres
        .cluster()
        .edit(cluster -> {
          cluster.<Map<String, Object>>get("spec").put("enableSuperuserAccess", false);
          return cluster;
        });
    assertThat(release.upgradeInstall().failed().output())
        .contains("does not let its superuser in", "enableSuperuserAccess");
    assertThat(new Jobs(workspace, namespace).exitCode(MIGRATE)).isEqualTo(10);
  }

  @Test
  @DisplayName(
      "backup, drill, restore, rotation, plan, drift, rollback and adopt work through the primary's pod, also after a failover")
  void commands(Workspace workspace, @TempDir Path folder) {
    String namespace = workspace.restricted();
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.apply();
    Release release = release(workspace, namespace);
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    postgres.awaitHealthy();
    String dump = folder.resolve("learnflow.dump").toString();
    assertThat(release.learnflowDb("backup", dump).successful().output())
        .contains("on pod " + postgres.primary());
    assertThat(release.learnflowDb("restore", "--drill", dump).successful().output())
        .contains("can be restored");
    service.run("add", "eve");
    String lost = postgres.loseThePrimary();
    Eventually.within(
        Duration.ofSeconds(90), "another primary", () -> !postgres.primary().equals(lost));
    Eventually.within(
        Duration.ofSeconds(60),
        "healthy after the failover",
        () -> release.learnflowDb("verify").exit() == 0);
    assertThat(release.learnflowDb("restore", dump, "--replace", "--yes").successful().output())
        .contains("restored: learnflow");
    service.run("find", "ada");
    release.learnflowDb("restore", "--drop-old", "--yes").successful();
    for (String role : List.of("app", "owner")) {
      release.learnflowDb("credentials", "rotate", "--role", role, "--yes").successful();
    }
    assertThat(
            release
                .learnflowDb("credentials", "rotate", "--role", "admin", "--yes")
                .failed()
                .output())
        .contains("CloudNativePG manages the superuser's password", "delete secret");
    service.run("find", "ada");
    workspace.client().secrets().inNamespace(namespace).withName("learnflow-pg-superuser").delete();
    Eventually.within(
        Duration.ofSeconds(60),
        "another superuser's password",
        () -> release.learnflowDb("run").exit() == 0);
    assertThat(release.learnflowDb("plan").successful().output()).contains("nothing is pending");
    assertThat(release.learnflowDb("drift").successful().output()).contains("no drift");
    release.learnflowDb("rollback", "--to", "008", "--no-backup", "--yes").successful();
    release.upgradeInstall().successful();
    service.run("find", "ada");
    assertThat(release.learnflowDb("verify").successful().output()).contains("healthy");
    release.assertNoPasswordIn(new Jobs(workspace, namespace).log(MIGRATE));

    postgres.sql(
        "learnflow", "DROP TABLE flyway_schema_history CASCADE; DROP SCHEMA learnflow_db CASCADE");
    assertThat(release.upgradeInstall().failed().output()).contains("learnflow-db adopt");
    assertThat(
            release.learnflowDb("adopt", "--baseline", SchemaTest.BASELINE).successful().output())
        .contains("schema at " + SchemaTest.BASELINE);
    release.upgradeInstall().successful();
    service.run("find,everything", "ada");
  }

  @Test
  @DisplayName(
      "the primary is lost in a migration, under load: Helm succeeds, the migration is applied once, and no acknowledged row is lost")
  void failover(Workspace workspace) throws Exception {
    String next = Images.withMigration("failover", Migrations.FILE, Migrations.longBadges(10));
    String namespace = workspace.restricted();
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.apply();
    Release release = release(workspace, namespace);
    release.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");
    postgres.awaitHealthy();
    service.run("add", "eve");
    Pod writer = service.start("outage", "eve");
    service.awaitLog(writer, "writing");
    CompletableFuture<Command> upgrading =
        release.upgradeInstallMeanwhile("--set", "migrator.image.tag=" + next);
    Jobs jobs = new Jobs(workspace, namespace);
    jobs.awaitMigrating(60);
    String lost = postgres.loseThePrimary();
    upgrading.get(4, TimeUnit.MINUTES).successful();
    service.end(writer);
    System.out.println(
        "failover: " + new Pods(workspace.client()).log(writer).lines().reduce("", (a, b) -> b));
    assertThat(postgres.primary()).isNotEqualTo(lost);
    assertThat(jobs.log(MIGRATE)).contains("now at " + Migrations.NEXT);
    assertThat(release.published(namespace)).containsEntry("SCHEMA_VERSION", Migrations.NEXT);
    service.run("find,award_badge", "ada");
    assertThat(release.learnflowDb("verify").successful().output()).contains("healthy");
  }

  @Test
  @DisplayName(
      "a release moves to CloudNativePG and back by the page's commands, with rows and passwords")
  void move(Workspace workspace, @TempDir Path folder) {
    String namespace = workspace.restricted();
    Release before = new Release(workspace, "helm", namespace, "values-prod.yaml");
    before.upgradeInstall().successful();
    Service service = new Service(workspace, namespace);
    service.run("add", "ada");
    new Pods(workspace.client())
        .sql(
            namespace,
            "learnflow",
            "CREATE TABLE bulk AS SELECT i, md5(i::text) AS name FROM generate_series(1, 1000000) i; ALTER TABLE bulk OWNER TO learnflow_owner");
    String password = before.published(namespace).get("PGPASSWORD");
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.apply();
    postgres.awaitHealthy();
    String page = "how-to/cloudnative-pg.md";
    Release after = release(workspace, namespace);
    Command there = after.shell(commands(page, "## Move a release", after, folder)).successful();
    assertThat(after.published(namespace))
        .containsEntry("PGHOST", "learnflow-pg-rw.%s.svc.cluster.local".formatted(namespace));
    assertThat(after.published(namespace).get("PGPASSWORD").equals(password)).isTrue();
    service.run("find", "ada");
    assertThat(after.learnflowDb("verify").successful().output()).contains("healthy");

    service.run("add", "eve");
    Command back = after.shell(commands(page, "## Move it back", after, folder)).successful();
    System.out.printf(
        "with 1,000,000 rows services stand for %d s, and for %d s on the way back%n",
        there.duration().toSeconds(), back.duration().toSeconds());
    assertThat(before.published(namespace))
        .containsEntry("PGHOST", "postgres.%s.svc.cluster.local".formatted(namespace));
    service.run("find", "ada");
    service.run("find", "eve");
    assertThat(before.learnflowDb("verify").successful().output()).contains("healthy");
  }

  @Test
  @DisplayName(
      "CloudNativePG's Pooler in transaction mode: services go through it, verify its certificate and keep their prepared statements, while the Jobs go past it; a Pooler that is gone is a warning")
  void pooler(Workspace workspace) {
    String namespace = workspace.restricted();
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.apply();
    Release release = release(workspace, namespace);
    release.upgradeInstall().successful();
    postgres.awaitHealthy();
    String host = postgres.addPooler();
    String[] through = {"--set", "publish.pooler.host=" + host};
    release.upgradeInstall(through).successful();
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.log(MIGRATE)).doesNotContain("cannot log in at");
    assertThat(release.published(namespace))
        .containsEntry("PGHOST", host)
        .containsEntry("PGPORT", "5432")
        .containsEntry("PGSSLMODE", "verify-full");
    Service service = new Service(workspace, namespace);
    service.run("verified,add,find,everything,refused", "ada");

    workspace
        .client()
        .apps()
        .deployments()
        .inNamespace(namespace)
        .withName("learnflow-pg-pooler")
        .scale(0);
    release.upgradeInstall(through).successful();
    assertThat(jobs.log(MIGRATE))
        .contains("warning: learnflow_user cannot log in at " + host, "healthy");
  }

  @Test
  @DisplayName(
      "recovered by CloudNativePG to the second before a mistake: the release on the recovered Cluster has the rows of that second, and applies the migration that it lacks")
  void recovery(Workspace workspace) throws InterruptedException {
    String next = Images.withMigration("recovered", Migrations.FILE, Migrations.BADGES);
    String namespace = workspace.restricted();
    S3Store store = new S3Store(workspace);
    store.makeSecrets(namespace, S3Store.SECRET_KEY);
    CloudNativePg postgres = new CloudNativePg(workspace, namespace);
    postgres.applyWithBackups(store);
    Release release = release(workspace, namespace);
    release.upgradeInstall().successful();
    postgres.awaitHealthy();
    Service service = new Service(workspace, namespace);
    service.run("add,without_badges", "ada");
    postgres.backUp();
    assertThat(release.learnflowDb("status").successful().output())
        .contains("WAL archiving", "last backup")
        .doesNotContain("WAL archiving off", "last backup none");
    service.run("add", "eve");
    String before = postgres.query("postgres", "SELECT clock_timestamp()");

    Thread.sleep(1000);
    String[] migrated = {"--set", "migrator.image.tag=" + next};
    release.upgradeInstall(migrated).successful();
    postgres.sql("learnflow", "TRUNCATE users CASCADE");
    postgres.sql("postgres", "SELECT pg_switch_wal()");
    Eventually.within(
        Duration.ofSeconds(60),
        "the mistake is archived",
        () ->
            postgres
                .query(
                    "postgres",
                    "SELECT last_archived_time > '%s'::timestamptz + interval '1 second' FROM pg_stat_archiver"
                        .formatted(before))
                .equals("t"));
    long start = System.nanoTime();
    postgres.recover("recovered", store, before);
    release
        .upgradeInstall(
            migrated[0], migrated[1], "--set", "externalDatabase.cloudnativePG.cluster=recovered")
        .successful();
    System.out.printf(
        "recovered and published in %d s%n", (System.nanoTime() - start) / 1_000_000_000);
    assertThat(new Jobs(workspace, namespace).log(MIGRATE)).contains("1 migrations applied");
    assertThat(release.published(namespace).get("PGHOST")).startsWith("recovered-rw.");
    service.run("find,award_badge", "ada");
    service.run("find", "eve");
  }

  private static String commands(String page, String heading, Release release, Path folder) {
    String images = " " + String.join(" ", Images.values());
    return PagesTest.commands(page, heading, release, folder)
        .replace("back.dump", folder.resolve("back.dump").toString())
        .replace("-f " + CloudNativePg.VALUES, "-f " + CloudNativePg.VALUES + images);
  }
}

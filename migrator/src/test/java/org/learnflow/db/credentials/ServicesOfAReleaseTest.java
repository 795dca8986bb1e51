package org.learnflow.db.credentials;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Pause;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Background;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestRelease;

/** Services with roles of their own in a release: published, rotated, exhausted and removed. */
@ExtendWith(PostgresExtension.class)
class ServicesOfAReleaseTest {
  private static final List<String> NAMES = List.of("progress", "reporting");

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path files;

  @SuppressWarnings("NullAway.Init")
  private TestRelease release;

  private String other = "";

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("credentials rotate is");
  }

  @BeforeEach
  void aReleaseWithTwoServices(TestDatabase database) throws Exception {
    release = TestRelease.on(server, database);
    assertThat(release.job(files, "[]").run("run")).exited(ExitCode.OK);
    other = server.namespace() + "-progress";
    server
        .client()
        .resource(new NamespaceBuilder().withNewMetadata().withName(other).endMetadata().build())
        .create();
    release.services(services(), NAMES);
    assertThat(job("run")).exited(ExitCode.OK);
  }

  /** Progress in a namespace of its own, and reporting, which only reads, in the release's. */
  private String services() {
    return "[%s, %s]".formatted(progress(), reporting());
  }

  private String progress() {
    return """
    {"name": "progress", "role": "%s", "secret": "learnflow-db-progress", "namespace": "%s", "connectionLimit": 4,
     "poolSize": 2, "settings": {"statement_timeout": "30s"}}\
    """
        .formatted(role("progress"), other);
  }

  private String reporting() {
    return """
    {"name": "reporting", "role": "%s", "secret": "learnflow-db-reporting", "namespace": "%s", "connectionLimit": 2,
     "poolSize": 1, "settings": {"default_transaction_read_only": "on"}}\
    """
        .formatted(role("reporting"), server.namespace());
  }

  private String role(String service) {
    return release.database().service() + "_" + service;
  }

  private CliResult job(String... words) {
    return release.job(files, services()).run(words);
  }

  private CliResult rotate(String... more) {
    List<String> words = new ArrayList<>(List.of("credentials", "rotate", "--yes"));
    words.addAll(List.of(more));
    return release.cli().run(words.toArray(String[]::new));
  }

  private Map<String, String> published(String service) {
    return service.equals("progress")
        ? release.values(other, "learnflow-db-progress")
        : release.values("learnflow-db-" + service);
  }

  private Connection open(String service) throws SQLException {
    Map<String, String> values = published(service);
    return release.open(values.getOrDefault("username", ""), values.getOrDefault("password", ""));
  }

  private void assertHealthy() {
    assertThat(release.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
    assertThat(job("run")).exited(ExitCode.OK).says("nothing to do");
  }

  @Test
  void eachConnectionIsPublishedWhereItsServiceIs() throws Exception {
    String password = release.credentials().getOrDefault("service-progress-password", "");
    assertThat(published("progress"))
        .containsEntry("username", role("progress"))
        .containsEntry("password", password);
    assertThat(published("progress").get("uri")).endsWith("?application_name=progress");
    assertThat(published("progress").get("jdbc-uri")).endsWith("&ApplicationName=progress");
    assertThat(release.values(other, "learnflow-db-progress-env"))
        .containsEntry("PGUSER", role("progress"))
        .containsEntry("PGPASSWORD", password);
    assertThat(
            server
                .client()
                .configMaps()
                .inNamespace(other)
                .withName("learnflow-db-progress")
                .get()
                .getData())
        .containsEntry("PGAPPNAME", "progress")
        .containsEntry("POOL_SIZE", "2")
        .containsEntry("SCHEMA_VERSION", "009");
    assertThat(server.client().secrets().inNamespace(other).list().getItems())
        .extracting(secret -> secret.getMetadata().getName())
        .containsExactlyInAnyOrder("learnflow-db-progress", "learnflow-db-progress-env");
    assertThat(release.values("learnflow-db"))
        .containsEntry("username", release.database().service());
    try (Connection connection = open("progress");
        var statement = connection.createStatement()) {
      statement.execute("SELECT count(*) FROM progress");
    }
    assertThat(release.cli().run("connection", "--service", "progress").out())
        .contains("User: " + role("progress"));
    assertThat(release.cli().run("connection", "--service", "nobody"))
        .exited(ExitCode.USAGE)
        .says("there is no service nobody", "name one of progress, reporting");
    CliResult verified = release.cli().run("verify");
    assertThat(verified.out())
        .contains(
            "✓ rights: service progress (%s) can run ".formatted(role("progress")),
            "✓ login: service reporting (%s) can log in".formatted(role("reporting")),
            "✓ connections: progress: 0 of 4, reporting: 0 of 2");
    assertThat(release.cli().run("status").out()).contains("Services:    progress: 0 of 4");
    assertHealthy();
  }

  @Test
  void aRotationGivesTheOtherRoleANewPasswordAndTheFirstGoesOn() throws Exception {
    Map<String, String> before = published("progress");
    Map<String, String> others = published("reporting");
    CliResult rotated = rotate("--service", "progress");

    assertThat(rotated).exited(ExitCode.OK);
    assertThat(rotated.out())
        .contains(
            "new password for service progress in the database",
            "revoke the login of %s: learnflow-db credentials rotate".formatted(role("progress")));
    assertThat(published("progress"))
        .containsEntry("username", role("progress") + "_b")
        .doesNotContainEntry("password", before.get("password"));
    assertThat(published("reporting")).isEqualTo(others);
    assertThat(rotated.all()).doesNotContain(published("progress").get("password"));
    assertHealthy();

    try (Connection old =
        release.open(before.getOrDefault("username", ""), before.getOrDefault("password", ""))) {
      assertThat(old.isValid(5)).isTrue();
      assertThat(release.cli().run("status").out())
          .contains(
              "progress: 1 of 4 (%s, with the previous password)".formatted(role("progress")));
    }
    assertThat(rotate("--service", "progress", "--revoke"))
        .exited(ExitCode.OK)
        .answers("can no longer log in: " + role("progress"));
    assertThat(release.canLogIn(role("progress"), before.getOrDefault("password", ""))).isFalse();
    assertHealthy();

    assertThat(rotate("--service", "progress")).exited(ExitCode.OK);
    assertThat(published("progress")).containsEntry("username", role("progress"));
    assertHealthy();
  }

  @Test
  void aRoleWithOpenSessionsKeepsItsLogin() throws Exception {
    try (Connection _ = open("progress")) {
      assertThat(rotate("--service", "progress")).exited(ExitCode.OK);
      CliResult refused = rotate("--service", "progress", "--revoke");
      assertThat(refused)
          .exited(ExitCode.REFUSED)
          .says(role("progress") + " has open sessions", "pg_stat_activity");
    }
    assertThat(rotate("--service", "progress", "--revoke")).exited(ExitCode.OK);
  }

  @Test
  void aPodThatIsOlderThanTheRotationChangesNothing() {
    var old = release.job(files, services());
    assertThat(rotate("--service", "progress")).exited(ExitCode.OK);
    Map<String, String> now = published("progress");
    assertThat(old.run("run")).exited(ExitCode.FAILED).says("was replaced after this command");
    assertThat(published("progress")).isEqualTo(now);
    assertHealthy();
  }

  /**
   * Each transaction in a session of its own: those of an instance that keeps its password, and of
   * one that follows the Secret.
   */
  @Test
  void noTransactionFailsWhileAPasswordIsReplaced() throws Exception {
    AtomicReference<Map<String, String>> followed = new AtomicReference<>(published("progress"));
    Map<String, String> kept = published("progress");
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger done = new AtomicInteger();
    long start = System.nanoTime();
    try (var _ = Background.run(() -> transactions(() -> kept, over, done));
        var _ = Background.run(() -> transactions(followed::get, over, done));
        var _ =
            Background.run(() -> {
              while (!over.get()) {
                Pause.of(Duration.ofMillis(50));
                followed.set(published("progress"));
              }
            })) {
      try {
        assertThat(rotate("--service", "progress")).exited(ExitCode.OK);
        Eventually.within(
            Duration.ofSeconds(10),
            "the new password is followed",
            () -> (role("progress") + "_b").equals(followed.get().get("username")));
        int before = done.get();
        Eventually.within(
            Duration.ofSeconds(10), "transactions go on", () -> done.get() > before + 20);
      } finally {
        over.set(true);
      }
    }
    System.out.printf(
        "rotation under load: %d transactions in %.1f s, none failed%n",
        done.get(), (System.nanoTime() - start) / 1e9);
  }

  private void transactions(
      Supplier<Map<String, String>> credentials, AtomicBoolean over, AtomicInteger done)
      throws SQLException {
    while (!over.get()) {
      Map<String, String> values = credentials.get();
      try (Connection connection =
              release.open(
                  values.getOrDefault("username", ""), values.getOrDefault("password", ""));
          var statement = connection.createStatement()) {
        statement.execute("SELECT count(*) FROM progress");
        done.incrementAndGet();
      }
      Pause.of(Duration.ofMillis(5));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void whatWasInterruptedIsFinished(int step) throws Exception {
    String next = "NextPassword0123456789";
    String suffix = step == 3 ? "" : "-next";
    release.put("service-progress-password" + suffix, next);
    release.put("service-progress-user" + suffix, role("progress") + "_b");
    if (step > 1) {
      release
          .database()
          .execute(
              PostgresServer.ADMIN,
              "ALTER ROLE %s_b LOGIN PASSWORD '%s'".formatted(role("progress"), next));
    }
    CliResult finished = rotate("--service", "progress");
    assertThat(finished).exited(ExitCode.OK);
    assertThat(finished.out())
        .startsWith(
            "finished the rotation that was interrupted: new password for service progress");
    assertThat(published("progress"))
        .containsEntry("username", role("progress") + "_b")
        .containsEntry("password", next);
    assertHealthy();
  }

  @Test
  void killedTenTimesAtARandomMomentTheNextCallFinishes() throws Exception {
    Kills.in(
            Kills.Stage.from(_ -> isPending()),
            () ->
                release
                    .cli()
                    .start("credentials", "rotate", "--yes", "--service", "progress,reporting"))
        .times(
            10,
            () -> {},
            () -> {
              boolean pending = isPending();
              CliResult next = rotate("--service", "progress,reporting");
              assertThat(next).exited(ExitCode.OK);
              boolean finished = next.out().startsWith("finished");
              assertThat(finished).isIn(true, pending);
              for (String service : NAMES) {
                try (Connection connection = open(service)) {
                  assertThat(connection.isValid(5)).isTrue();
                }
              }
              assertThat(release.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
              return finished;
            });
  }

  private boolean isPending() {
    return release.credentials().keySet().stream().anyMatch(key -> key.endsWith("-next"));
  }

  @Test
  void eightAtOnceEndWithOnePassword() {
    List<CompletableFuture<CliResult>> runs = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      runs.add(
          release.cli().runInBackground("credentials", "rotate", "--yes", "--service", "progress"));
    }
    assertThat(runs).allSatisfy(run -> assertThat(run.join()).exited(ExitCode.OK));
    assertHealthy();
  }

  @Test
  void theListedWorkloadsAreThoseOfTheService() {
    for (String service : NAMES) {
      server
          .client()
          .resource(
              new DeploymentBuilder()
                  .withNewMetadata()
                  .withName(service)
                  .withNamespace(service.equals("progress") ? other : server.namespace())
                  .endMetadata()
                  .withNewSpec()
                  .withNewSelector()
                  .addToMatchLabels("app", service)
                  .endSelector()
                  .withNewTemplate()
                  .withNewMetadata()
                  .addToLabels("app", service)
                  .endMetadata()
                  .withNewSpec()
                  .addNewContainer()
                  .withName("c")
                  .withImage("i")
                  .addNewEnvFrom()
                  .withNewSecretRef("learnflow-db-%s-env".formatted(service), null)
                  .endEnvFrom()
                  .endContainer()
                  .endSpec()
                  .endTemplate()
                  .endSpec()
                  .build())
          .create();
    }
    assertThat(rotate("--service", "progress").out())
        .contains("kubectl -n %s rollout restart deployment/progress".formatted(other))
        .contains("the previous password still works")
        .doesNotContain("deployment/reporting");
  }

  @Test
  void aServiceAtItsLimitStopsNobodyElse() throws Exception {
    List<Connection> all = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      all.add(open("progress"));
    }
    try {
      assertThat(
              release.canLogIn(
                  role("progress"), published("progress").getOrDefault("password", "")))
          .isFalse();
      CliResult verified = release.cli().run("verify");
      assertThat(verified).exited(ExitCode.OK).answers("healthy");
      assertThat(verified.out())
          .contains(
              "! connections: service progress uses 4 of 4 connections; next: ",
              "! login: service progress (%s) has all connections it may have"
                  .formatted(role("progress")));
      assertThat(release.cli().run("status").out()).contains("progress: 4 of 4");
      try (Connection connection = open("reporting")) {
        assertThat(connection.isValid(5)).isTrue();
      }
      server.client().secrets().inNamespace(other).withName("learnflow-db-progress-env").delete();
      assertThat(job("run")).exited(ExitCode.OK);
      assertThat(release.values(other, "learnflow-db-progress-env"))
          .containsEntry("PGUSER", role("progress"));
      assertThat(rotate("--service", "progress")).exited(ExitCode.OK);
    } finally {
      for (Connection connection : all) {
        connection.close();
      }
    }
  }

  @Test
  void aServiceThatIsRemovedCanNoLongerConnectAndNothingIsDropped() throws Exception {
    Map<String, String> gone = published("reporting");
    // As a restore makes it.
    String loader = role("loader");
    release
        .database()
        .execute(
            PostgresServer.ADMIN,
            "CREATE ROLE %1$s LOGIN VALID UNTIL 'tomorrow'; GRANT %1$s TO %2$s"
                .formatted(loader, release.database().owner()));
    CliResult run = release.job(files, "[%s]".formatted(progress())).run("run");
    assertThat(run).exited(ExitCode.OK).says("ALTER ROLE %s NOLOGIN".formatted(role("reporting")));
    assertThat(
            release.canLogIn(gone.getOrDefault("username", ""), gone.getOrDefault("password", "")))
        .isFalse();
    assertThat(
            release
                .database()
                .query(
                    "SELECT rolname FROM pg_roles WHERE rolname = '%s'"
                        .formatted(role("reporting"))))
        .hasSize(1);
    assertThat(
            release
                .database()
                .query(
                    "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname = '%s'"
                        .formatted(loader)))
        .hasSize(1);
    assertThat(release.job(files, "[%s]".formatted(progress())).run("run"))
        .exited(ExitCode.OK)
        .says("nothing to do");
    assertThat(job("run")).exited(ExitCode.OK);
    try (Connection back = open("reporting")) {
      assertThat(back.isValid(5)).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"triage", "triage_b"})
  void aRoleThatMayBeSomebodyElsesIsRefusedWithTheWayToTakeIt(String name) throws Exception {
    TestDatabase database = release.database();
    database.execute(
        PostgresServer.ADMIN, "CREATE ROLE %s LOGIN PASSWORD 'theirs'".formatted(role(name)));
    release.put("service-triage-password", "Triage0123456789");
    String services =
        "[{\"name\": \"triage\", \"role\": \"%s\", \"secret\": \"t\", \"namespace\": \"%s\"}]"
            .formatted(role("triage"), server.namespace());
    CliResult refused = release.job(files, services).run("run");
    String grant = "GRANT %s TO %s".formatted(role(name), database.owner());
    assertThat(refused)
        .exited(ExitCode.REFUSED)
        .says(
            "for service triage, exists already and may be somebody else's",
            "GRANT \"%s\" TO \"%s\"".formatted(role(name), database.owner()));
    assertThat(release.canLogIn(role(name), "theirs")).isTrue();
    database.execute(PostgresServer.ADMIN, grant);
    assertThat(release.job(files, services).run("run")).exited(ExitCode.OK);
    assertThat(release.canLogIn(role("triage"), "Triage0123456789")).isTrue();
  }

  /** The last step of moving away from the role of all services. */
  @Test
  void withoutTheRoleOfAllServicesNothingIsPublishedForIt() throws Exception {
    String ofAll = release.database().service();
    String password = release.credentials().getOrDefault("app-password", "");
    assertThat(release.canLogIn(ofAll, password)).isTrue();
    CliResult run = release.job(files, services()).with("LEARNFLOW_DB_APP_USER", "none").run("run");
    assertThat(run).exited(ExitCode.OK).says("ALTER ROLE %s NOLOGIN".formatted(ofAll));
    assertThat(release.canLogIn(ofAll, password)).isFalse();
    try (Connection connection = open("progress")) {
      assertThat(connection.isValid(5)).isTrue();
    }
  }

  @Test
  void mistakesAreToldBeforeAnythingIsDone() throws Exception {
    assertThat(rotate("--service", "nobody"))
        .exited(ExitCode.USAGE)
        .says("has no service nobody", "name one of progress, reporting");
    assertThat(rotate("--revoke")).exited(ExitCode.USAGE).says("--revoke needs a service");
    for (String[] mistake :
        new String[][] {
          {"{}", "names cannot be read"},
          {"[1", "it is not JSON"},
          {"[{\"name\": \"Progress\"}]", "cannot be a service's name"},
          {"[{\"name\": \"a\"}, {\"name\": \"a\"}]", "two services are named a"},
          {
            "[{\"name\": \"progress\", \"role\": \"x\"}, {\"name\": \"reporting\", \"role\": \"x\"}]",
            "two services have this role"
          },
          {
            "[{\"name\": \"progress\", \"connectionLimit\": 0}]",
            "connectionLimit 0, not a number from 1"
          },
          {
            "[{\"name\": \"progress\", \"connectionLimit\": 2, \"poolSize\": 3}]",
            "poolSize 3, which is more"
          },
          {"[{\"name\": \"progress\", \"limit\": 2}]", "unknown key limit"},
          {
            "[{\"name\": \"progress\", \"settings\": {\"work_mem\": \"1GB\"}}]",
            "the setting work_mem"
          },
          {
            "[{\"name\": \"progress\", \"settings\": {\"search_path\": \"Public\"}}]",
            "not a list of schemas"
          },
          {
            "[{\"name\": \"progress\"}, {\"name\": \"triage\"}]",
            "service-triage-password does not exist"
          },
          {"[{\"name\": \"nobody\"}]", "service nobody has no rights"},
          {"[{\"name\": \"progress\", \"role\": \"pg_x\"}]", "PostgreSQL reserves this name"}
        }) {
      assertThat(release.job(files, mistake[0]).run("run"))
          .as(mistake[0])
          .exited(ExitCode.USAGE)
          .says(mistake[1]);
    }
    assertHealthy();
  }
}

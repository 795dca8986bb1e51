package org.learnflow.db.credentials;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.cli.JsonDocumentsTest;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestRelease;
import org.postgresql.PGConnection;

/** {@code credentials rotate}: whole, killed, doubled, in somebody's way, and refused. */
@ExtendWith(PostgresExtension.class)
class CredentialsRotateTest {
  private static final Map<String, String> KEYS =
      Map.of("app", "app-password", "owner", "password", "admin", "postgres-password");

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @SuppressWarnings("NullAway.Init")
  private TestRelease release;

  private Map<String, String> first = Map.of();

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("credentials rotate is");
  }

  @BeforeEach
  void aHealthyRelease(TestDatabase database) throws Exception {
    release = TestRelease.on(server, database);
    assertThat(release.cli().run("run")).exited(ExitCode.OK);
    first = release.credentials();
  }

  private CliResult rotate(String... more) {
    return release.cli().run(rotation(more));
  }

  private static String[] rotation(String... more) {
    List<String> words = new ArrayList<>(List.of("credentials", "rotate", "--yes"));
    words.addAll(List.of(more));
    return words.toArray(String[]::new);
  }

  /** Secret, database and what is published say the same, and nothing is left over. */
  private void assertConsistent() {
    Map<String, String> now = release.credentials();
    assertThat(now).containsOnlyKeys(KEYS.values());
    now.forEach((key, password) ->
        assertThat(release.accepts(release.role(key), password)).as(key).isTrue());
    assertThat(release.values("learnflow-db"))
        .containsEntry("password", now.getOrDefault("app-password", ""));
    assertThat(release.values("learnflow-db-env"))
        .containsEntry("PGPASSWORD", now.getOrDefault("app-password", ""));
    assertThat(release.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
  }

  @ParameterizedTest
  @ValueSource(strings = {"app", "owner", "admin", "app,owner,admin"})
  void aPasswordIsReplacedEverywhereAndOpenSessionsStay(String roles) throws Exception {
    List<Connection> open = new ArrayList<>();
    for (Map.Entry<String, String> entry : first.entrySet()) {
      open.add(release.open(release.role(entry.getKey()), entry.getValue()));
    }

    CliResult result = rotate("--role", roles);

    assertThat(result).exited(ExitCode.OK);
    assertThat(result.out()).startsWith("new password for ");
    Map<String, String> expected = new TreeMap<>(first);
    for (String role : roles.split(",", -1)) {
      String key = KEYS.getOrDefault(role, "");
      String next = release.credentials().getOrDefault(key, "");
      assertThat(next).matches("[A-Za-z0-9]{32}").isNotEqualTo(first.get(key));
      assertThat(release.accepts(release.role(key), first.getOrDefault(key, ""))).isFalse();
      expected.put(key, next);
    }
    assertThat(release.credentials()).isEqualTo(expected);
    assertConsistent();
    assertThat(release.cli().run("run").out()).contains("nothing to do");
    for (Connection connection : open) {
      assertThat(connection.isValid(5)).isTrue();
      connection.close();
    }
    List.of(first, expected)
        .forEach(passwords -> assertThat(passwords.values()).noneMatch(result.all()::contains));
  }

  /** What a kill leaves: 1 after the Secret has the next password, 2 the database, 3 both. */
  @ParameterizedTest
  @CsvSource({"app,1", "app,2", "app,3", "owner,1", "owner,2", "admin,1", "admin,2"})
  void whatWasInterruptedIsSaidAndFinished(String role, int step) throws Exception {
    String key = KEYS.getOrDefault(role, "");
    String next = "NextPassword0123456789";
    release.put(step == 3 ? key : key + "-next", next);
    if (step > 1) {
      alter(release.role(key), next);
    }

    if (step < 3) {
      assertThat(release.cli().run("verify").lastLine())
          .isEqualTo(
              "unhealthy: credentials: a rotation was interrupted: Secret learnflow-db-credentials"
                  + " has %s-next; next: learnflow-db credentials rotate --release learnflow-db --namespace %s"
                      .formatted(key, server.namespace()));
    }
    if (step == 1) {
      assertThat(release.cli().run("status").out())
          .contains(
              "Problem:     a rotation was interrupted",
              "Schema:      " + ProjectMigrations.newest());
    }
    CliResult run = release.job().run("run");
    if (step == 1 || role.equals("admin")) {
      assertThat(run).exited(ExitCode.OK);
    } else if (step == 2) {
      assertThat(run)
          .exited(ExitCode.CREDENTIALS_REFUSED)
          .says("has " + key + "-next", "finish it: learnflow-db credentials rotate --release");
    } else {
      // The Job tries again, with the files of a new pod.
      assertThat(run).exited(ExitCode.FAILED).says("was replaced after this command read it");
    }
    assertThat(release.accepts(release.role(key), next)).isEqualTo(step > 1);
    assertThat(release.cli().run("credentials", "rotate"))
        .exited(ExitCode.REFUSED)
        .says("confirmation is required, but there is no terminal");

    CliResult finished = rotate();

    assertThat(finished).exited(ExitCode.OK);
    assertThat(finished.out())
        .startsWith(
            "finished the rotation that was interrupted: new password for " + release.role(key));
    assertThat(release.credentials()).containsEntry(key, next);
    assertConsistent();
  }

  private void alter(String role, String password) throws Exception {
    try (Connection admin =
            release.open(release.admin(), first.getOrDefault("postgres-password", ""));
        var statement = admin.createStatement()) {
      statement.execute("ALTER ROLE %s PASSWORD '%s'".formatted(role, password));
    }
  }

  @Test
  void aPodThatIsOlderThanTheRotationPublishesNothing() {
    rotate();
    assertThat(release.job().run("publish"))
        .exited(ExitCode.FAILED)
        .says("was replaced after this command read it");
    assertThat(release.job().run("roles")).exited(ExitCode.FAILED);
    assertConsistent();
    rotate("--role", "owner");
    assertThat(release.job().run("run"))
        .exited(ExitCode.FAILED)
        .says("was replaced after this command read it");
    assertConsistent();
  }

  @Test
  void killedTenTimesAtARandomMomentTheNextCallFinishes() throws Exception {
    Kills.in(
            Kills.Stage.from(_ -> isPending()),
            () -> release.cli().start(rotation("--role", "app,owner,admin")))
        .times(
            10,
            () -> {},
            () -> {
              boolean pending = isPending();
              CliResult next = rotate("--role", "app,owner,admin");
              assertThat(next).exited(ExitCode.OK);
              boolean finished = next.out().startsWith("finished");
              assertThat(finished).isIn(true, pending);
              assertConsistent();
              return finished;
            });
  }

  private boolean isPending() {
    return release.credentials().keySet().stream().anyMatch(key -> key.endsWith("-next"));
  }

  /** Held up at the database, so that the kill surely comes between Secret and database. */
  @Test
  void killedWhileTheDatabaseIsHeldUp() throws Exception {
    try (Connection other =
            release.open(release.admin(), first.getOrDefault("postgres-password", ""));
        Connection watching =
            release.open(release.admin(), first.getOrDefault("postgres-password", ""));
        var statement = other.createStatement();
        var blocked =
            watching.prepareStatement(
                "SELECT FROM pg_stat_activity WHERE ? = ANY (pg_blocking_pids(pid))")) {
      blocked.setInt(1, other.unwrap(PGConnection.class).getBackendPID());
      other.setAutoCommit(false);
      statement.execute(
          "ALTER ROLE %s CONNECTION LIMIT -1".formatted(release.role("app-password")));
      Cli.Running running = release.cli().start(rotation("--lock-timeout", "60s"));
      Eventually.within(
          Duration.ofSeconds(30), "it waits for the database", () -> blocked.executeQuery().next());
      assertThat(isPending()).as("the next password is in the Secret").isTrue();
      running.kill();
      other.rollback();
    }
    String next = release.credentials().getOrDefault("app-password-next", "");
    assertThat(rotate().out()).startsWith("finished the rotation that was interrupted");
    assertThat(release.credentials()).containsEntry("app-password", next);
    assertConsistent();
  }

  @ParameterizedTest
  @ValueSource(strings = {"app", "app,owner,admin"})
  void eightAtOnceEndWithOnePasswordEverywhere(String roles) {
    List<CompletableFuture<CliResult>> runs = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      runs.add(release.cli().runInBackground(rotation("--role", roles)));
    }
    List<CliResult> results = runs.stream().map(CompletableFuture::join).toList();
    assertThat(results).allSatisfy(result -> assertThat(result).exited(ExitCode.OK));
    assertThat(results).anyMatch(CliResult::waitedForAnother);
    assertConsistent();
    assertThat(release.credentials())
        .doesNotContainEntry("app-password", first.get("app-password"));
  }

  @Test
  void aPasswordThatTheDatabaseDoesNotKnowIsNotReplaced() throws Exception {
    alter(release.role("app-password"), "by-hand");
    assertThat(rotate())
        .exited(ExitCode.CREDENTIALS_REFUSED)
        .says("does not accept the password of " + release.role("app-password"), "repair");
    alter(release.role("postgres-password"), "by-hand");
    assertThat(rotate())
        .exited(ExitCode.CREDENTIALS_REFUSED)
        .says("does not accept the password of " + release.admin(), "credentials repair --release");
    assertThat(release.credentials()).isEqualTo(first);
  }

  @Test
  void whatIsNotTheReleasesOwnIsRefused() {
    assertThat(release.cli().run("credentials", "rotate"))
        .exited(ExitCode.REFUSED)
        .says(
            "confirmation is required, but there is no terminal: The password of "
                + release.role("app-password"),
            "will be replaced",
            "--yes");
    assertThat(rotate("--database", "postgresql://u@h/d"))
        .exited(ExitCode.USAGE)
        .says("only a release's passwords can be rotated");
    assertThat(release.cli().without("LEARNFLOW_DB_RELEASE").run(rotation()))
        .exited(ExitCode.USAGE)
        .says("--release NAME");
    assertThat(rotate("--release", "nonsense")).exited(ExitCode.NOT_DEPLOYED);
    assertThat(rotate("--role", "everybody")).exited(ExitCode.USAGE).says("app|owner|admin");

    change("credentials-secret", "by-vault");
    assertThat(rotate())
        .exited(ExitCode.REFUSED)
        .says(
            "Secret by-vault comes from credentials.existingSecret",
            "credentials.existingSecret",
            "learnflow-db run --release learnflow-db");
    change("stateful-set", "");
    assertThat(rotate()).exited(ExitCode.REFUSED).says("external", "Secret by-vault");
    assertThat(release.credentials()).isEqualTo(first);
  }

  private void change(String key, String value) {
    server
        .client()
        .configMaps()
        .inNamespace(server.namespace())
        .withName("learnflow-db-release")
        .edit(map -> new ConfigMapBuilder(map).addToData(key, value).build());
  }

  @Test
  void publishingThatFailsIsFinishedByTheNextCall() {
    change("publish-namespaces", server.namespace() + ",no-such-namespace");
    assertThat(rotate())
        .exited(ExitCode.PUBLISHING_FAILED)
        .says("no-such-namespace", "the new password is in force", "run the same command again");
    assertThat(release.credentials()).containsOnlyKeys(KEYS.values());
  }

  private void makeWorkloads() {
    for (String[] workload :
        new String[][] {
          {"Deployment", "by-env", "envFrom: [{secretRef: {name: learnflow-db-env}}]", ""},
          {
            "StatefulSet",
            "by-key",
            "env: [{name: P, valueFrom: {secretKeyRef: {name: learnflow-db, key: password}}}]",
            ""
          },
          {"DaemonSet", "by-file", "", "volumes: [{name: v, secret: {secretName: learnflow-db}}]"},
          {
            "Deployment",
            "by-projection",
            "",
            "volumes: [{name: v, projected: {sources: [{secret: {name: learnflow-db}}]}}]"
          },
          {"Deployment", "stranger", "envFrom: [{secretRef: {name: other}}]", ""}
        }) {
      server.apply(
          """
          apiVersion: apps/v1
          kind: %s
          metadata: {name: %s}
          spec:
            selector: {matchLabels: {app: a}}
            template:
              metadata: {labels: {app: a}}
              spec:
                containers:
                - name: c
                  image: i
                  %s
                %s
          """
              .formatted((Object[]) workload));
    }
    server.apply(
        """
        apiVersion: batch/v1
        kind: CronJob
        metadata: {name: nightly}
        spec:
          schedule: "0 0 * * *"
          jobTemplate:
            spec:
              template:
                spec:
                  restartPolicy: Never
                  initContainers: [{name: i, image: i, envFrom: [{secretRef: {name: learnflow-db-env}}]}]
                  containers: [{name: c, image: i}]
        """);
  }

  @Test
  void whatNeedsARestartIsListed() {
    makeWorkloads();
    assertThat(release.cli().run("credentials", "rotate"))
        .exited(ExitCode.REFUSED)
        .says("need a restart", "Deployment %s/by-env".formatted(server.namespace()));
    String restart = "kubectl -n %s rollout restart ".formatted(server.namespace());

    CliResult result = rotate();

    assertThat(result).exited(ExitCode.OK).doesNotSay("stranger");
    assertThat(result.out().lines().map(String::strip))
        .contains(
            restart + "deployment/by-env",
            restart + "statefulset/by-key",
            "CronJob %s/nightly: nothing to do, its next run uses it".formatted(server.namespace()))
        .anyMatch(line -> line.startsWith(restart + "daemonset/by-file   # reads files"))
        .anyMatch(line -> line.startsWith(restart + "deployment/by-projection   # reads files"))
        .noneMatch(line -> line.contains("stranger"));
    assertThat(rotate("--role", "owner").out()).doesNotContain("kubectl");
  }

  @Test
  void aRestartThatDoesNotComeToAnEndIsSaid() {
    makeWorkloads();
    server
        .client()
        .apps()
        .deployments()
        .inNamespace(server.namespace())
        .withName("by-projection")
        .edit(found -> new DeploymentBuilder(found).editSpec().withPaused(true).endSpec().build());

    // Nobody rolls anything here.
    CliResult result = rotate("--restart", "--timeout", "2s");

    assertThat(result)
        .exited(ExitCode.FAILED)
        .says(
            "Deployment %s/by-env has not been seen by its controller yet"
                .formatted(server.namespace()),
            "by-projection is paused",
            "the rotation itself is complete",
            "rollout restart deployment/by-env");
    assertThat(
            server
                .client()
                .apps()
                .statefulSets()
                .inNamespace(server.namespace())
                .withName("by-key")
                .get()
                .getSpec()
                .getTemplate()
                .getMetadata()
                .getAnnotations())
        .containsKey("kubectl.kubernetes.io/restartedAt");
    assertConsistent();
  }

  @Test
  void theDocumentIsTheDocumentedOne() throws Exception {
    makeWorkloads();
    var json = new com.fasterxml.jackson.databind.ObjectMapper();
    var document =
        json.readTree(release.cli().with("LEARNFLOW_DB_OUTPUT", "json").run(rotation()).out());
    assertThat(JsonDocumentsTest.paths(document))
        .isEqualTo(
            JsonDocumentsTest.paths(
                JsonDocumentsTest.examples().getOrDefault("credentials rotate", json.nullNode())));
  }
}

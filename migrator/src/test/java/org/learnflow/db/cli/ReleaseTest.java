package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.Event;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;
import org.learnflow.db.testing.TestRelease;

/** A database that is found by the name of its release, and what its pods leave behind. */
@ExtendWith(PostgresExtension.class)
class ReleaseTest {
  @TempDir private Path directory = Path.of("");
  @AutoClose private final ApiServer server = ApiServer.withNamespace();
  private Path terminationLog = Path.of("");

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("finding a database by its release is");
  }

  @BeforeEach
  void makeTerminationLog() {
    terminationLog = TestFiles.write(directory.resolve("termination-log"), "");
  }

  private String namespace() {
    return server.namespace();
  }

  /** The program in a pod, as far as it can tell. */
  private Cli cli() {
    Map<String, String> environment = new HashMap<>();
    environment.put("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    environment.put("LEARNFLOW_DB_TERMINATION_LOG", terminationLog.toString());
    environment.put("LEARNFLOW_DB_RELEASE", "learnflow-db");
    environment.put("LEARNFLOW_DB_NAMESPACE", namespace());
    environment.put("LEARNFLOW_DB_MIGRATIONS", TestFiles.migrations().toString());
    environment.put("LEARNFLOW_DB_SEEDS_DIR", TestFiles.seeds().toString());
    environment.put("LEARNFLOW_DB_TIMEOUT", "5s");
    return new Cli(environment);
  }

  /** What the chart makes, but for the server itself. */
  private void deploy(TestDatabase database, String statefulSet) {
    TestRelease.writeRecord(
        server, database, PostgresServer.ADMIN, statefulSet, "reference,sample");
    secret(database, database.password(database.owner()).value());
  }

  private void secret(TestDatabase database, String ownerPassword) {
    TestRelease.writeCredentials(
        server,
        database.server().adminPassword().value(),
        ownerPassword,
        database.password(database.service()).value());
  }

  private void deleteSecret() {
    server
        .client()
        .secrets()
        .inNamespace(namespace())
        .withName("learnflow-db-credentials")
        .delete();
  }

  private List<Event> events() {
    return server.client().v1().events().inNamespace(namespace()).list().getItems();
  }

  @Test
  void theWholeWayFromNothingToHealthyAndPublished(TestDatabase database) throws Exception {
    assertThat(cli().run("verify")).exited(ExitCode.FAILED).answers("not deployed");
    deploy(database, "");

    assertThat(cli().run("run")).exited(ExitCode.OK).answers("healthy");

    assertThat(terminationLog)
        .hasContent(
            "healthy, schema %s, published to %s"
                .formatted(ProjectMigrations.newest(), namespace()));
    assertThat(database.query("SELECT count(*)::text FROM submissions").getFirst())
        .as("the release's seed sets")
        .isNotEqualTo("0");
    CliResult verified = cli().run("verify");
    assertThat(verified).exited(ExitCode.OK).answers("healthy");
    assertThat(verified.out())
        .contains(
            "✓ release: learnflow-db in namespace %s, learnflow-db-1.2.3".formatted(namespace()),
            "✓ credentials: ",
            "✓ published: in " + namespace());
    assertThat(events()).isEmpty();
  }

  @Test
  void whatIsNotDeployedIsSaidWithTheNextCommand() {
    for (String command :
        List.of("status", "connection", "migrate", "seed", "run", "roles", "publish", "wait")) {
      assertThat(cli().run(command))
          .exited(ExitCode.NOT_DEPLOYED)
          .says(
              "release learnflow-db is not deployed in namespace " + namespace(),
              "helm upgrade --install learnflow-db charts/learnflow-db -n " + namespace());
    }
    assertThat(cli().run("verify")).says("helm upgrade --install").answers("not deployed");
  }

  @Test
  void connectionShowsWhatServicesUseWithoutAskingTheDatabase(TestDatabase database) {
    deploy(database, "");
    assertThat(cli().run("connection").out())
        .startsWith(
            "Host: %s\nPort: %d\n".formatted(database.server().host(), database.server().port()))
        .contains("User: " + database.service(), "Password: ********");
    assertThat(cli().run("connection", "--show-password").out())
        .contains(database.password(database.service()).value());
    assertThat(terminationLog).isEmptyFile();
  }

  @Test
  void databaseWinsOverReleaseAndReleaseOverDatabaseUrl(TestDatabase database) {
    deploy(database, "");
    Cli url = cli().with("DATABASE_URL", "postgresql://u@elsewhere/d");
    assertThat(url.run("connection").out()).startsWith("Host: " + database.server().host() + "\n");
    assertThat(
            url.with(
                    "LEARNFLOW_DB_APP_PASSWORD_FILE",
                    database.passwords().file(database.service()).toString())
                .run("connection", "--database", "postgresql://u@argument/d")
                .out())
        .startsWith("Host: argument\n");
  }

  @Test
  void statusShowsTheReleaseOnOneScreen(TestDatabase database) throws Exception {
    deploy(database, "");
    cli().run("run");
    server.client().secrets().inNamespace(namespace()).withName("learnflow-db-env").delete();
    Path report = directory.resolve("report.html");
    assertThat(cli().run("report", report.toString())).exited(ExitCode.OK);
    assertThat(report)
        .content()
        .contains("learnflow-db in namespace " + namespace(), "learnflow-db-1.2.3", "Published");
    CliResult status = cli().run("status");
    assertThat(status).exited(ExitCode.OK);
    assertThat(status.out())
        .contains(
            "Release:     learnflow-db in namespace %s, learnflow-db-1.2.3".formatted(namespace()),
            "Pod:         none, external database",
            "Storage:     no volume",
            "Schema:      " + ProjectMigrations.newest(),
            "Published:   %s: Secret learnflow-db-env missing".formatted(namespace()));
    JsonNode document =
        new ObjectMapper().readTree(cli().with("LEARNFLOW_DB_OUTPUT", "json").run("status").out());
    assertThat(document.at("/release/chart").asText()).isEqualTo("learnflow-db-1.2.3");
    assertThat(document.at("/status/schemaVersion").asText()).isEqualTo(ProjectMigrations.newest());
    assertThat(document.at("/published/1/state").asText()).isEqualTo("missing");
    JsonNode example =
        JsonDocumentsTest.examples()
            .getOrDefault("status of a release", new ObjectMapper().nullNode());
    assertThat(JsonDocumentsTest.paths(example)).containsAll(JsonDocumentsTest.paths(document));
  }

  @Test
  void whatIsPublishedMustBeWhatWouldBePublished(TestDatabase database) {
    deploy(database, "");
    cli().run("run");
    server
        .client()
        .configMaps()
        .inNamespace(namespace())
        .withName("learnflow-db")
        .edit(map -> {
          map.getData().put("PGHOST", "elsewhere");
          return map;
        });
    assertThat(cli().run("verify").lastLine())
        .startsWith("unhealthy: published: ConfigMap learnflow-db in namespace")
        .contains("is differing", "learnflow-db publish --release learnflow-db");

    assertThat(cli().run("publish")).exited(ExitCode.OK);
    assertThat(cli().run("verify")).answers("healthy");
  }

  @Test
  void aLostSecretIsNamed(TestDatabase database) {
    deploy(database, "");
    cli().run("run");
    deleteSecret();
    assertThat(cli().run("verify"))
        .exited(ExitCode.FAILED)
        .says("credentials repair --release learnflow-db")
        .answers(
            "unhealthy: credentials: Secret learnflow-db-credentials with the passwords does not"
                + " exist");
    CliResult status = cli().run("status");
    assertThat(status).exited(ExitCode.FAILED);
    assertThat(status.out()).contains("Problem:     Secret learnflow-db-credentials");
  }

  @Test
  void anExternalDatabaseIsNotRepaired(TestDatabase database) {
    deploy(database, "");
    assertThat(cli().run("credentials", "repair", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("external", "ALTER ROLE");
  }

  @Test
  void anotherPasswordThanTheDatabasesIsRecognised(TestDatabase database) {
    ApiServer.requireWithoutNodes("a password mismatch is");
    deploy(database, "postgres");
    database.withRoles();
    deleteSecret();
    secret(database, "another");
    TestRelease.writeReadyPod(server);
    CliResult verified = cli().run("verify");
    assertThat(verified).exited(ExitCode.FAILED).says("delete pod postgres-0");
    assertThat(verified.lastLine())
        .contains(
            "reachable: the Secret and the volume do not belong together",
            "password authentication failed");
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data-postgres-0}
        spec:
          accessModes: [ReadWriteOnce]
          resources: {requests: {storage: 10Gi}}
        """);
    assertThat(cli().run("wait"))
        .exited(ExitCode.CREDENTIALS_REFUSED)
        .says("do not belong together", "learnflow-db credentials repair --release learnflow-db");
    assertThat(cli().run("status").out())
        .contains(
            "postgres-0 Running, ready, 2 restarts, postgres:17", "data-postgres-0 Pending, 10Gi");
  }

  @Test
  void aPodThatIsNotReadyIsToldAtOnce(TestDatabase database) {
    ApiServer.requireWithoutNodes("a StatefulSet without pod is");
    deploy(database, "postgres");
    long start = System.nanoTime();
    assertThat(cli().with("LEARNFLOW_DB_TIMEOUT", "60s").run("verify"))
        .answers(
            "unhealthy: pod: StatefulSet postgres does not exist; next: kubectl -n %s get"
                    .formatted(namespace())
                + " statefulsets");
    CliResult status = cli().with("LEARNFLOW_DB_TIMEOUT", "60s").run("status");
    assertThat(status).exited(ExitCode.NOT_REACHED);
    assertThat(status.out()).contains("Problem:     StatefulSet postgres does not exist");
    Path report = directory.resolve("report.html");
    assertThat(cli().with("LEARNFLOW_DB_TIMEOUT", "60s").run("report", report.toString()))
        .exited(ExitCode.NOT_REACHED)
        .answers("report written to " + report);
    assertThat(report)
        .content()
        .contains("learnflow-db in namespace " + namespace(), "StatefulSet postgres does not exist")
        .contains("The database was not reached");
    assertThat(System.nanoTime() - start).isLessThan(20_000_000_000L);
  }

  @Test
  void aFailedRunLeavesATerminationMessageAndAnEventWithoutPasswords(TestDatabase database)
      throws Exception {
    deploy(database, "");
    Path migrations = directory.resolve("migrations");
    TestFiles.write(
        migrations.resolve("V001__broken.sql"), "CREATE TABLE t (id int);\nSELEKT 1;\n");

    CliResult result = cli().with("LEARNFLOW_DB_MIGRATIONS", migrations.toString()).run("run");

    assertThat(result).exited(ExitCode.MIGRATION_FAILED);
    String message = TestFiles.read(terminationLog);
    assertThat(message).contains("V001__broken.sql", "42601").doesNotContain("\n");
    assertThat(events())
        .singleElement()
        .satisfies(event -> {
          assertThat(event.getType()).isEqualTo("Warning");
          assertThat(event.getReason()).isEqualTo("MigrationFailed");
          assertThat(event.getMessage()).contains("V001__broken.sql");
          assertThat(event.getInvolvedObject().getName()).isEqualTo("learnflow-db-release");
          assertThat(event.getInvolvedObject().getUid()).isNotEmpty();
        });
    for (String role : List.of(database.owner(), database.service())) {
      assertThat(message + events()).doesNotContain(database.password(role).value());
    }
  }

  @Test
  void anUnhealthyRunLeavesItsReason(TestDatabase database) throws Exception {
    deploy(database, "");
    cli().run("run");
    database.execute(database.owner(), "DELETE FROM curriculum");
    assertThat(cli().run("run")).exited(ExitCode.FAILED);
    assertThat(TestFiles.read(terminationLog)).startsWith("unhealthy: seeds: ");
    assertThat(events())
        .singleElement()
        .extracting(Event::getReason)
        .isEqualTo("DatabaseUnhealthy");
  }

  @Test
  void anEventThatCannotBeWrittenDoesNotHideTheFailure(TestDatabase database) {
    CliResult result =
        cli()
            .with("LEARNFLOW_DB_NAMESPACE", "no-such-namespace")
            .run("run", "--database", "postgresql://u@127.0.0.1:1/d", "--timeout", "0");
    assertThat(result)
        .exited(ExitCode.NOT_REACHED)
        .says("event    not written: namespace no-such-namespace does not exist", "error: ");
    assertThat(TestFiles.read(terminationLog)).contains("was not reached", "127.0.0.1:1");
  }
}

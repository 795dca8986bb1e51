package org.learnflow.db.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;
import org.learnflow.db.testing.TestRelease;

/** {@code reconcile}: brings back what is published, migrates nothing, and is in nobody's way. */
@ExtendWith(PostgresExtension.class)
class ReconcileTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final List<String> ALL = ProjectMigrations.versions();
  private static final String NEWEST = ProjectMigrations.newest();
  private static final String NEXT = ProjectMigrations.after(1);

  @TempDir private Path directory = Path.of("");

  @SuppressWarnings("NullAway.Init")
  private TestDatabase database;

  @SuppressWarnings("NullAway.Init")
  private Cli cli;

  private Path published = Path.of("");

  @BeforeEach
  void publishToAFile(TestDatabase given) {
    database = given;
    published = directory.resolve("connection.env");
    cli =
        database
            .cli()
            .with("LEARNFLOW_DB_PUBLISH_TO", "file:" + published)
            .with("LEARNFLOW_DB_SEEDS", "reference,sample");
  }

  private List<String> history() throws SQLException {
    return database.query(
        "SELECT version FROM flyway_schema_history WHERE success ORDER BY installed_rank");
  }

  /** The project's migrations and these. */
  private Cli withMore(String... sql) {
    Path more = directory.resolve("migrations");
    try (Stream<Path> files = Files.list(TestFiles.migrations())) {
      files
          .filter(file -> !file.endsWith("objects.txt"))
          .forEach(file ->
              TestFiles.write(
                  more.resolve(Objects.requireNonNull(file.getFileName()).toString()),
                  TestFiles.read(file)));
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    TestFiles.write(more.resolve("objects.txt"), "table public.more\n");
    for (int i = 0; i < sql.length; i++) {
      TestFiles.write(
          more.resolve("V%s__more.sql".formatted(ProjectMigrations.after(1 + i))), sql[i] + "\n");
    }
    return cli.with("LEARNFLOW_DB_MIGRATIONS", more.toString());
  }

  @Test
  void whatIsAllRightIsLeftAlone() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    String before = TestFiles.read(published);
    CliResult result = cli.run("reconcile");
    assertThat(result).exited(ExitCode.OK).answers("healthy").doesNotSay("drift");
    assertThat(result.out()).startsWith("nothing to do: schema at " + NEWEST);
    assertThat(published).hasContent(before);
  }

  @Test
  void itOpensNoMoreConnectionsThanARunWithNothingToDo() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    try (Connection admin = database.connect(PostgresServer.ADMIN);
        Statement statement = admin.createStatement()) {
      int run = connections(statement, () -> cli.run("run"));
      int reconcile = connections(statement, () -> cli.run("reconcile"));
      assertThat(run).isPositive();
      assertThat(reconcile).isLessThanOrEqualTo(run);
    }
  }

  private int connections(Statement statement, Runnable work) throws Exception {
    int before = sessions(statement);
    work.run();
    // In this session, since another one would be counted too.
    Eventually.within(
        LIMIT,
        "all have ended",
        () ->
            number(
                    statement,
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
                == 0);
    return sessions(statement) - before;
  }

  private static int sessions(Statement statement) throws SQLException {
    return number(
        statement, "SELECT sessions FROM pg_stat_database WHERE datname = current_database()");
  }

  private static int number(Statement statement, String query) throws SQLException {
    try (var row = statement.executeQuery(query)) {
      row.next();
      return row.getInt(1);
    }
  }

  @Test
  void whatWasChangedOutsideMigrationsIsToldAndStopsNothing() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    database.execute(database.owner(), "CREATE INDEX by_name ON users (username)");
    assertThat(cli.run("reconcile"))
        .exited(ExitCode.OK)
        .answers("healthy")
        .says("! drift: 1 object: added index public.by_name");
    assertThat(published).exists();
  }

  @Test
  void pendingMigrationsAreToldAndNotApplied() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    Cli newer = withMore("CREATE TABLE more (id int PRIMARY KEY);");
    assertThat(newer.run("reconcile"))
        .exited(ExitCode.OK)
        .answers("healthy")
        .says(
            "! migrations: at %s, 1 pending: V%s__more.sql".formatted(NEWEST, NEXT),
            "reconcile applies no migrations");
    assertThat(history()).isEqualTo(ALL);
    assertThat(published).content().contains("SCHEMA_VERSION=" + NEWEST);
  }

  @Test
  void betweenTwoTriesOfAnUpgradeThatFailsNothingIsTriedAndTheTruthIsPublished() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Cli newer = withMore("CREATE TABLE more (id int PRIMARY KEY);", "SELECT 1 / 0;");
    assertThat(newer.run("run")).exited(ExitCode.MIGRATION_FAILED);
    assertThat(published).content().contains("SCHEMA_VERSION=" + NEWEST);
    List<String> rows = database.query("SELECT f::text FROM flyway_schema_history f");

    assertThat(newer.run("reconcile"))
        .exited(ExitCode.OK)
        .says("1 pending: V%s__more.sql".formatted(ProjectMigrations.after(2)));

    assertThat(published).content().contains("SCHEMA_VERSION=" + NEXT);
    assertThat(database.query("SELECT f::text FROM flyway_schema_history f")).isEqualTo(rows);
    assertThat(newer.run("run")).exited(ExitCode.MIGRATION_FAILED);
  }

  @Test
  void anUnhealthyDatabaseIsNotPublished() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    database.execute(database.owner(), "DROP TABLE struggle_alerts CASCADE");
    CliResult result = cli.run("reconcile");
    assertThat(result).exited(ExitCode.FAILED).says("publish", "not done");
    assertThat(result.lastLine()).startsWith("unhealthy: objects: missing: ");
    assertThat(published).doesNotExist();
  }

  @Test
  void aPasswordThatDoesNotOpenTheDatabaseIsNotPublished() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    database.execute(
        PostgresServer.ADMIN, "ALTER ROLE %s PASSWORD 'another'".formatted(database.service()));
    CliResult result = cli.run("reconcile");
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.lastLine())
        .startsWith("unhealthy: login: " + database.service() + " cannot log in");
    assertThat(published).doesNotExist();
  }

  @Test
  void anEmptyDatabaseIsLeftEmptyAndUnpublished() throws Exception {
    database.withRoles();
    assertThat(cli.run("reconcile")).exited(ExitCode.FAILED);
    assertThat(published).doesNotExist();
    assertThat(database.query("SELECT to_regclass('flyway_schema_history') IS NULL"))
        .containsExactly("t");
  }

  @Test
  void anEmptyDatabaseWithoutAVolumeIsMadeAnew() throws Exception {
    Cli dev = cli.with("LEARNFLOW_DB_REBUILD_EMPTY", "true");
    // As PostgreSQL's image makes them.
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = admin.createStatement()) {
      statement.execute(
          "CREATE ROLE %s LOGIN CREATEDB PASSWORD '%s'"
              .formatted(database.owner(), database.password(database.owner()).value()));
      statement.execute("CREATE DATABASE %s OWNER %s".formatted(database.name(), database.owner()));
    }
    CliResult result = dev.run("reconcile");
    assertThat(result).exited(ExitCode.OK).answers("healthy");
    assertThat(result.out()).startsWith("rebuilt: schema at " + NEWEST);
    assertEverythingIsThere();
    assertThat(dev.run("reconcile").out()).startsWith("nothing to do");
  }

  private void assertEverythingIsThere() throws SQLException {
    assertThat(history()).isEqualTo(ALL);
    assertThat(database.query("SELECT name FROM learnflow_db.seed_sets ORDER BY 1"))
        .containsExactly("reference", "sample");
    assertThat(published).content().contains("SCHEMA_VERSION=" + NEWEST);
    assertThat(database.query("SELECT count(*) FROM learnflow_db.rebuilds")).containsExactly("0");
    assertThat(cli.run("verify")).exited(ExitCode.OK).answers("healthy");
  }

  @Test
  void withoutAVolumeTooAFailedUpgradeIsNotRepeated() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Cli newer =
        withMore("CREATE TABLE more (id int PRIMARY KEY);")
            .with("LEARNFLOW_DB_REBUILD_EMPTY", "true");
    assertThat(newer.run("reconcile")).exited(ExitCode.OK);
    assertThat(history()).isEqualTo(ALL);
  }

  @ParameterizedTest
  @EnumSource(
      value = AdvisoryLock.Purpose.class,
      // These two are in another database, and the third changes nothing in this one.
      names = {"RESTORE", "BACKUP", "OFFSITE"},
      mode = EnumSource.Mode.EXCLUDE)
  void whileAnotherOneChangesTheDatabaseNothingIsDone(AdvisoryLock.Purpose purpose)
      throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    try (Connection other = database.connect(database.owner());
        var _ = AdvisoryLock.acquire(other, purpose, Progress.SILENT)) {
      CliResult result = cli.run("reconcile");
      assertThat(result).exited(ExitCode.OK);
      assertThat(result.out().strip().lines()).hasSize(1);
      assertThat(result.lastLine())
          .startsWith("skipped: another learnflow-db is changing the database: ")
          .contains(purpose.name().toLowerCase(java.util.Locale.ROOT));
      assertThat(published).doesNotExist();
    }
    assertThat(cli.run("reconcile")).exited(ExitCode.OK);
    assertThat(published).exists();
  }

  @Test
  void aServiceThatHoldsALockDoesNotSwitchReconcileOff() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    try (Connection service = database.connect(database.service());
        Statement statement = service.createStatement()) {
      statement.execute("SET application_name = 'learnflow-db'");
      statement.execute("SELECT pg_advisory_lock(" + AdvisoryLock.Purpose.ROLES.key() + ")");
      assertThat(cli.run("reconcile"))
          .exited(ExitCode.FAILED)
          .says(
              "error: another session holds the lock for roles: pid ",
              "role " + database.service(),
              "it is not learnflow-db",
              "SELECT pg_terminate_backend(");
    }
    assertThat(cli.run("reconcile")).exited(ExitCode.OK);
  }

  @Test
  void whileARunMigratesNothingIsDone() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    Cli newer = withMore("CREATE TABLE more (id int PRIMARY KEY); SELECT pg_sleep(8);");
    CompletableFuture<CliResult> run = newer.runInBackground("run");
    Eventually.within(LIMIT, "it migrates", () -> database.sessions("wait_event = 'PgSleep'") == 1);
    assertThat(newer.run("reconcile").out()).startsWith("skipped: ");
    assertThat(run).isNotDone();
    assertThat(published).doesNotExist();
    assertThat(run.join()).exited(ExitCode.OK);
    assertThat(published).content().contains("SCHEMA_VERSION=" + NEXT);
  }

  @Test
  void aRunThatComesMeanwhileWaitsAndItsWordCountsInTheEnd() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Cli newer = withMore("CREATE TABLE more (id int PRIMARY KEY);");
    Cli.Running reconcile;
    Cli.Running run;
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE exercises IN ACCESS EXCLUSIVE MODE");
      reconcile = cli.start("reconcile");
      Eventually.within(
          LIMIT, "it is in the middle", () -> database.sessions("wait_event_type = 'Lock'") == 1);
      // It would give up on the table before the other process has started.
      reconcile.pause();
    }
    assertThat(reconcile.isAlive()).isTrue();
    try {
      run = newer.start("run");
      run.awaitOnStderr("waiting for another migrator");
    } finally {
      reconcile.resume();
    }
    assertThat(reconcile.await()).exited(ExitCode.OK);
    assertThat(run.await()).exited(ExitCode.OK);
    assertThat(history()).endsWith(NEXT);
    assertThat(published).content().contains("SCHEMA_VERSION=" + NEXT);
  }

  @Test
  void eightAtOnceEndRight() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    assertThat(eightAtOnce(cli))
        .allMatch(result -> result.exitCode() == 0)
        .anyMatch(result -> result.out().startsWith("skipped: "));
    assertEverythingIsThere();
  }

  @Test
  void eightAtOnceMakeAnEmptyDatabaseAnew() throws Exception {
    database.withRoles();
    assertThat(eightAtOnce(cli.with("LEARNFLOW_DB_REBUILD_EMPTY", "true")))
        .allMatch(result -> result.exitCode() == 0)
        .as("some meet the one that changes the database")
        .anyMatch(result -> result.waitedForAnother() || result.out().startsWith("skipped: "));
    assertEverythingIsThere();
  }

  private static List<CliResult> eightAtOnce(Cli cli) {
    List<CompletableFuture<CliResult>> all =
        IntStream.range(0, 8).mapToObj(_ -> cli.runInBackground("reconcile")).toList();
    return all.stream().map(CompletableFuture::join).toList();
  }

  @Test
  void killedBehindTheMigrationsTheNextOneLoadsTheSeedsToo() throws Exception {
    database.withRoles();
    Cli dev = cli.with("LEARNFLOW_DB_REBUILD_EMPTY", "true");
    Cli.Running running = dev.start("reconcile");
    running.awaitOnStderr("%d applied, now at %s".formatted(ALL.size(), NEWEST));
    running.kill();
    assertThat(dev.run("reconcile").out()).startsWith("rebuilt");
    assertEverythingIsThere();
  }

  @Test
  void killedAtRandomMomentsTheNextOneEndsRight() throws Exception {
    database.withRoles();
    Cli dev = cli.with("LEARNFLOW_DB_REBUILD_EMPTY", "true");
    Kills.in(
            Kills.Stage.from("the database is empty; running every step"),
            () -> dev.start("reconcile"))
        .times(
            6,
            () -> {
              Eventually.within(
                  LIMIT, "their sessions have ended", () -> database.sessions("true") == 0);
              if (!isHalfMade()) {
                empty();
              }
            },
            () -> {});
    Eventually.within(LIMIT, "their sessions have ended", () -> database.sessions("true") == 0);
    assertThat(dev.run("reconcile")).exited(ExitCode.OK).answers("healthy");
    assertEverythingIsThere();
  }

  private boolean isHalfMade() throws SQLException {
    return database
            .query("SELECT to_regclass('learnflow_db.rebuilds')")
            .contains("learnflow_db.rebuilds")
        && !database.query("SELECT 1 FROM learnflow_db.rebuilds").isEmpty();
  }

  private void empty() throws SQLException {
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = admin.createStatement()) {
      statement.execute("DROP DATABASE " + database.name() + " WITH (FORCE)");
    }
    database.withRoles();
  }

  @Test
  void adminCredentialsAreNotNeeded() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Files.delete(published);
    Cli external =
        cli.without("LEARNFLOW_DB_ADMIN_USER").without("LEARNFLOW_DB_ADMIN_PASSWORD_FILE");
    assertThat(external.run("reconcile")).exited(ExitCode.OK).answers("healthy");
    assertThat(published).exists();
  }

  @Test
  void deletedAndChangedObjectsComeBackAndOthersAreNotWritten() throws Exception {
    ApiServer.requireWithoutNodes("what reconcile publishes is");
    try (ApiServer server = ApiServer.withNamespace()) {
      TestRelease release = TestRelease.on(server, database);
      assertThat(release.job().run("run")).exited(ExitCode.OK);
      Map<String, Object> before = data(server);
      Map<String, String> versions = versions(server);
      assertThat(release.job().run("reconcile")).exited(ExitCode.OK);
      assertThat(versions(server)).isEqualTo(versions);

      server
          .client()
          .secrets()
          .inNamespace(server.namespace())
          .withName("learnflow-db-env")
          .delete();
      assertThat(release.job().run("reconcile").out()).contains("published again", "1 written");
      assertThat(data(server)).isEqualTo(before);
      versions.remove("Secret learnflow-db-env");
      assertThat(versions(server)).containsAllEntriesOf(versions);

      server
          .client()
          .configMaps()
          .inNamespace(server.namespace())
          .withName("learnflow-db")
          .delete();
      server
          .client()
          .secrets()
          .inNamespace(server.namespace())
          .withName("learnflow-db")
          .edit(secret -> {
            secret.getData().put("host", "ZWxzZXdoZXJl");
            return secret;
          });
      assertThat(release.job().run("reconcile").out()).contains("published again", "2 written");
      assertThat(data(server)).isEqualTo(before);
    }
  }

  @Test
  void aPasswordThatWasReplacedMeanwhileIsNotPublished() throws Exception {
    ApiServer.requireWithoutNodes("what reconcile publishes is");
    try (ApiServer server = ApiServer.withNamespace()) {
      TestRelease release = TestRelease.on(server, database);
      assertThat(release.job().run("run")).exited(ExitCode.OK);
      Map<String, Object> before = data(server);
      assertThat(release.cli().run("credentials", "rotate", "--yes")).exited(ExitCode.OK);
      Map<String, Object> rotated = data(server);
      assertThat(rotated).isNotEqualTo(before);
      // A pod that began before the rotation has the old password in its file.
      assertThat(release.job().run("reconcile"))
          .exited(ExitCode.FAILED)
          .says("the password was replaced after this command read it");
      assertThat(data(server)).isEqualTo(rotated);
    }
  }

  private static Map<String, Object> data(ApiServer server) {
    var client = server.client();
    Map<String, Object> data = new TreeMap<>();
    for (String secret : List.of("learnflow-db", "learnflow-db-env")) {
      data.put(
          "Secret " + secret,
          client.secrets().inNamespace(server.namespace()).withName(secret).get().getData());
    }
    data.put(
        "ConfigMap learnflow-db",
        client
            .configMaps()
            .inNamespace(server.namespace())
            .withName("learnflow-db")
            .get()
            .getData());
    return data;
  }

  private static Map<String, String> versions(ApiServer server) {
    var client = server.client();
    Map<String, String> versions = new TreeMap<>();
    Stream.concat(
            client.secrets().inNamespace(server.namespace()).list().getItems().stream()
                .map(HasMetadata.class::cast),
            client.configMaps().inNamespace(server.namespace()).list().getItems().stream())
        .filter(object -> object.getMetadata().getName().startsWith("learnflow-db"))
        .forEach(object ->
            versions.put(
                object.getKind() + " " + object.getMetadata().getName(),
                object.getMetadata().getResourceVersion()));
    return versions;
  }
}

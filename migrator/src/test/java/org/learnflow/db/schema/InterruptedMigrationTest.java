package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.EmbeddedServer;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.postgresql.PGConnection;

/** Killed, cut off or started eightfold: every migration is applied exactly once in the end. */
@ExtendWith(PostgresExtension.class)
class InterruptedMigrationTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  @Test
  void aKilledMigratorLeavesNothingBehindAndTheNextOneDoesItAll(
      TestDatabase database, @TempDir Path directory) throws Exception {
    Cli cli = withASlowMigration(new MigrationDirectory(directory)).cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    Cli.Running running = cli.start("migrate");
    Eventually.within(LIMIT, "it is in the middle", () -> sleeping(database) == 1);
    running.kill();
    Eventually.within(
        Duration.ofSeconds(5),
        "the server ends the killed one's session in the midst of its statement",
        () -> database.sessions("true") == 0);
    assertThat(database.query("SELECT version FROM flyway_schema_history")).containsExactly("001");
    assertThat(database.query("SELECT to_regclass('two') IS NULL")).containsExactly("t");

    openTheGate(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertEverythingAppliedOnce(database);
  }

  @Test
  void aRunThatStartsWhileTheKilledOnesSessionStillLivesWaitsForItsEnd(
      TestDatabase database, @TempDir Path directory) throws Exception {
    Cli cli = withASlowMigration(new MigrationDirectory(directory)).cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    Cli.Running running = cli.start("migrate");
    Eventually.within(LIMIT, "it is in the middle", () -> sleeping(database) == 1);
    openTheGate(database);
    running.kill();
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertEverythingAppliedOnce(database);
  }

  @Test
  void aServerThatStopsInTheMiddleAndComesBackIsGoneOnWith(
      @TempDir Path serverDirectory, @TempDir Path directory, @TempDir Path passwords)
      throws Exception {
    EmbeddedServer server =
        PostgresServers.dedicated(
            serverDirectory, PostgresServers.DEFAULT_MAJOR, List.of("fsync = off"));
    try {
      int port = server.start(List.of(), Progress.SILENT);
      TestDatabase database =
          TestDatabase.on(
              new PostgresServer(
                  "127.0.0.1", port, server.passwords().getOrCreate(PostgresServer.ADMIN), "own"),
              passwords);
      Cli cli = withASlowMigration(new MigrationDirectory(directory)).cli(database.withRoles());
      assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
      CompletableFuture<CliResult> migrate = cli.runInBackground("migrate");
      Eventually.within(LIMIT, "it is in the middle", () -> sleeping(database) == 1);
      openTheGate(database);

      server.stop("immediate");
      server.start(List.of(), Progress.SILENT);
      assertThat(migrate.join())
          .exited(ExitCode.OK)
          .says("the connection was lost; continuing when the database is back");
      assertEverythingAppliedOnce(database);
    } finally {
      server.stop("immediate");
    }
  }

  @Test
  void eightMigratorsAtOnceApplyEachMigrationOnce(TestDatabase database, @TempDir Path directory)
      throws Exception {
    MigrationDirectory migrations = new MigrationDirectory(directory);
    IntStream.rangeClosed(1, 12)
        .forEach(i ->
            migrations.with(
                "V%03d__t.sql".formatted(i),
                i == 7
                    ? "CREATE INDEX CONCURRENTLY t1_idx ON t1 (id);"
                    : "CREATE TABLE t%d (id int);".formatted(i)));
    Cli cli = migrations.cli(database.withRoles());
    List<Cli.Running> runs = IntStream.range(0, 8).mapToObj(i -> cli.start("migrate")).toList();
    List<CliResult> results = runs.stream().map(Cli.Running::await).toList();
    for (CliResult result : results) {
      assertThat(result).exited(ExitCode.OK);
    }
    assertThat(results).anyMatch(CliResult::waitedForAnother);
    assertThat(
            database.query(
                "SELECT version FROM flyway_schema_history WHERE success ORDER BY installed_rank"))
        .isEqualTo(IntStream.rangeClosed(1, 12).mapToObj("%03d"::formatted).toList());
    assertThat(database.query("SELECT indisvalid FROM pg_index WHERE indrelid = 't1'::regclass"))
        .containsExactly("t");
  }

  @Test
  void aMigratorThatFindsAnotherAtWorkWaitsAndSaysForWhom(
      TestDatabase database, @TempDir Path directory) throws Exception {
    Cli cli =
        new MigrationDirectory(directory)
            .with("V001__one.sql", "CREATE TABLE one (id int);")
            .cli(database.withRoles());
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      statement.execute("SET application_name = 'other migrator'");
      statement.execute("SELECT pg_advisory_lock(" + AdvisoryLock.Purpose.MIGRATE.key() + ")");
      CompletableFuture<CliResult> migrate = cli.runInBackground("migrate");
      Eventually.within(
          LIMIT,
          "it asks for the lock",
          () -> migrate.isDone() || database.sessions("query LIKE '%pg_try_advisory_lock%'") == 1);
      assertThat(database.query("SELECT to_regclass('one') IS NULL")).containsExactly("t");
      int pid = other.unwrap(PGConnection.class).getBackendPID();
      statement.execute("SELECT pg_advisory_unlock_all()");
      assertThat(migrate.join())
          .exited(ExitCode.OK)
          .says(
              "waiting for another migrator (pid %d, role %s, application \"other migrator\", connected since "
                  .formatted(pid, database.owner()));
    }
  }

  /** The second migration sleeps for a minute while the gate is closed. */
  private static MigrationDirectory withASlowMigration(MigrationDirectory migrations) {
    return migrations
        .with("V001__gate.sql", "CREATE TABLE gate (opened timestamptz DEFAULT now());")
        .with(
            "V002__two.sql",
            "CREATE TABLE two (id int);",
            "INSERT INTO two VALUES (1);",
            "SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM gate) THEN 0 ELSE 60 END);",
            "INSERT INTO two VALUES (2);")
        .with("V003__three.sql", "CREATE TABLE three AS SELECT * FROM two;");
  }

  private static void openTheGate(TestDatabase database) throws SQLException {
    database.execute(database.owner(), "INSERT INTO gate DEFAULT VALUES");
  }

  private static int sleeping(TestDatabase database) throws SQLException {
    return database.sessions("wait_event = 'PgSleep'");
  }

  private static void assertEverythingAppliedOnce(TestDatabase database) throws SQLException {
    assertThat(database.query("SELECT version FROM flyway_schema_history ORDER BY installed_rank"))
        .containsExactly("001", "002", "003");
    assertThat(database.query("SELECT id FROM three ORDER BY id")).containsExactly("1", "2");
  }
}

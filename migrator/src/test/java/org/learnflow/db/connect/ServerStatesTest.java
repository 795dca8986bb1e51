package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * Servers that stop, start, crash, recover, or are full: waited for, named, and used once ready.
 */
class ServerStatesTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  @TempDir private static Path directory;
  private static OwnServer server;
  private static TestDatabase database;

  @BeforeAll
  static void start() {
    server =
        OwnServer.start(
            directory.resolve("server"),
            PostgresServers.DEFAULT_MAJOR,
            "max_connections = 12",
            "max_prepared_transactions = 5");
    database = server.database().withRoles();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void aServerThatStartsWhileItIsWaitedForIsUsed() throws Exception {
    server.stop("fast");
    Cli.Running waiting = database.cli().start("wait", "--timeout", "60s");
    waiting.awaitOnStderr("refused");
    server.start();
    assertThat(waiting.await()).exited(ExitCode.OK).says("wait", "Connection refused");
  }

  @Test
  void usedUpConnectionsAreNamedAndTheFirstFreeOneIsTaken() throws Exception {
    List<Connection> connections = new ArrayList<>();
    try {
      useUpConnections(connections);
      assertThat(database.cli().run("wait", "--timeout", "500ms"))
          .exited(ExitCode.NOT_REACHED)
          .says("all its connections are in use");

      Cli.Running waiting = database.cli().start("wait", "--timeout", "60s");
      waiting.awaitOnStderr("all its connections are in use");
      connections.removeLast().close();
      assertThat(waiting.await()).exited(ExitCode.OK);
    } finally {
      for (Connection connection : connections) {
        connection.close();
      }
    }
  }

  private static void useUpConnections(List<Connection> connections) {
    try {
      while (true) {
        connections.add(database.connect(database.owner()));
      }
    } catch (SQLException e) {
      assertThat(e.getSQLState()).isEqualTo("53300");
    }
  }

  @Test
  void aServerThatShutsDownIsNamedAndWaitedFor() throws Exception {
    Cli.Running waiting;
    try (Connection _ = database.connect(database.owner())) {
      server.stopOnceIdle();
      Eventually.within(
          LIMIT,
          "the server shuts down",
          () -> database.cli().run("wait", "--timeout", "0").err().contains("shutting down"));
      waiting = database.cli().start("wait", "--timeout", "60s");
      waiting.awaitOnStderr("the database system is shutting down");
    }
    waiting.awaitOnStderr("refused");
    server.start();
    assertThat(waiting.await()).exited(ExitCode.OK);
  }

  @Test
  void aServerThatStartsUpAndAStandbyInRecoveryAreNamedUntilTheyTakeWrites() throws Exception {
    server.stop("fast");
    Path standby = Files.createFile(server.data().resolve("standby.signal"));
    Path slow = directory.resolve("slow");
    TestFiles.write(slow, "");
    server.set("restore_command = 'while [ -e " + slow + " ]; do sleep 0.05; done; false'");
    CompletableFuture<Void> started = CompletableFuture.runAsync(server::start);
    Eventually.within(
        LIMIT,
        "the server starts up",
        () ->
            database
                .cli()
                .run("wait", "--timeout", "0")
                .err()
                .contains("the database system is starting up"));
    Files.delete(slow);
    started.join();
    assertThat(database.cli().run("wait", "--timeout", "0"))
        .exited(ExitCode.NOT_REACHED)
        .says("it is a standby in recovery and does not accept writes");
    assertThat(database.cli().run("verify", "--timeout", "0"))
        .exited(ExitCode.FAILED)
        .answers(
            "unhealthy: reachable: the database was not reached within 0 s: it is a standby in"
                + " recovery and does not accept writes");

    server.stop("fast");
    Files.delete(standby);
    server.start();
    assertThat(database.cli().run("wait")).exited(ExitCode.OK);
  }

  /**
   * Each step is caught at a lock that survives the crash, since a prepared transaction holds it.
   */
  @Test
  void oneRunOutlivesACrashOfTheServerInEveryStep() throws Exception {
    TestDatabase fresh = server.database().withRoles();
    fresh.execute(
        PostgresServer.ADMIN,
        "REVOKE CONNECT ON DATABASE %s FROM PUBLIC, %s".formatted(fresh.name(), fresh.service()));
    Path migrations = directory.resolve("migrations");
    TestFiles.write(
        migrations.resolve("V1__wait.sql"),
        "CREATE TABLE t (id int PRIMARY KEY);\nSELECT pg_advisory_xact_lock(1);\n");
    TestFiles.write(
        directory.resolve("seeds/slow/01_wait.sql"),
        "INSERT INTO t VALUES (1);\nSELECT pg_advisory_xact_lock(2);\n");
    long rolesLock = 0x6c66_0001L;
    for (long lock : new long[] {rolesLock, 1, 2}) {
      fresh.execute(
          PostgresServer.ADMIN,
          "BEGIN; SELECT pg_advisory_xact_lock(%1$d); PREPARE TRANSACTION '%1$d'".formatted(lock));
    }

    CompletableFuture<CliResult> run =
        fresh
            .cli()
            .with("LEARNFLOW_DB_MIGRATIONS", migrations.toString())
            .with("LEARNFLOW_DB_SEEDS_DIR", directory.resolve("seeds").toString())
            .with("LEARNFLOW_DB_SEEDS", "slow")
            .with("LEARNFLOW_DB_LOCK_TIMEOUT", "60s")
            .runInBackground("run");
    crashAndRestartWhenBusyWith(fresh, "SELECT pg_catalog.pg_try_advisory_lock%");
    fresh.execute(PostgresServer.ADMIN, "ROLLBACK PREPARED '%d'".formatted(rolesLock));
    crashAndRestartWhenBusyWith(fresh, "%pg_advisory_xact_lock(1)%");
    fresh.execute(PostgresServer.ADMIN, "ROLLBACK PREPARED '1'");
    crashAndRestartWhenBusyWith(fresh, "%pg_advisory_xact_lock(2)%");
    fresh.execute(PostgresServer.ADMIN, "ROLLBACK PREPARED '2'");

    assertThat(run.join())
        .exited(ExitCode.OK)
        .says(
            "roles    the connection was lost; continuing when the database is back",
            "migrate  the connection was lost; continuing when the database is back",
            "seed     the connection was lost; continuing when the database is back")
        .answers("healthy");
    assertThat(fresh.query("SELECT id FROM t")).containsExactly("1");
    assertThat(fresh.query("SELECT count(*) FROM flyway_schema_history")).containsExactly("1");
  }

  private static void crashAndRestartWhenBusyWith(TestDatabase fresh, String query)
      throws SQLException {
    String busy =
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'learnflow-db' AND query LIKE '"
            + query
            + "'";
    Eventually.within(
        LIMIT,
        "a session is busy with " + query,
        () -> !fresh.query(PostgresServer.ADMIN, busy).isEmpty());
    server.stop("immediate");
    server.start();
  }
}

package org.learnflow.db.credentials;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestRelease;

/** A rotation while another command is at work: the old password comes back nowhere. */
class BesideRotationTest {
  private static final String KEY = "app-password";
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @TempDir private static Path directory = Path.of("");

  @SuppressWarnings("NullAway.Init")
  private static DumpServer server;

  @AutoClose private final ApiServer cluster = ApiServer.withNamespace();

  @SuppressWarnings("NullAway.Init")
  private TestDatabase database;

  @SuppressWarnings("NullAway.Init")
  private TestRelease release;

  @BeforeAll
  static void require() {
    ApiServer.requireWithoutNodes("a command beside a rotation is");
    server = DumpServer.oldest(directory);
  }

  @BeforeEach
  void aHealthyRelease() throws Exception {
    database = server.database();
    release = TestRelease.on(cluster, database);
    assertThat(release.job().run("run")).exited(ExitCode.OK);
  }

  /**
   * The command is held up by a lock on the history until the rotation has replaced the password;
   * what it knew of it, it has read before.
   *
   * @param who {@code job}: passwords from files, as a pod that was started before the rotation;
   *     {@code release}: from the Secret
   * @param table what the command waits for
   */
  @ParameterizedTest
  @CsvSource({
    "job, run, flyway_schema_history",
    "job, migrate, flyway_schema_history",
    "job, publish, flyway_schema_history",
    "job, reconcile, flyway_schema_history",
    "job, verify, flyway_schema_history",
    "job, rollback --to 008 --no-backup --yes, flyway_schema_history",
    "job, backup FILE, exercises",
    "job, restore DUMP --replace --yes, code_executions",
    "release, run --seeds none, flyway_schema_history",
    "release, publish --publish-to kubernetes, flyway_schema_history",
    "release, verify, flyway_schema_history",
    "release, status, flyway_schema_history",
    "release, rollback --to 008 --no-backup --yes --publish-to kubernetes, flyway_schema_history",
  })
  void theOldPasswordComesBackNowhere(String who, String command, String table) throws Exception {
    Cli cli = patient(who.equals("job") ? release.job() : release.cli());
    String dump = directory.resolve("dump-" + database.name()).toString();
    if (command.contains("DUMP")) {
      assertThat(server.cli(database).run("backup", dump)).exited(ExitCode.OK);
    }
    String old = release.credentials().getOrDefault(KEY, "");
    String[] words = command.replace("DUMP", dump).replace("FILE", dump).split(" ", -1);

    CompletableFuture<CliResult> running;
    CompletableFuture<CliResult> rotation;
    try (Connection other = database.connect(PostgresServer.ADMIN);
        Connection watching = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE " + table);
      running = cli.runInBackground(words);
      awaitBlocked(watching, running);
      rotation = patient(release.cli()).runInBackground("credentials", "rotate", "--yes");
      if (command.startsWith("run") || command.equals("reconcile")) {
        // It holds the lock that the rotation needs: the rotation comes after it.
        awaitBlocked(watching, running);
      } else {
        Eventually.within(
            PATIENCE,
            "the password was replaced meanwhile",
            () -> {
              if (rotation.isDone()) {
                assertThat(rotation.join()).exited(ExitCode.OK);
              }
              return !old.equals(release.credentials().get(KEY));
            });
      }
      other.rollback();
    }
    CliResult result = running.join();
    assertThat(rotation.join()).exited(ExitCode.OK);
    assertThat(result.exitCode()).as(result.all()).isIn(0, 1, 10);

    String now = release.credentials().getOrDefault(KEY, "");
    assertThat(now).isNotEqualTo(old);
    assertThat(release.accepts(database.service(), now)).isTrue();
    assertThat(release.values("learnflow-db")).containsEntry("password", now);
    assertThat(release.values("learnflow-db-env")).containsEntry("PGPASSWORD", now);
    if (result.exitCode() != 0) {
      assertThat(result.all()).contains("was replaced after this command read it");
    }
  }

  private static Cli patient(Cli cli) {
    return cli.with("LEARNFLOW_DB_TIMEOUT", "30s")
        .with("LEARNFLOW_DB_LOCK_TIMEOUT", "30s")
        .with("LEARNFLOW_DB_PG_DUMP_DIR", server.bin().toString());
  }

  private void awaitBlocked(Connection watching, CompletableFuture<CliResult> running)
      throws SQLException {
    try (Statement statement = watching.createStatement()) {
      Eventually.within(
          PATIENCE,
          "the command waits for the lock",
          () -> {
            if (running.isDone()) {
              throw new AssertionError("it did not wait: " + running.join().all());
            }
            try (var row =
                statement.executeQuery(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = '%s' AND wait_event_type = 'Lock'"
                        .formatted(database.name()))) {
              return row.next() && row.getInt(1) > 0;
            }
          });
    }
  }
}

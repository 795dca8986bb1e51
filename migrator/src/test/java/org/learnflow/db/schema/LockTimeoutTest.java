package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.postgresql.PGConnection;

/** A migration that somebody's long transaction blocks gives way, tries again and names them. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class LockTimeoutTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private TestDatabase database;
  private Cli cli;
  private Connection blocker;

  @BeforeEach
  void aTransactionOfAServiceUsesTheTable(TestDatabase empty, @TempDir Path directory)
      throws SQLException {
    database = empty.withRoles();
    MigrationDirectory migrations =
        new MigrationDirectory(directory).with("V001__one.sql", "CREATE TABLE one (id int);");
    cli = migrations.cli(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    migrations.with(
        "V002__two.sql", "CREATE TABLE two (id int);", "ALTER TABLE one ADD COLUMN name text;");

    blocker = database.connect(database.service());
    try (Statement statement = blocker.createStatement()) {
      statement.execute("SET application_name = 'nightly report'");
      blocker.setAutoCommit(false);
      statement.execute("SELECT id, 'confidential' FROM one");
    }
  }

  @AfterEach
  void close() throws SQLException {
    blocker.close();
  }

  @Test
  void whoBlocksAMigrationIsNamedButNotWhatTheyAsked() throws SQLException {
    int pid = blocker.unwrap(PGConnection.class).getBackendPID();
    assertThat(cli.run("migrate", "--lock-timeout", "1s", "--lock-retries", "1"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "could not get a lock in time, held by pid " + pid,
            "rolled back; attempt 2 of 2 follows",
            "error: V002__two.sql could not get a lock within lock_timeout in 2 attempts: blocked by pid "
                + pid
                + " (user "
                + database.service()
                + ", application \"nightly report\", idle in transaction, transaction began ",
            "V002__two.sql, line 2, SQLSTATE 55P03",
            "state: this migration was rolled back completely; the database is at 001",
            "next:  end that transaction",
            "to wait longer, use --lock-timeout and --lock-retries")
        .doesNotSay("confidential", "SELECT");
    assertThat(database.query("SELECT to_regclass('two') IS NULL")).containsExactly("t");
  }

  @Test
  void aBlockerThatEndsBetweenTwoAttemptsDoesNoHarm() throws Exception {
    CompletableFuture<CliResult> migrate =
        cli.runInBackground("migrate", "--lock-timeout", "300ms", "--lock-retries", "20");
    Eventually.within(LIMIT, "it waits", () -> waiting() > 0);
    Eventually.within(LIMIT, "it gives way", () -> waiting() == 0);
    blocker.rollback();
    assertThat(migrate.join())
        .exited(ExitCode.OK)
        .says("rolled back; attempt 2 of 21 follows")
        .answers("done: schema at 002, 1 migrations applied");
  }

  @Test
  void othersCanUseTheTableBetweenTwoAttempts() throws Exception {
    CompletableFuture<CliResult> migrate =
        cli.runInBackground("migrate", "--lock-timeout", "300ms", "--lock-retries", "1");
    Eventually.within(LIMIT, "it waits", () -> waiting() > 0);
    Eventually.within(LIMIT, "it gives way", () -> waiting() == 0);
    assertThat(database.query(database.service(), "SELECT count(*) FROM one")).containsExactly("0");
    assertThat(migrate.join()).exited(ExitCode.MIGRATION_FAILED);
  }

  private int waiting() throws SQLException {
    return database.sessions("wait_event_type = 'Lock'");
  }
}

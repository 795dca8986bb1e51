package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** {@code CREATE INDEX CONCURRENTLY} in a migration: works as it is, and can always be repeated. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class ConcurrentIndexTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final String DROPPING =
      "dropping index public.one_id_idx, left by an unfinished attempt";

  private TestDatabase database;
  private MigrationDirectory migrations;
  private Cli cli;

  @BeforeEach
  void aMigrationThatBuildsAnIndex(TestDatabase empty, @TempDir Path directory) {
    database = empty.withRoles();
    migrations =
        new MigrationDirectory(directory)
            .with("V001__one.sql", "CREATE TABLE one (id int);")
            .with("V002__index.sql", "CREATE UNIQUE INDEX CONCURRENTLY one_id_idx ON one (id);")
            .with("V003__three.sql", "CREATE TABLE three (id int);");
    cli = migrations.cli(database);
  }

  @Test
  void itNeedsNoSwitchOnAnEmptyDatabase() throws SQLException {
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertBuilt();
  }

  @Test
  void itNeedsNoSwitchOnADatabaseWithHistory() throws SQLException {
    tableWithRows("(1), (2)");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertBuilt();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "create unique index concurrently if not exists one_id_idx on only one (id);",
        "CREATE UNIQUE INDEX CONCURRENTLY \"one_id_idx\" ON public.\"one\" (id);",
        "-- CREATE INDEX ON x\nCREATE UNIQUE INDEX /* but */ CONCURRENTLY ONE_ID_IDX\nON One(id);"
      })
  void itIsRecognisedHoweverItIsWritten(String sql) throws SQLException {
    tableWithRows("(7), (7)");
    migrations.with("V002__index.sql", sql);
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED);
    database.execute(database.owner(), "DELETE FROM one");
    assertThat(cli.run("migrate")).exited(ExitCode.OK).says("left by an unfinished attempt");
    assertBuilt();
  }

  @Test
  void anIndexThatSomebodyMadeAfterAnEarlierMigrationFailedIsTheirs() throws SQLException {
    migrations
        .with("V002__bad.sql", "SELEKT 1;")
        .with("V003__index.sql", "CREATE INDEX CONCURRENTLY one_id_idx ON one (id);")
        .without("V002__index.sql")
        .without("V003__three.sql");
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED).says("V002__bad.sql, line 1");
    database.execute(database.owner(), "CREATE INDEX one_id_idx ON one (id)");
    migrations.with("V002__bad.sql", "SELECT 1;");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("relation \"one_id_idx\" already exists")
        .doesNotSay(DROPPING);
    assertThat(indexIsValid()).containsExactly("t");
  }

  @Test
  void aFinishedBuildIsForgottenAlsoWhenALaterMigrationFails() throws SQLException {
    migrations.with("V003__three.sql", "SELEKT 1;");
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED).says("at 002");
    assertThat(database.query("SELECT * FROM learnflow_db.index_builds")).isEmpty();
  }

  @Test
  void eightMigratorsAtOnceBuildItOnce() throws Exception {
    tableWithRows("(1), (2)");
    List<CompletableFuture<CliResult>> runs =
        IntStream.range(0, 8).mapToObj(i -> cli.runInBackground("migrate")).toList();
    for (CompletableFuture<CliResult> run : runs) {
      assertThat(run.join()).exited(ExitCode.OK);
    }
    assertThat(runs.stream().map(CompletableFuture::join)).anyMatch(CliResult::waitedForAnother);
    assertBuilt();
  }

  @Test
  void aFailedBuildIsExplainedAndRepeatedOnceItsCauseIsGone() throws SQLException {
    tableWithRows("(7), (7)");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V002__index.sql failed: could not create unique index",
            "Key (id)=(7) is duplicated",
            "V002__index.sql, line 1, SQLSTATE 23505",
            "state: it runs outside a transaction",
            "maybe an invalid index, which the next run drops; the database is at 001");
    assertThat(indexIsValid()).containsExactly("f");
    assertThat(cli.run("verify"))
        .exited(ExitCode.FAILED)
        .answers("unhealthy: migrations: V002__index.sql failed and was not repeated");

    database.execute(database.owner(), "DELETE FROM one");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .says(DROPPING, "V002__index.sql failed before, outside a transaction; trying it again");
    assertBuilt();
  }

  @Test
  void aBuildThatWasKilledIsRepeated() throws Exception {
    tableWithRows("(1)");
    try (Connection writer = transactionOnTheTable()) {
      killInTheMiddle("f");
      writer.rollback();
    }
    assertThat(cli.run("migrate")).exited(ExitCode.OK).says(DROPPING);
    assertBuilt();
  }

  @Test
  void theRepetitionWaitsForTheTransactionThatTheKilledBuildWaitedFor() throws Exception {
    tableWithRows("(1)");
    try (Connection writer = transactionOnTheTable()) {
      killInTheMiddle("f");
      CompletableFuture<CliResult> again =
          cli.runInBackground("migrate", "--lock-timeout", "500ms", "--lock-retries", "0");
      Eventually.within(
          LIMIT,
          "it waits for longer than lock_timeout",
          () ->
              again.isDone()
                  || database.sessions(
                          "wait_event_type = 'Lock' AND now() - query_start > interval '1 s'")
                      == 1);
      writer.rollback();
      assertThat(again.join()).exited(ExitCode.OK).says(DROPPING);
    }
    assertBuilt();
  }

  @Test
  void aFinishedBuildThatWasKilledBeforeItsHistoryRowIsRepeated() throws Exception {
    tableWithRows("(1)");
    try (Connection reader = database.connect(database.owner());
        Statement statement = reader.createStatement()) {
      reader.setAutoCommit(false);
      statement.execute("LOCK TABLE flyway_schema_history IN SHARE MODE");
      killInTheMiddle("t");
      reader.rollback();
    }
    assertThat(cli.run("migrate")).exited(ExitCode.OK).says(DROPPING);
    assertBuilt();
  }

  @Test
  void anIndexOfSomebodyElseIsReportedAndNotDropped() throws SQLException {
    tableWithRows("(1)");
    database.execute(database.owner(), "CREATE INDEX one_id_idx ON one (id)");
    List<String> theirs = database.query("SELECT 'one_id_idx'::regclass::oid");
    for (int attempt = 1; attempt <= 2; attempt++) {
      assertThat(cli.run("migrate"))
          .exited(ExitCode.MIGRATION_FAILED)
          .says("relation \"one_id_idx\" already exists", "SQLSTATE 42P07")
          .doesNotSay(DROPPING);
      assertThat(database.query("SELECT 'one_id_idx'::regclass::oid")).isEqualTo(theirs);
    }
  }

  @Test
  void anIndexWithoutANameIsRefusedSinceItsBuildCouldNotBeRepeated() throws SQLException {
    migrations.with("V002__index.sql", "CREATE INDEX CONCURRENTLY ON one (id);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V002__index.sql builds an index that has no name",
            "where: " + migrations.file("V002__index.sql"),
            "state: this migration was not started; the ones before it are applied",
            "next:  name it",
            "CREATE INDEX CONCURRENTLY <name> ON one");
    assertThat(indexIsValid()).isEmpty();
    assertThat(database.query("SELECT version FROM flyway_schema_history")).containsExactly("001");
  }

  private void tableWithRows(String rows) throws SQLException {
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    database.execute(database.owner(), "INSERT INTO one VALUES " + rows);
  }

  /** Every build waits until this has ended. */
  private Connection transactionOnTheTable() throws SQLException {
    Connection writer = database.connect(database.service());
    writer.setAutoCommit(false);
    try (Statement statement = writer.createStatement()) {
      statement.execute("INSERT INTO one VALUES (2)");
    }
    return writer;
  }

  /** Kills a run that waits for a lock; {@code valid}: whether the index is built by then. */
  private void killInTheMiddle(String valid) throws SQLException {
    Cli.Running running = cli.start("migrate");
    Eventually.within(
        LIMIT,
        "it waits",
        () ->
            indexIsValid().equals(List.of(valid))
                && database.sessions("wait_event_type = 'Lock'") == 1);
    running.kill();
    Eventually.within(
        LIMIT, "the server ends what the killed one began", () -> database.sessions("true") == 0);
    assertThat(indexIsValid()).containsExactly(valid);
  }

  private List<String> indexIsValid() throws SQLException {
    return database.query("SELECT indisvalid FROM pg_index WHERE indrelid = to_regclass('one')");
  }

  private void assertBuilt() throws SQLException {
    assertThat(indexIsValid()).containsExactly("t");
    assertThat(
            database.query(
                "SELECT version || ' ' || success FROM flyway_schema_history ORDER BY installed_rank"))
        .containsExactly("001 true", "002 true", "003 true");
    assertThat(database.query("SELECT * FROM learnflow_db.index_builds")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"größen_größe", "\"Größe; ON x\"", "i", "i$1", "i😀"})
  void namesAreReadAsPostgresqlReadsThem(String name) throws SQLException {
    migrations.with(
        "V002__index.sql", "CREATE UNIQUE INDEX CONCURRENTLY %s ON one (id);".formatted(name));
    tableWithRows("(7), (7)");
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED);
    database.execute(database.owner(), "DELETE FROM one");
    assertThat(cli.run("migrate")).exited(ExitCode.OK).says("left by an unfinished attempt");
  }

  /** Others would hang behind it for as long as it waits. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/* CREATE INDEX CONCURRENTLY a ON b (c) */ DROP TABLE one;",
        "ALTER TABLE one ADD hint text DEFAULT 'CREATE INDEX CONCURRENTLY ON one (id)';",
        "DO $$ BEGIN EXECUTE 'DROP TABLE one'; /* CREATE INDEX CONCURRENTLY a ON b */ END $$;",
      })
  void wordsInCommentsAndStringsDoNotLetItWaitForLong(String sql) throws SQLException {
    migrations.with("V002__index.sql", sql);
    tableWithRows("(7)");
    try (Connection reader = transactionOnTheTable()) {
      assertThat(cli.run("migrate", "--lock-timeout", "300ms", "--lock-retries", "0"))
          .exited(ExitCode.MIGRATION_FAILED)
          .says("could not get a lock within lock_timeout");
      reader.rollback();
    }
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
  }

  @Test
  void whatAMigrationLeftThatIsGivenUpIsDroppedAndNothingElse() throws SQLException {
    tableWithRows("(7), (7)");
    database.execute(
        database.owner(),
        "CREATE SCHEMA other; CREATE TABLE other.one (id int); CREATE INDEX one_id_idx ON other.one (id)");
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED);
    assertThat(cli.run("drift").out()).contains("added index public.one_id_idx");
    migrations.without("V002__index.sql").without("V003__three.sql");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .says(
            "V002__index.sql failed before, outside a transaction; it is no longer among the files",
            "dropping index public.one_id_idx, left by an unfinished attempt");
    assertThat(database.query("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid"))
        .isEmpty();
    assertThat(database.query("SELECT to_regclass('other.one_id_idx')"))
        .containsExactly("other.one_id_idx");
    assertThat(cli.run("verify").out()).contains("✓ migrations: 1 applied");
    assertThat(cli.run("drift").out()).doesNotContain("index public.one_id_idx");
    assertThat(database.query("SELECT * FROM learnflow_db.index_builds")).isEmpty();
  }

  @Test
  void anInvalidIndexIsANoteOfVerify() throws SQLException {
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    database.execute(
        database.owner(), "INSERT INTO one VALUES (7); INSERT INTO three VALUES (7), (7)");
    assertThatThrownBy(() ->
            database.execute(
                database.owner(), "CREATE UNIQUE INDEX CONCURRENTLY bad ON three (id)"))
        .hasMessageContaining("duplicated");
    assertThat(cli.run("verify").out())
        .contains(
            "! indexes: index public.bad is invalid: a concurrent build of it failed;"
                + " next: DROP INDEX CONCURRENTLY public.bad;");
  }
}

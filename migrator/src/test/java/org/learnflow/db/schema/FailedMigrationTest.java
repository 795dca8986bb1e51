package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** A migration that fails: what is said, what is left, and how it goes on once it is corrected. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class FailedMigrationTest {
  private TestDatabase database;
  private MigrationDirectory migrations;
  private Cli cli;

  @BeforeEach
  void oneGoodMigration(TestDatabase empty, @TempDir Path directory) {
    database = empty.withRoles();
    migrations =
        new MigrationDirectory(directory).with("V001__one.sql", "CREATE TABLE one (id int);");
    cli = migrations.cli(database);
  }

  @ParameterizedTest(name = "on an empty database: {0}")
  @ValueSource(booleans = {true, false})
  void theFileAndTheLineOfASyntaxErrorAreNamed(boolean empty) throws SQLException {
    if (!empty) {
      assertThat(cli.run("migrate")).exited(ExitCode.OK);
    }
    migrations.with(
        "V002__two.sql", "CREATE TABLE two (", "    id int,", "    name txet NOT NUL", ");");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V002__two.sql failed: syntax error at or near \"NUL\"",
            "where: " + migrations.file("V002__two.sql") + ", line 3, SQLSTATE 42601",
            "state: this migration was rolled back completely; the database is at 001",
            "next:  correct the file and run: learnflow-db migrate");
    assertApplied("001");
    assertThat(tables()).isEqualTo("one");

    migrations.with("V002__two.sql", "CREATE TABLE two (", "    id int", ");");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .answers("done: schema at 002, 1 migrations applied");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-- A comment;-- and another;SELEKT 1;",
        "/* a;   comment */;SELEKT 1;",
        ";;SELEKT 1;",
        "CREATE TABLE a (id int)\\;;;SELEKT 1;",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1\\; $$\\; SELECT 1\\;;;  SELEKT 1;",
        "DO $$ BEGIN;  PERFORM 1\\; -- 'a quote;  SELEKT 1\\; END $$\\;",
        "SELECT 'a string;of two lines'\\;;SELEKT '\uD83C\uDF93;and more';",
      })
  void theLineIsTheOneOfTheErrorWhateverComesBeforeIt(String text) {
    // ";" stands for a line end, "\;" for a semicolon.
    migrations.with(
        "V002__two.sql", text.replace("\\;", "\0").replace(';', '\n').replace('\0', ';'));
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(migrations.file("V002__two.sql") + ", line 3, SQLSTATE 42601");
  }

  @Test
  void migrationsBeforeItStayAndThoseAfterItWait() throws SQLException {
    migrations
        .with("V002__two.sql", "CREATE TABLE two (id int);")
        .with("V003__three.sql", "CREATE TABLE three (id int REFERENCES nowhere);")
        .with("V004__four.sql", "CREATE TABLE four (id int);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V003__three.sql failed: relation \"nowhere\" does not exist",
            "SQLSTATE 42P01",
            "the database is at 002");
    assertApplied("001", "002");

    migrations.with("V003__three.sql", "CREATE TABLE three (id int);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .answers("done: schema at 004, 2 migrations applied");
    assertApplied("001", "002", "003", "004");
  }

  @ParameterizedTest(name = "on an empty database: {0}")
  @ValueSource(booleans = {true, false})
  void aStatementThatFailsInTheMiddleLeavesNothingOfItsFile(boolean empty) throws SQLException {
    if (!empty) {
      assertThat(cli.run("migrate")).exited(ExitCode.OK);
    }
    migrations.with(
        "V002__two.sql",
        "CREATE TABLE two (id int);",
        "INSERT INTO one VALUES (1);",
        "",
        "INSERT INTO two",
        "SELECT 1 / 0;",
        "CREATE TABLE three (id int);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "division by zero", "V002__two.sql, line 4, SQLSTATE 22012", "rolled back completely");
    assertApplied("001");
    assertThat(tables()).isEqualTo("one");
    assertThat(database.query("SELECT count(*) FROM one")).containsExactly("0");

    migrations.with("V002__two.sql", "CREATE TABLE two (id int);");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertApplied("001", "002");
  }

  @Test
  void whatTheServerAddsToItsMessageIsPassedOn() throws SQLException {
    migrations.with(
        "V002__two.sql",
        "INSERT INTO one VALUES (7), (7);",
        "ALTER TABLE one ADD PRIMARY KEY (id);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("could not create unique index", "Key (id)=(7) is duplicated", "line 2", "23505")
        .doesNotSay("Exception", "\tat ");
    assertThat(cli.run("migrate", "-v")).says("\tat org.flywaydb");
  }

  @Test
  void statementsInsideAndOutsideATransactionAreNotMixedInOneFile() throws SQLException {
    migrations.with(
        "V002__two.sql",
        "CREATE TABLE two (id int);",
        "CREATE INDEX CONCURRENTLY two_idx ON two (id);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V002__two.sql mixes statements that run in a transaction with one that cannot",
            "where: " + migrations.file("V002__two.sql") + ", line 2",
            "state: this migration was rolled back completely; the database is at 001",
            "next:  move that statement to a migration of its own");
    assertApplied("001");
    assertThat(tables()).isEqualTo("one");

    migrations
        .with("V002__two.sql", "CREATE TABLE two (id int);")
        .with("V003__three.sql", "CREATE INDEX CONCURRENTLY two_idx ON two (id);");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertApplied("001", "002", "003");
  }

  @Test
  void aQuoteThatIsNeverClosedIsFoundInItsFile() throws SQLException {
    migrations.with("V002__two.sql", "CREATE TABLE two (id int);", "SELECT 'two;", "SELECT 2;");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V002__two.sql failed: ",
            "where: " + migrations.file("V002__two.sql") + ", line 2",
            "the database is at 001");
    assertThat(tables()).isEqualTo("one");
  }

  @Test
  void statementsThatRunOutsideATransactionNeedNoSwitch() throws SQLException {
    migrations
        .with("V002__two.sql", "VACUUM one;")
        .with("V003__three.sql", "CREATE TYPE mood AS ENUM ('good');")
        .with("V004__four.sql", "ALTER TYPE mood ADD VALUE 'better';")
        .with("V005__five.sql", "CREATE TABLE five (mood mood DEFAULT 'better');");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertApplied("001", "002", "003", "004", "005");
  }

  @Test
  void aFailureOutsideATransactionSaysWhatStaysAndTheCorrectedFileSucceeds() throws SQLException {
    migrations.with("V002__two.sql", "VACUUM one;", "VACUUM nowhere;");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "line 2, SQLSTATE 42P01",
            "state: it runs outside a transaction, so the statements before this one stay",
            "the database is at 001");
    migrations
        .with("V002__two.sql", "VACUUM one;")
        .with("V003__three.sql", "CREATE TABLE three (id int);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .says("V002__two.sql failed before, outside a transaction; trying it again");
    assertApplied("001", "002", "003");
  }

  @Test
  void afterAFailureOutsideATransactionTheFileMayAlsoBeGivenUp() throws SQLException {
    migrations.with("V002__two.sql", "VACUUM nowhere;");
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED);
    migrations.without("V002__two.sql").with("V003__three.sql", "CREATE TABLE three (id int);");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertApplied("001", "003");
  }

  @Test
  void aWindowThatFailsOnAnEmptyDatabaseIsAppliedFileByFileUpToTheFailure() throws SQLException {
    migrations.without("V001__one.sql");
    IntStream.rangeClosed(1, 200)
        .forEach(i ->
            migrations.with(
                "V%03d__t.sql".formatted(i), "CREATE TABLE t%d (id int);".formatted(i)));
    migrations.with("V150__t.sql", "CREATE TABLE t150 (id imt);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("V150__t.sql, line 1, SQLSTATE 42704", "the database is at 149");
    assertThat(
            database.query(
                "SELECT count(*) || ' ' || max(version) FROM flyway_schema_history WHERE success"))
        .containsExactly("149 149");

    migrations.with("V150__t.sql", "CREATE TABLE t150 (id int);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .answers("done: schema at 200, 51 migrations applied");
    assertThat(database.query("SELECT count(*) FROM pg_class WHERE relname ~ '^t\\d+$'"))
        .containsExactly("200");
  }

  @Test
  void aDatabaseWithTablesOfSomebodyElseIsRefused() throws SQLException {
    database.execute(database.owner(), "CREATE TABLE theirs (id int)");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.REFUSED)
        .says(
            "error: schema public holds tables, but no migration history",
            "state: nothing was changed",
            "learnflow-db adopt --baseline V",
            "or use an empty database");
    assertThat(tables()).isEqualTo("theirs");
  }

  private void assertApplied(String... versions) throws SQLException {
    assertThat(
            database.query(
                "SELECT version FROM flyway_schema_history WHERE success ORDER BY installed_rank"))
        .isEqualTo(Arrays.asList(versions));
  }

  private String tables() throws SQLException {
    return String.join(
        " ",
        database.query(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                + " AND relname <> 'flyway_schema_history' ORDER BY 1"));
  }
}

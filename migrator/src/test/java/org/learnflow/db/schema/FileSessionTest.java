package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** What a file does to its session is for itself: not for what comes after it, nor for us. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class FileSessionTest {
  private TestDatabase database;
  private MigrationDirectory migrations;
  private Cli cli;

  @BeforeEach
  void aTable(TestDatabase empty, @TempDir Path directory) {
    database = empty.withRoles();
    migrations =
        new MigrationDirectory(directory)
            .with("V1__one.sql", "CREATE TABLE one (id int);")
            .with(
                "V3__three.sql",
                "CREATE TABLE three AS SELECT current_user AS who FROM pg_sleep(0.2);");
    cli = migrations.cli(database);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT pg_advisory_unlock_all()",
        "DISCARD ALL",
        "SET ROLE %s",
        "SET search_path = pg_temp",
        "SELECT set_config('search_path', '', false)",
        "SET statement_timeout = '150ms'",
        "SET lock_timeout = '1ms'",
        "SET default_transaction_read_only = on",
        "SET SESSION AUTHORIZATION DEFAULT; SET TimeZone = 'Asia/Tokyo'",
        "CREATE TEMP TABLE flyway_schema_history (id int)",
        "SET DateStyle = 'ISO, DMY'",
        "SET client_encoding = 'UTF8'",
      })
  void itsHistoryRowIsWrittenAndTheNextFileIsNotToldOfIt(String sql) throws Exception {
    migrations.with("V2__two.sql", sql.formatted(database.service()) + ";");
    assertThat(cli.run("migrate")).exited(ExitCode.OK).says("3 applied");
    assertThat(
            database.query(
                "SELECT concat_ws(' ', version, installed_by, success,"
                    + " now() AT TIME ZONE 'UTC' - installed_on < '1 minute')"
                    + " FROM public.flyway_schema_history ORDER BY installed_rank"))
        .containsExactly(
            "1 %s t t".formatted(database.owner()),
            "2 %s t t".formatted(database.owner()),
            "3 %s t t".formatted(database.owner()));
    assertThat(database.query("SELECT who FROM public.three")).containsExactly(database.owner());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "SET DateStyle = 'SQL, DMY' | DateStyle | SET DateStyle = 'ISO, DMY'",
        "SET client_encoding = 'LATIN1' | client_encoding | remove SET client_encoding from the file",
      })
  void aSettingWithWhichTheDriverCannotGoOnIsNamed(String sql, String setting, String next) {
    migrations.with("V2__two.sql", "SELECT 1;", sql + ";");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V2__two.sql failed: ",
            setting,
            "V2__two.sql, line 2",
            "this migration was rolled back completely; the database is at 1",
            "next:  ",
            next)
        .doesNotSay("connection was lost");
  }

  @Test
  void aReadOnlyTransactionIsTheFilesOwn() {
    migrations.with("V2__two.sql", "SET TRANSACTION READ ONLY;", "CREATE TABLE two (id int);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V2__two.sql failed: cannot execute CREATE TABLE in a read-only transaction", "line 2")
        .doesNotSay("connection was lost");
  }

  /** As in psql and with Flyway alone, where nothing is taken back before the end. */
  @Test
  void whatItDeferredComesUnderItsSettings() throws Exception {
    migrations.with(
        "V2__two.sql",
        """
        CREATE SCHEMA app;
        SET search_path = app;
        CREATE TABLE seen (id int);
        CREATE TABLE two (id int);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN INSERT INTO seen VALUES (new.id); RETURN new; END';
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON two DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION see();
        INSERT INTO two VALUES (2);
        """);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(database.query("SELECT id FROM app.seen")).containsExactly("2");
  }

  @Test
  void rowsOfCopyThatDoNotEndAreAnError() throws Exception {
    migrations.with("V2__two.sql", "SELECT 1;", "COPY one FROM STDIN;", "1", "2");
    CliResult result = cli.runInBackground("migrate").get(60, TimeUnit.SECONDS);
    assertThat(result)
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V2__two.sql failed: the rows after COPY ... FROM STDIN do not end: the line \\. is"
                + " missing",
            "V2__two.sql, line 2",
            "the database is at 1");
    migrations.with("V2__two.sql", "copy one from stdin;", "1", "it's", "\\.", "SELECT 1;");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("it's", "COPY one, line 2", "line 1, SQLSTATE 22P02");
    migrations.with("V2__two.sql", "copy one from stdin;", "1", "2", "\\.", "SELECT 1;");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(database.query("SELECT id FROM one ORDER BY 1")).containsExactly("1", "2");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SET ROLE %s",
        "SET search_path = pg_temp",
        "SELECT pg_advisory_unlock_all()",
        "CREATE TEMP TABLE two (id int)",
        "SET default_transaction_read_only = on",
      })
  void aWayBackLeavesNothingToTheNextOne(String sql) throws Exception {
    migrations
        .with("U1__one.sql", "DROP TABLE one;")
        .with("V2__two.sql", "SELECT 2;")
        .with("U2__two.sql", "SELECT 2;", sql.formatted(database.service()) + ";")
        .with("U3__three.sql", "DROP TABLE three;", sql.formatted(database.service()) + ";");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "none", "--dry-run")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "none", "--yes", "--no-backup")).exited(ExitCode.OK);
    assertThat(database.query("SELECT version FROM learnflow_db.rollbacks ORDER BY id"))
        .containsExactly("3", "2", "1");
  }

  @Test
  void aSeedSetLeavesNothingToTheNextOne(@TempDir Path seeds) throws Exception {
    migrations.with("V2__two.sql", "CREATE TABLE two (id int);");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    String twice =
        """
        CREATE TEMP TABLE rows AS SELECT 1 AS id;
        PREPARE load AS INSERT INTO two SELECT id FROM rows;
        EXECUTE load;
        SET ROLE %s;
        """
            .formatted(database.service());
    TestFiles.write(seeds.resolve("reference/01_two.sql"), twice);
    TestFiles.write(seeds.resolve("sample/01_two.sql"), twice);
    assertThat(
            cli.with("LEARNFLOW_DB_SEEDS_DIR", seeds.toString())
                .run("seed", "--seeds", "reference,sample"))
        .exited(ExitCode.OK);
    assertThat(database.query("SELECT count(*) FROM two")).containsExactly("2");
  }
}

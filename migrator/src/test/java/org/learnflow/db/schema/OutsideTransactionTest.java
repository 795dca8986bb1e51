package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** Statements that cannot be in a transaction are recognised, or said in a configuration file. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class OutsideTransactionTest {
  private static final String CONFIGURATION = "V2__two.sql.conf";

  private TestDatabase database;
  private MigrationDirectory migrations;
  private Cli cli;

  @BeforeEach
  void tables(TestDatabase empty, @TempDir Path directory) {
    database = empty.withRoles();
    migrations =
        new MigrationDirectory(directory)
            .with(
                "V1__one.sql",
                """
                CREATE TABLE one (id int);
                CREATE INDEX one_id ON one (id);
                CREATE TABLE parts (id int) PARTITION BY LIST (id);
                CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
                CREATE INDEX parts_id ON parts (id);
                CREATE TABLE log (line int);
                CREATE PROCEDURE steps() LANGUAGE plpgsql
                AS 'BEGIN INSERT INTO log VALUES (1); COMMIT; INSERT INTO log VALUES (2); END';
                """)
            .with("V3__three.sql", "CREATE TABLE three (id int);");
    cli = migrations.cli(database);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "REINDEX INDEX CONCURRENTLY one_id",
        "REINDEX (CONCURRENTLY, VERBOSE) TABLE one",
        "REINDEX (VERBOSE) SCHEMA public",
        "ALTER TABLE parts DETACH PARTITION part_1 CONCURRENTLY",
        "VACUUM (ANALYZE) one",
        "DROP INDEX CONCURRENTLY one_id",
      })
  void itIsRecognised(String sql) {
    migrations.with("V2__two.sql", sql + ";");
    assertThat(cli.run("plan")).exited(ExitCode.OK);
    assertThat(cli.run("migrate")).exited(ExitCode.OK).says("3 applied");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          CALL steps()                                                     | 2D000
          DO $$ BEGIN INSERT INTO log VALUES (1); COMMIT; INSERT INTO log VALUES (2); END $$ | 2D000
          REINDEX TABLE parts; INSERT INTO log VALUES (1), (2)              | 25001
          """)
  void whatIsNotRecognisedIsSaidInItsConfiguration(String sql, String sqlState) throws Exception {
    migrations.with("V2__two.sql", sql + ";");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V2__two.sql, line 1, SQLSTATE " + sqlState,
            "this migration was rolled back completely; the database is at 1",
            "write executeInTransaction=false to a file V2__two.sql.conf next to it");
    migrations.with(CONFIGURATION, "executeInTransaction=false");
    assertThat(cli.run("migrate")).exited(ExitCode.OK).says("2 applied");
    assertThat(database.query("SELECT line FROM log ORDER BY 1")).containsExactly("1", "2");
  }

  @Test
  void bothKindsInAFileNeedTheConfigurationToo() throws Exception {
    migrations.with("V2__two.sql", "CREATE TABLE two (id int);", "VACUUM two;");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("mixes statements", "executeInTransaction=false to a file V2__two.sql.conf");
    migrations.with(CONFIGURATION, "# Flyway's own", "executeInTransaction=false");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
  }

  /** All others of such a file give up after lock_timeout, as ever. */
  @Test
  void onlyWhatBlocksNobodyWaitsForLong() throws Exception {
    migrations
        .with("V2__two.sql", "CREATE INDEX CONCURRENTLY two_id ON one (id);", "DROP TABLE log;")
        .with(CONFIGURATION, "executeInTransaction=false");
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    try (Connection reader = database.connect(database.owner());
        Statement statement = reader.createStatement()) {
      reader.setAutoCommit(false);
      statement.execute("LOCK TABLE log IN ACCESS SHARE MODE"); // holds no snapshot
      assertThat(cli.run("migrate", "--lock-timeout", "300ms", "--lock-retries", "0"))
          .exited(ExitCode.MIGRATION_FAILED)
          .says("could not get a lock within lock_timeout", "line 2");
      reader.rollback();
    }
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "shouldExecute=false",
        "executeInTransaction=no",
        "",
        "placeholderReplacement=true"
      })
  void anotherConfigurationIsRefused(String line) {
    migrations.with("V2__two.sql", "SELECT 2;").with(CONFIGURATION, line);
    assertThat(cli.run("migrate"))
        .exited(ExitCode.USAGE)
        .says(
            "V2__two.sql.conf sets something other than executeInTransaction",
            "nothing was changed");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          COMMIT                           | begins or ends a transaction
          VACUUM one                       | cannot run in a transaction
          DROP INDEX CONCURRENTLY one_id   | cannot run in a transaction
          COPY one FROM STDIN              | has rows for COPY
          """)
  void whatRollbackWillRefuseIsRefusedBeforeItIsStored(String undo, String why) throws Exception {
    migrations.with("V2__two.sql", "SELECT 2;").with("U2__two.sql", undo + ";");
    for (String command : new String[] {"migrate", "plan"}) {
      assertThat(cli.run(command))
          .exited(ExitCode.REFUSED)
          .says("U2__two.sql " + why, "U2__two.sql, line 1", "nothing was changed", "correct it");
    }
    assertThat(cli.run("migrate", "--dry-run")).exited(ExitCode.REFUSED);
    assertThat(database.query("SELECT to_regclass('one')")).containsExactly("null");
    migrations.with("U2__two.sql", "ALTER TABLE one ADD two int;");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
  }

  @Test
  void aFileThatCommitsIsNotSaidToBeRolledBackWhole() throws Exception {
    migrations.with("V2__two.sql", "CREATE TABLE two (id int);", "COMMIT;", "SELECT 1/0;");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("this migration ends transactions itself, so what it did before stays");
    assertThat(database.query("SELECT to_regclass('two')")).containsExactly("two");
  }
}

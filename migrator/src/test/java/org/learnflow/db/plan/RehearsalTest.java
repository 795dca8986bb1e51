package org.learnflow.db.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** The look ahead goes in one transaction, and refuses nothing that a rollback does in several. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class RehearsalTest {
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
                CREATE TABLE parent (id int PRIMARY KEY);
                CREATE TABLE child (id int CONSTRAINT late REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
                CREATE TABLE soon (id int CONSTRAINT soon REFERENCES parent DEFERRABLE);
                CREATE SEQUENCE numbers;
                CREATE TYPE mood AS ENUM ('good');
                CREATE TABLE moods (mood text);
                INSERT INTO parent VALUES (1), (2);
                INSERT INTO child VALUES (1);
                """)
            .with("V2__two.sql", "SELECT 2;")
            .with("V3__three.sql", "SELECT 3;");
    cli = migrations.cli(database);
  }

  /** The undo of 3 comes first, then that of 2. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          INSERT INTO child VALUES (2)                         | ALTER TABLE child ADD more int
          SET CONSTRAINTS ALL DEFERRED; DELETE FROM soon       | ALTER TABLE soon ADD more int
          SELECT 3                                             | INSERT INTO child VALUES (3); INSERT INTO parent VALUES (3)
          CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1       | CREATE TEMP TABLE t AS SELECT 2
          PREPARE q AS SELECT 1                                | PREPARE q AS SELECT 2
          DECLARE c CURSOR FOR SELECT 1                        | DECLARE c CURSOR FOR SELECT 2
          SET LOCAL search_path = pg_catalog                   | DROP TABLE child
          SELECT set_config('search_path', '', false)          | DROP TABLE child
          SET LOCAL statement_timeout = '300ms'                | SELECT pg_sleep(0.5)
          SELECT pg_advisory_unlock_all()                      | SELECT 2
          ALTER TYPE mood ADD VALUE 'new'                      | SELECT 2
          """)
  void whatARollbackDoesIsNotRefusedBefore(String third, String second) throws Exception {
    migrations.with("U3__three.sql", third + ";").with("U2__two.sql", second + ";");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "1", "--dry-run"))
        .exited(ExitCode.OK)
        .doesNotSay("unknown", "could not be determined");
    assertThat(cli.run("rollback", "--to", "1", "--yes", "--no-backup")).exited(ExitCode.OK);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          SELECT 3                                          | INSERT INTO soon VALUES (3); INSERT INTO parent VALUES (3)
          SET CONSTRAINTS ALL DEFERRED                      | INSERT INTO soon VALUES (3); INSERT INTO parent VALUES (3)
          SELECT 3                                          | INSERT INTO child VALUES (3)
          CREATE TEMP TABLE t AS SELECT 1 AS id             | INSERT INTO parent SELECT id FROM t
          PREPARE q AS SELECT 1                             | EXECUTE q
          SELECT nextval('numbers')                         | SELECT currval('numbers')
          """)
  void whatARollbackCannotDoIsRefusedBefore(String third, String second) throws Exception {
    migrations.with("U3__three.sql", third + ";").with("U2__two.sql", second + ";");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "1", "--dry-run"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("U2__two.sql failed: ", "state: nothing was changed");
    assertThat(cli.run("rollback", "--to", "2", "--yes", "--no-backup")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "1", "--yes", "--no-backup"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("U2__two.sql failed: ");
  }

  @Test
  void whatOneTransactionCannotShowIsSaidToBeUnknown() throws Exception {
    migrations
        .with("U3__three.sql", "ALTER TYPE mood ADD VALUE 'bad';")
        .with("U2__two.sql", "INSERT INTO moods SELECT 'bad'::mood::text;");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "1", "--dry-run"))
        .exited(ExitCode.REFUSED)
        .says(
            "could not be determined: U2__two.sql cannot run in the same transaction as the scripts before it",
            "first: learnflow-db rollback --to 2");
    assertThat(cli.run("rollback", "--to", "1", "--yes", "--no-backup")).exited(ExitCode.OK);
    assertThat(database.query("SELECT mood FROM moods")).containsExactly("bad");
  }

  @Test
  void aScriptThatWasNotTriedIsNotForgotten() throws Exception {
    migrations
        .with("V2__two.sql", "CREATE INDEX CONCURRENTLY by_id ON child (id);")
        .with("U2__two.sql", "DROP INDEX CONCURRENTLY IF EXISTS by_id;")
        .with("V3__three.sql", "SELECT 3;")
        .with("U3__three.sql", "SELECT 3;")
        .with("U1__one.sql", "CREATE INDEX by_id ON moods (mood); DROP TYPE mood;");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "none", "--dry-run"))
        .exited(ExitCode.REFUSED)
        .says(
            "could not be determined: U2__two.sql could not be tried, and without it U1__one.sql fails",
            "first: learnflow-db rollback --to 1");
    assertThat(cli.run("rollback", "--to", "none", "--yes", "--no-backup")).exited(ExitCode.OK);
  }
}

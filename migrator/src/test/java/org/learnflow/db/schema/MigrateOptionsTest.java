package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.SQLException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** {@code migrate --target} and {@code migrate --dry-run}. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class MigrateOptionsTest {
  private TestDatabase database;
  private Cli cli;

  @BeforeEach
  void threeMigrations(TestDatabase empty, @TempDir Path directory) {
    database = empty.withRoles();
    cli =
        new MigrationDirectory(directory)
            .with("V001__one.sql", "CREATE TABLE one (id int);")
            .with("V002__two.sql", "CREATE TABLE two (id int);")
            .with("V003__three.sql", "CREATE TABLE three (id int);")
            .cli(database);
  }

  @Test
  void nothingNewerThanTheTargetIsApplied() throws SQLException {
    assertThat(cli.run("migrate", "--target", "2"))
        .exited(ExitCode.OK)
        .answers("done: schema at 002, 2 migrations applied");
    assertThat(database.query("SELECT to_regclass('two') || ' ' || (to_regclass('three') IS NULL)"))
        .containsExactly("two true");

    assertThat(cli.run("migrate", "--target", "001"))
        .exited(ExitCode.OK)
        .answers("nothing to do: schema at 002");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .answers("done: schema at 003, 1 migrations applied");
  }

  @Test
  void aTargetThatIsNoMigrationIsRefused() throws SQLException {
    assertThat(cli.run("migrate", "--target", "7"))
        .exited(ExitCode.USAGE)
        .says(
            "error: there is no migration 7",
            "state: nothing was changed",
            "next:  list the pending ones with: learnflow-db migrate --dry-run");
    assertThat(cli.run("migrate", "--target", "latest"))
        .exited(ExitCode.USAGE)
        .says("--target is not a valid version", "next:  use a value such as 7 or 007");
    nothingIsThere();
  }

  @Test
  void aDryRunListsWhatIsPendingAndChangesNothing() throws SQLException {
    CliResult all = cli.run("migrate", "--dry-run");
    assertThat(all).exited(ExitCode.OK);
    assertThat(all.out())
        .isEqualToNormalizingNewlines(
            """
            pending:
              V001__one.sql
              V002__two.sql
              V003__three.sql
            """);
    assertThat(cli.run("migrate", "--dry-run", "--target", "2").out())
        .contains("V002__two.sql")
        .doesNotContain("V003");
    nothingIsThere();

    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("migrate", "--dry-run")).exited(ExitCode.OK).answers("nothing is pending");
  }

  @Test
  void theReportIsJsonWhereThatIsAskedFor() {
    assertThat(cli.run("migrate", "--dry-run", "--output", "json").out())
        .isEqualToIgnoringWhitespace(
            """
            {"pending": ["V001__one.sql", "V002__two.sql", "V003__three.sql"]}
            """);
    assertThat(cli.run("migrate", "--target", "1", "--output", "json").out())
        .isEqualToIgnoringWhitespace(
            """
            {"from": "none", "to": "001", "applied": [{"version": "001", "description": "one"}], "newer": []}
            """);
    assertThat(cli.run("migrate", "--target", "7", "--output", "json").out())
        .contains("\"exitCode\"", "there is no migration 7", "\"next\"");
  }

  private void nothingIsThere() throws SQLException {
    assertThat(
            database.query(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
        .isEmpty();
  }
}

package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** Applied migrations that are not those of the files: refused, said where, nothing changed. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class HistoryDifferencesTest {
  private TestDatabase database;
  private MigrationDirectory migrations;

  @BeforeEach
  void twoMigrationsAreApplied(TestDatabase empty, @TempDir Path directory) {
    database = empty.withRoles();
    migrations =
        new MigrationDirectory(directory)
            .with("V001__one.sql", "CREATE TABLE one (id int);")
            .with("V003__three.sql", "CREATE TABLE three (id int);");
    assertThat(migrations.cli(database).run("migrate")).exited(ExitCode.OK);
  }

  @Test
  void aMigrationThatWasEditedAfterItWasApplied() throws SQLException {
    migrations
        .with("V001__one.sql", "CREATE TABLE one (id bigint);")
        .with("V004__four.sql", "CREATE TABLE four (id int);");
    assertThat(migrations.cli(database).run("migrate"))
        .exited(ExitCode.HISTORY_DIFFERS)
        .says(
            "error: applied migrations and migration files differ",
            "where: " + migrations.file("V001__one.sql") + " was changed after it was applied",
            "state: nothing was changed; the database is at 003",
            "next:  restore it (git log -p ",
            "make migration NAME=");
    nothingMoreIsApplied();
  }

  @Test
  void anAppliedMigrationWithoutItsFile() throws SQLException {
    migrations.without("V001__one.sql").with("V004__four.sql", "CREATE TABLE four (id int);");
    assertThat(migrations.cli(database).run("migrate"))
        .exited(ExitCode.HISTORY_DIFFERS)
        .says(
            "where: V001__one.sql is applied, but " + migrations.path(),
            "has no file for version 001",
            "state: nothing was changed; the database is at 003",
            "next:  restore the file");
    nothingMoreIsApplied();
  }

  @Test
  void aNewMigrationThatIsOlderThanTheNewestApplied() throws SQLException {
    migrations.with("V002__two.sql", "CREATE TABLE two (id int);");
    assertThat(migrations.cli(database).run("migrate"))
        .exited(ExitCode.HISTORY_DIFFERS)
        .says(
            "where: "
                + migrations.file("V002__two.sql")
                + " is older than 003, which is already applied",
            "state: nothing was changed; the database is at 003",
            "next:  give it a version after 003");
    nothingMoreIsApplied();
  }

  @Test
  void everyDifferenceIsListed() {
    migrations
        .with("V001__one.sql", "CREATE TABLE one (id bigint);")
        .with("V002__two.sql", "CREATE TABLE two (id int);")
        .without("V003__three.sql")
        .with("V004__four.sql", "CREATE TABLE four (id int);");
    assertThat(migrations.cli(database).run("migrate"))
        .exited(ExitCode.HISTORY_DIFFERS)
        .says("V001__one.sql was changed", "V002__two.sql is older", "V003__three.sql is applied");
  }

  @Test
  void aDryRunRefusesThemToo() {
    migrations.with("V002__two.sql", "CREATE TABLE two (id int);");
    assertThat(migrations.cli(database).run("migrate", "--dry-run"))
        .exited(ExitCode.HISTORY_DIFFERS);
  }

  @Test
  void anAppliedMigrationThatIsNewerThanAllFilesIsFineAndNoted() throws SQLException {
    migrations.without("V003__three.sql");
    assertThat(migrations.cli(database).run("migrate"))
        .exited(ExitCode.OK)
        .says("nothing to do, at 003, which is newer than these files: 003");
    nothingMoreIsApplied();
  }

  private void nothingMoreIsApplied() throws SQLException {
    assertThat(database.query("SELECT version FROM flyway_schema_history ORDER BY 1"))
        .isEqualTo(List.of("001", "003"));
    assertThat(
            database.query(
                "SELECT relname FROM pg_class WHERE relname IN ('one', 'two', 'three', 'four') ORDER BY 1"))
        .isEqualTo(List.of("one", "three"));
  }
}

package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** Files: names that cannot be meant are refused, and checksums are Flyway's own. */
@ExtendWith(PostgresExtension.class)
class MigrationFilesTest {

  @ParameterizedTest
  @CsvSource({
    "V1__one.sql, V1__uno.sql, 1",
    "V1__one.sql, V001__one.sql, 001",
    "V2.0__a.sql, V2__b.sql, 2"
  })
  void twoFilesOfTheSameVersionAreRefused(
      String first, String second, String version, TestDatabase database, @TempDir Path directory) {
    MigrationDirectory migrations =
        new MigrationDirectory(directory).with(first, "SELECT 1;").with(second, "SELECT 1;");
    assertThat(migrations.cli(database).run("migrate"))
        .exited(ExitCode.USAGE)
        .says(
            "error: two migrations have the version ",
            version,
            migrations.file(first).toString(),
            migrations.file(second).toString(),
            "state: nothing was changed",
            "next:  give the newer one the next free version");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "V001_one.sql",
        "001__one.sql",
        "v001__one.sql",
        "Vx__one.sql",
        "V001__.sql",
        "R__view.sql"
      })
  void aFileThatIsNotNamedLikeAMigrationIsRefused(
      String name, TestDatabase database, @TempDir Path directory) {
    MigrationDirectory migrations = new MigrationDirectory(directory).with(name, "SELECT 1;");
    assertThat(migrations.cli(database).run("migrate"))
        .exited(ExitCode.USAGE)
        .says(
            "error: " + name + " is not named like a migration, V<version>__<words>.sql",
            "where: " + migrations.file(name),
            "state: nothing was changed",
            "next:  rename or remove it");
  }

  /** What Flyway would overlook, and somebody wrote to be applied. */
  @ParameterizedTest
  @CsvSource({
    "V2__two.SQL, V2__two.sql",
    "v2__two.sql, V2__two.sql",
    "v2__two.Sql, V2__two.sql",
    "V2_two.sql, V2__two.sql",
    "V2-two.sql, V2__two.sql",
    "V2 two.sql, V2__two.sql",
    "V2.two.sql, V2__two.sql",
    "'V2__two .sql', V2__two.sql",
    "'V2__two.sql ', V2__two.sql",
    "' V2__two.sql', V2__two.sql",
    "V2__two.slq, V2__two.sql",
    "V2__two, V2__two.sql",
    "V2__two.sql.txt, V2__two.sql",
    "V_2__two.sql, V2__two.sql",
    "V 2__two.sql, V2__two.sql",
    "2__two.sql, V2__two.sql",
    "002_two.sql, V002__two.sql",
    "u2__two.sql, U2__two.sql",
    "U2_two.SQL, U2__two.sql",
    "two/V2__two.sql, V2__two.sql",
    "V2__two.sql/x, ''",
    "b/c/v2_two.sql, V2__two.sql",
  })
  void aFileThatIsAlmostAMigrationIsRefusedWithTheNameThatItShouldHave(
      String name, String right, TestDatabase database, @TempDir Path directory) {
    MigrationDirectory migrations =
        new MigrationDirectory(directory).with("V1__one.sql", "SELECT 1;").with(name, "SELECT 2;");
    for (String command : List.of("migrate", "verify")) {
      assertThat(migrations.cli(database).run(command))
          .exited(ExitCode.USAGE)
          .says(
              " is not named like a migration, V<version>__<words>.sql",
              "where: " + migrations.file(name).toString().replaceFirst("/x$", ""),
              "state: nothing was changed",
              right.isEmpty() ? "next:  rename or remove it" : "'" + migrations.file(right) + "'");
    }
  }

  /** What editors, Flyway and people leave beside migrations. */
  @Test
  void whatIsPlainlyNoMigrationIsANoteAtMost(TestDatabase database, @TempDir Path directory) {
    List<String> silent =
        List.of(
            "README.md",
            "objects.txt",
            ".gitkeep",
            ".V2__two.sql.swp",
            ".#V2__two.sql",
            "V1__one.sql.conf",
            "flyway.conf",
            "flyway.toml",
            "LICENSE",
            ".hidden/V2__x.sql");
    List<String> noted =
        List.of(
            "V2__two.sql~",
            "V2__two.sql.bak",
            "V2__two.sql.orig",
            "V2__two.sql.rej",
            "#V2__two.sql#",
            "V2__two.sql.swp",
            "V2__two.sql.disabled",
            "old/query.sql");
    MigrationDirectory migrations =
        new MigrationDirectory(directory).with("V1__one.sql", "CREATE TABLE one (id int);");
    silent.forEach(name -> migrations.with(name, "executeInTransaction=true"));
    noted.forEach(name -> migrations.with(name, "x"));
    CliResult result = migrations.cli(database.withRoles()).run("migrate");
    assertThat(result).exited(ExitCode.OK).answers("done: schema at 1, 1 migrations applied");
    for (String name : noted) {
      String told = name.replaceFirst("/.*", "/");
      assertThat(result).says("note: " + told + " is not applied");
    }
    silent.forEach(name -> assertThat(result).doesNotSay(name.replaceFirst("/.*", "/")));
  }

  @Test
  void aMissingDirectoryIsRefused(TestDatabase database, @TempDir Path directory) {
    assertThat(new MigrationDirectory(directory.resolve("absent")).cli(database).run("migrate"))
        .exited(ExitCode.USAGE)
        .says("migrations directory does not exist", "next:  set it with --migrations DIR");
  }

  @Test
  void otherFilesAreLeftAlone(TestDatabase database, @TempDir Path directory) {
    MigrationDirectory migrations =
        new MigrationDirectory(directory)
            .with("V001__one.sql", "CREATE TABLE one (id int);")
            .with("U001__one.sql", "DROP TABLE one;")
            .with("README.md", "Read me.")
            .with("objects.txt", "table public.one");
    assertThat(migrations.cli(database.withRoles()).run("migrate"))
        .exited(ExitCode.OK)
        .answers("done: schema at 001, 1 migrations applied");
  }

  @Test
  void versionsAreOrderedAsNumbers(TestDatabase database, @TempDir Path directory)
      throws Exception {
    MigrationDirectory migrations =
        new MigrationDirectory(directory)
            .with("V10__ten.sql", "ALTER TABLE two RENAME TO ten;")
            .with("V9__nine.sql", "SELECT 1;")
            .with("V2__two.sql", "ALTER TABLE one RENAME TO two;")
            .with("V1.5__half.sql", "SELECT 1;")
            .with("V1__one.sql", "CREATE TABLE one (id int);");
    assertThat(migrations.cli(database.withRoles()).run("migrate")).exited(ExitCode.OK);
    assertThat(database.query("SELECT version FROM flyway_schema_history ORDER BY installed_rank"))
        .containsExactly("1", "1.5", "2", "9", "10");
  }

  @Test
  void historyHoldsTheChecksumsThatFlywayItselfWouldWrite(
      TestDatabase database, @TempDir Path directory) throws Exception {
    write(directory, "V1__unix.sql", "CREATE TABLE a (id int);\n-- end\n");
    write(directory, "V2__windows.sql", "CREATE TABLE b (id int);\r\n-- end\r\n");
    write(directory, "V3__bom.sql", "\uFEFFCREATE TABLE c (id int);\n");
    write(directory, "V4__no_final_newline.sql", "CREATE TABLE d (id int);\n-- end");
    write(directory, "V5__umlauts.sql", "COMMENT ON TABLE d IS 'Übungsgröße – 学习 🎓';\n");
    write(directory, "V6__blank_lines.sql", "\n\n  SELECT 1;\n\n\n");
    assertThat(new MigrationDirectory(directory).cli(database.withRoles()).run("migrate"))
        .exited(ExitCode.OK);

    MigrationFiles files = MigrationFiles.in(directory);
    assertThat(database.query("SELECT checksum FROM flyway_schema_history ORDER BY installed_rank"))
        .isEqualTo(files.files().stream().map(file -> String.valueOf(file.checksum())).toList());
    assertThat(database.query("SELECT obj_description('d'::regclass)"))
        .containsExactly("Übungsgröße – 学习 🎓");

    // Throws where Flyway, reading the files by itself, finds another checksum, type or name.
    Flyway.configure()
        .dataSource(
            "jdbc:postgresql://%s:%d/%s"
                .formatted(database.server().host(), database.server().port(), database.name()),
            database.owner(),
            database.password(database.owner()).value())
        .locations("filesystem:" + directory)
        .load()
        .validate();
  }

  private static void write(Path directory, String name, String text) throws Exception {
    Files.writeString(directory.resolve(name), text);
  }
}

package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * What does not fit into memory is refused before it is tried. The heap is one of 100 MiB, so that
 * an SQL file may have 8 MiB and a statement 2, less what the JVM keeps for itself.
 */
@ExtendWith(PostgresExtension.class)
class LargeFilesTest {
  private static final String TABLE = "CREATE TABLE t (a int, b text);\n";

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path directory;

  private Cli cli(TestDatabase database) {
    return new MigrationDirectory(directory.resolve("migrations"))
        .cli(database)
        .with("LEARNFLOW_DB_SEEDS_DIR", directory.resolve("seeds").toString())
        .with("_JAVA_OPTIONS", "-Xmx100m");
  }

  private void migration(String name, String... lines) {
    new MigrationDirectory(directory.resolve("migrations")).with(name, lines);
  }

  private static String statements(int bytes) {
    String one = "INSERT INTO t VALUES (1, '" + "x".repeat(400) + "');\n";
    return one.repeat(bytes / one.length());
  }

  private static String oneStatement(int bytes) {
    String row = "(1, '" + "x".repeat(30) + "'),\n";
    return "INSERT INTO t VALUES\n" + row.repeat(bytes / row.length()) + "(1, 'y');\n";
  }

  @Test
  void aMigrationThatIsTooLargeIsNotBegun(TestDatabase database) throws Exception {
    migration("V001__t.sql", TABLE);
    migration("V002__large.sql", statements(20 << 20));
    assertThat(cli(database.withRoles()).start("migrate").await())
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V002__large.sql is larger than the maximum of 8 MiB: it has 19 MiB",
            "state: none of it was run",
            "docs/reference/seeds.md",
            "_JAVA_OPTIONS=-Xmx")
        .doesNotSay("\tat ");
    assertThat(database.query("SELECT version FROM flyway_schema_history")).containsExactly("001");
  }

  @Test
  void aStatementOfAMigrationThatIsTooLongIsNotRun(TestDatabase database) throws Exception {
    migration("V001__large.sql", TABLE, oneStatement(5 << 20));
    assertThat(cli(database.withRoles()).start("migrate").await())
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V001__large.sql: a statement is longer than the ",
            "V001__large.sql, after line 1",
            "state: none of it was run");
    assertThat(database.query("SELECT to_regclass('t') IS NULL")).containsExactly("t");
  }

  @Test
  void whatIsJustNotTooLargeFitsIntoMemory(TestDatabase database) throws Exception {
    migration("V001__many.sql", TABLE, statements(15 << 19));
    migration("V002__one.sql", oneStatement(15 << 17));
    TestFiles.write(directory.resolve("seeds/reference/01_t.sql"), oneStatement(15 << 17));
    Cli cli = cli(database.withRoles());
    assertThat(cli.start("migrate").await()).exited(ExitCode.OK);
    assertThat(cli.start("seed").await()).exited(ExitCode.OK);
    // Applied before there was a limit, or with a larger heap.
    assertThat(cli.with("_JAVA_OPTIONS", "-Xmx40m").start("migrate").await()).exited(ExitCode.OK);
  }

  @Test
  void aStatementOfASeedThatIsTooLongIsRefused(TestDatabase database) throws Exception {
    migration("V001__t.sql", TABLE);
    TestFiles.write(
        directory.resolve("seeds/reference/01_t.sql"), "SELECT\n1;\n" + oneStatement(40 << 20));
    Cli cli = cli(database.withRoles());
    assertThat(cli.start("migrate").await()).exited(ExitCode.OK);
    assertThat(cli.start("seed").await())
        .exited(ExitCode.SEEDING_FAILED)
        .says(
            "error: a statement is longer than the ",
            "01_t.sql, after line 2",
            "state: none of this set was loaded",
            "CSV file")
        .doesNotSay("\tat ");
    assertThat(database.query("SELECT count(*) FROM t")).containsExactly("0");
  }

  @Test
  void aFirstLineWithoutAnEndIsRefused(TestDatabase database) throws Exception {
    migration("V001__t.sql", TABLE);
    TestFiles.write(directory.resolve("seeds/reference/01_t.csv"), "a".repeat(2 << 20));
    Cli cli = cli(database.withRoles());
    assertThat(cli.start("migrate").await()).exited(ExitCode.OK);
    assertThat(cli.start("seed").await())
        .exited(ExitCode.SEEDING_FAILED)
        .says("the first line, which names the columns, is longer than 1 MiB", "line 1");
  }

  /** Also one that tells no size. */
  @Test
  void aPasswordFileThatIsNoneIsRefused(TestDatabase database) {
    migration("V001__t.sql", TABLE);
    assertThat(
            cli(database.withRoles())
                .with("LEARNFLOW_DB_PASSWORD_FILE", "/dev/zero")
                .start("migrate")
                .await())
        .exited(ExitCode.USAGE)
        .says("error: zero is larger than the maximum of 64 KiB", "/dev/zero");
  }

  /** An undo script that was stored before there was a limit, in a heap of its size. */
  @Test
  void whatDoesNotFitIntoMemoryIsAFailureLikeOthersAndChangesNothing(TestDatabase database)
      throws Exception {
    Path message = directory.resolve("termination-log");
    Files.createFile(message);
    migration("V1__t.sql", TABLE);
    migration("U1__t.sql", "DROP TABLE t;");
    Cli cli = cli(database.withRoles());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    database.execute(
        database.owner(),
        "UPDATE learnflow_db.undo_scripts SET undo_sql = repeat('-', 60 * 1024 * 1024)");
    CliResult result =
        cli.with("_JAVA_OPTIONS", "-Xmx40m")
            .with("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .with("LEARNFLOW_DB_TERMINATION_LOG", message.toString())
            .start("rollback", "--to", "none", "--dry-run", "--output", "json")
            .await();
    assertThat(result)
        .exited(ExitCode.FAILED)
        .says(
            "error: out of memory: ",
            "state: every command can be run again safely",
            "next:  give the program more memory: _JAVA_OPTIONS=-Xmx",
            "migrator.resources.limits.memory")
        .doesNotSay("\tat ");
    assertThat(result.out()).startsWith("{\"error\":{\"exitCode\":1,\"what\":\"out of memory: ");
    assertThat(message)
        .content()
        .startsWith("out of memory: ")
        .contains("next: give the program more memory");
    assertThat(database.query("SELECT to_regclass('t')")).containsExactly("t");
  }
}

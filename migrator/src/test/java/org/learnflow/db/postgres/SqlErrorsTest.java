package org.learnflow.db.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** The next step is about what failed: the file is not always wrong. */
@ExtendWith(PostgresExtension.class)
class SqlErrorsTest {
  /**
   * A code of each class of appendix A "PostgreSQL Error Codes" (00 is success), of some classes
   * several, with the next step.
   */
  private static final String CODES =
      """
      01000 correct the file
      02000 correct the file
      03000 correct the file
      08006 find out why the server went away
      08P01 find out why the server went away
      09000 a function or trigger
      0A000 correct the file
      0B000 transaction
      0F001 correct the file
      0LP01 cannot do this
      0P000 cannot do this
      0Z000 a function or trigger
      10608 correct the file
      20000 correct the file
      21000 correct the rows
      22012 correct the rows
      23505 correct the rows
      24000 correct the file
      25001 transaction
      25P02 transaction
      26000 correct the file
      27000 correct the rows
      28000 cannot do this
      2BP01 depends on it
      2D000 transaction
      2F005 a function or trigger
      34000 correct the file
      38000 a function or trigger
      39004 a function or trigger
      3B001 transaction
      3D000 correct the file
      3F000 correct the file
      40001 nothing is wrong with the file
      42601 correct the file
      42501 cannot do this
      44000 correct the rows
      53000 the server's resources
      53100 make room on the server's disk
      53200 memory
      53300 connections
      54000 limits
      55000 another session
      55006 another session
      55P04 in a later file
      57000 nothing is wrong with the file
      57014 nothing is wrong with the file
      58030 the server's log
      72000 nothing is wrong with the file
      F0000 the server's log
      HV000 foreign server
      P0001 a function or trigger
      XX000 the server's log
      XX001 restore
      ZZ999 what the server reports
      """;

  @TempDir private Path directory = Path.of("");

  private static String raise(String code) {
    return "SELECT 1;\nDO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '%s'; END $$;"
        .formatted(code);
  }

  @Test
  void everyClassHasItsOwnNextStep(TestDatabase database) throws Exception {
    MigrationDirectory migrations =
        new MigrationDirectory(directory.resolve("migrations"))
            .with("V1__one.sql", "CREATE TABLE one (id int);")
            .with("V2__two.sql", "CREATE TABLE two (id int);");
    Path seed = directory.resolve("seeds/reference/01.sql");
    Cli cli =
        migrations
            .cli(database.withRoles())
            .with("LEARNFLOW_DB_SEEDS_DIR", directory.resolve("seeds").toString());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    List<String> wrong = new ArrayList<>();
    for (String line : CODES.lines().toList()) {
      String code = line.substring(0, 5);
      String next = line.substring(6);
      migrations.with("V3__three.sql", raise(code));
      check(wrong, cli.run("migrate"), code, next, migrations.file("V3__three.sql").toString());
      migrations.without("V3__three.sql").with("U2__two.sql", raise(code));
      check(
          wrong,
          cli.run("rollback", "--to", "1", "--yes", "--no-backup", "--from-files"),
          code,
          next,
          "U2__two.sql");
      TestFiles.write(seed, raise(code));
      check(wrong, cli.run("seed"), code, next, seed.toString());
    }
    assertThat(wrong).isEmpty();
  }

  private static void check(
      List<String> wrong, CliResult result, String code, String next, String file) {
    String told =
        result.err().lines().filter(line -> line.startsWith("  next:")).findFirst().orElse("");
    boolean lost = code.startsWith("08"); // the step is repeated, and then ends as a whole
    String where =
        lost
            ? "  where: SQLSTATE " + code
            : "  where: %s, line 2, SQLSTATE %s".formatted(file, code);
    if (!told.contains(next) || !result.err().lines().toList().contains(where)) {
      wrong.add(code + ": " + result.err().lines().filter(l -> l.startsWith("  ")).toList());
    }
  }

  @Test
  void aLimitOfConnectionsIsNoFaultOfTheFile(TestDatabase database) throws Exception {
    Cli cli =
        new MigrationDirectory(directory)
            .with("V1__one.sql", "CREATE TABLE one (id int);")
            .cli(database.withRoles());
    String limit = "ALTER ROLE " + Sql.identifier(database.owner()) + " CONNECTION LIMIT ";
    database.execute(PostgresServer.ADMIN, limit + 1);
    assertThat(cli.without("LEARNFLOW_DB_ADMIN_USER").run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "too many connections for role",
            "where: " + directory,
            "SQLSTATE 53300",
            "CONNECTION LIMIT",
            "learnflow-db migrate")
        .doesNotSay("where: ,", "correct the file");
    database.execute(PostgresServer.ADMIN, limit + 3);
    assertThat(cli.without("LEARNFLOW_DB_ADMIN_USER").run("migrate")).exited(ExitCode.OK);
  }
}

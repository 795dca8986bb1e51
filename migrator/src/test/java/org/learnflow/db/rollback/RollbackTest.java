package org.learnflow.db.rollback;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.output.MigrateResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CatalogSnapshot;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Rollback: what it shows, what it refuses, and where it ends. */
@ExtendWith(PostgresExtension.class)
class RollbackTest {
  private static final String[] NO_QUESTIONS = {"--yes", "--no-backup"};

  @TempDir private Path directory = Path.of("");

  private static CliResult rollback(Cli cli, String... options) {
    List<String> arguments = new ArrayList<>(List.of("rollback"));
    arguments.addAll(List.of(NO_QUESTIONS));
    arguments.addAll(List.of(options));
    return cli.run(arguments.toArray(String[]::new));
  }

  /** V1 makes a table with two rows, V2 a column, V3 a table and a view. */
  private MigrationDirectory three() {
    return new MigrationDirectory(directory)
        .with("V1__one.sql", "CREATE TABLE one (id int);", "INSERT INTO one VALUES (1), (2);")
        .with("U1__one.sql", "DROP TABLE one;")
        .with(
            "V2__two.sql",
            "ALTER TABLE one ADD COLUMN two int;",
            "UPDATE one SET two = 2 WHERE id = 2;")
        .with("U2__two.sql", "ALTER TABLE one DROP COLUMN two;")
        .with("V3__three.sql", "CREATE TABLE three (id int);", "CREATE VIEW v AS SELECT 1 AS one;")
        .with("U3__three.sql", "DROP VIEW v;", "DROP TABLE three;");
  }

  private static void assertUntouched(TestDatabase database) throws Exception {
    assertThat(database.query("SELECT version FROM flyway_schema_history ORDER BY 1"))
        .containsExactly("1", "2", "3");
    assertThat(database.query("SELECT count(*) FROM learnflow_db.rollbacks")).containsExactly("0");
    assertThat(database.query("SELECT two FROM one ORDER BY id")).containsExactly("null", "2");
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "0", "7", "008"})
  void backFromTheWholeSchemaAndForwardAgainGivesTheSame(String version, TestDatabase database)
      throws Exception {
    assertThat(database.cli().run("run", "--seeds", "reference,sample")).exited(ExitCode.OK);
    CatalogSnapshot whole = CatalogSnapshot.of(database);
    int kept = version.equals("none") ? 0 : Integer.parseInt(version);

    assertThat(rollback(database.cli(), "--to", version)).exited(ExitCode.OK).answers("healthy");
    assertThat(
            database.query("SELECT count(*) FROM flyway_schema_history WHERE version IS NOT NULL"))
        .containsExactly(String.valueOf(kept));
    assertThat(database.query("SELECT version || script FROM learnflow_db.rollbacks ORDER BY id"))
        .hasSize(ProjectMigrations.versions().size() - kept)
        .first()
        .isEqualTo(ProjectMigrations.newest() + ProjectMigrations.files('V').getLast());
    assertThat(CatalogSnapshot.of(database)).isNotEqualTo(whole);
    assertThat(rollback(database.cli(), "--to", version))
        .exited(ExitCode.OK)
        .says("verify   healthy, ", " stages")
        .answers("healthy");

    assertThat(database.cli().run("run", "--seeds", "reference,sample"))
        .exited(ExitCode.OK)
        .answers("healthy");
    assertThat(CatalogSnapshot.of(database).lines()).isEqualTo(whole.lines());
    assertThat(database.query("SELECT count(*) > 0 FROM curriculum")).containsExactly("t");
  }

  @Test
  void olderFilesUndoWhatNewerOnesApplied(TestDatabase database) throws Exception {
    MigrationDirectory migrations = three();
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    CatalogSnapshot first = CatalogSnapshot.of(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    for (String name : List.of("V2__two", "U2__two", "V3__three", "U3__three")) {
      migrations.without(name + ".sql");
    }
    assertThat(rollback(cli, "--to", "1")).exited(ExitCode.OK).answers("healthy");
    assertThat(CatalogSnapshot.of(database)).isEqualTo(first);
  }

  @Test
  void whatWouldBeUndoneAndLostIsShownAndNothingIsChanged(TestDatabase database) throws Exception {
    Cli cli = three().cli(database.withRoles());
    cli.run("migrate");
    CliResult shown = cli.run("rollback", "--to", "1", "--dry-run");
    assertThat(shown).exited(ExitCode.OK);
    assertThat(shown.out())
        .isEqualTo(
            """
            from 3 to 1, in this order:
              undo V3__three.sql
              undo V2__two.sql
            lost:
              column public.one.two, 1 values
              table public.three, 0 rows
            """);
    assertUntouched(database);
    assertThat(cli.run("rollback", "--to", "none", "--dry-run").out())
        .contains("table public.one, 2 rows")
        .doesNotContain("column");
    assertThat(cli.run("rollback", "--to", "3", "--dry-run").out())
        .isEqualTo("nothing to do: schema at 3\n");
    assertUntouched(database);
  }

  @Test
  void acrossAMigrationThatDroppedAColumnTheColumnComesBackAndOnlyItsRowsAreGone(
      TestDatabase database) throws Exception {
    Cli cli =
        three()
            .with("V4__drop.sql", "ALTER TABLE one DROP COLUMN two;")
            .with("U4__drop.sql", "ALTER TABLE one ADD COLUMN two int;")
            .cli(database.withRoles());
    cli.run("migrate");
    assertThat(cli.run("rollback", "--to", "3", "--dry-run").out())
        .contains("no table, no column and no row is lost");
    assertThat(rollback(cli, "--to", "3")).exited(ExitCode.OK);
    assertThat(database.query("SELECT concat(id, two) FROM one ORDER BY id"))
        .containsExactly("1", "2");
    assertThat(cli.run("rollback", "--to", "1", "--dry-run").out())
        .contains("column public.one.two, 0 values");
    assertThat(rollback(cli, "--to", "1")).exited(ExitCode.OK);
    assertThat(database.query("SELECT id FROM one ORDER BY id")).containsExactly("1", "2");
  }

  @Test
  void aTableThatIsMadeAnewUnderItsNameCountsAsLost(TestDatabase database) throws Exception {
    Cli cli =
        three()
            .with("U2__two.sql", "DROP TABLE one;", "CREATE TABLE one (id int);")
            .cli(database.withRoles());
    cli.run("migrate");
    assertThat(cli.run("rollback", "--to", "1", "--dry-run").out())
        .contains("table public.one, 2 rows");
  }

  /** Nothing is dropped, and all the same it is gone. */
  @Test
  void rowsThatAreDeletedChangedOrTruncatedAreCounted(TestDatabase database) throws Exception {
    MigrationDirectory migrations =
        three()
            .with(
                "V4__fill.sql",
                "CREATE TABLE four (id int PRIMARY KEY, note text, big bigint);",
                "CREATE TABLE child (id int REFERENCES four ON DELETE CASCADE);",
                "CREATE TABLE emptied (id int); CREATE TABLE refilled (id int);",
                "CREATE TABLE widened (id int); CREATE TABLE parts (id int) PARTITION BY RANGE (id);",
                "CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (10);",
                "INSERT INTO four SELECT i, 'n', i FROM generate_series(1, 10) i;",
                "INSERT INTO child SELECT id FROM four; INSERT INTO emptied SELECT id FROM four;",
                "INSERT INTO refilled SELECT id FROM four; INSERT INTO widened SELECT id FROM four;",
                "INSERT INTO parts VALUES (1), (2);")
            .with("U4__fill.sql", "SELECT 1;")
            .with("V5__flag.sql", "ALTER TABLE four ADD COLUMN flag boolean;")
            .with(
                "U5__flag.sql",
                "ALTER TABLE four DROP COLUMN flag;",
                "DELETE FROM four WHERE id <= 4;",
                "UPDATE four SET note = '' WHERE id > 7;",
                "TRUNCATE emptied;",
                "TRUNCATE refilled; INSERT INTO refilled SELECT i FROM generate_series(1, 10) i;",
                "ALTER TABLE widened ADD COLUMN at timestamptz DEFAULT clock_timestamp();",
                "ALTER TABLE four ALTER COLUMN big TYPE smallint;",
                "DELETE FROM parts WHERE id = 1;");
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    CatalogSnapshot before = CatalogSnapshot.of(database);
    CliResult shown = cli.run("rollback", "--to", "4", "--dry-run");
    assertThat(shown).exited(ExitCode.OK);
    assertThat(shown.out())
        .isEqualTo(
            """
            from 5 to 4, in this order:
              undo V5__flag.sql
            lost:
              rows of public.child, 4 deleted
              rows of public.emptied, 10 deleted
              column public.four.big, another type, 10 values
              column public.four.flag, 0 values
              rows of public.four, 4 deleted
              rows of public.four, 3 changed
              rows of public.part1, 1 deleted
              rows of public.refilled, 10 deleted
            """);
    assertThat(CatalogSnapshot.of(database)).isEqualTo(before);
    assertThat(database.query("SELECT count(*) FROM four")).containsExactly("10");
  }

  @Test
  void withoutABackupAndWithoutAYesNothingHappens(TestDatabase database) throws Exception {
    Cli cli = three().cli(database.withRoles());
    cli.run("migrate");
    assertThat(cli.run("rollback", "--to", "1", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("lost:", "--backup FILE", "--no-backup");
    assertThat(cli.run("rollback", "--to", "1", "--no-backup"))
        .exited(ExitCode.REFUSED)
        .says("undo V3__three.sql", "table public.three, 0 rows", "--yes");
    assertUntouched(database);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rollback",
        "rollback --to x",
        "rollback --to 2.5",
        "rollback --to 70",
        "rollback --to 1 --to-helm-revision 1",
        "rollback --to 1 --backup a --no-backup"
      })
  void aTargetThatCannotBeMeantIsAUsageError(String line, TestDatabase database) throws Exception {
    Cli cli = three().cli(database.withRoles());
    cli.run("migrate");
    assertThat(cli.run(line.split(" ", -1))).exited(ExitCode.USAGE).says("next:");
    assertUntouched(database);
  }

  @Test
  void aMigrationWithoutAWayBackIsRefusedBeforeAnythingMoves(TestDatabase database)
      throws Exception {
    Cli cli = three().without("U2__two.sql").cli(database.withRoles());
    cli.run("migrate");
    assertThat(rollback(cli, "--to", "1"))
        .exited(ExitCode.REFUSED)
        .says("V2__two.sql has no undo script in the database", "state: nothing was changed");
    assertUntouched(database);
    assertThat(rollback(cli, "--to", "2")).as("what has one").exited(ExitCode.OK);
  }

  @Test
  void anAlteredWayBackIsRefusedBeforeAnythingMoves(TestDatabase database) throws Exception {
    Cli cli = three().cli(database.withRoles());
    cli.run("migrate");
    database.execute(
        database.owner(),
        "UPDATE learnflow_db.undo_scripts SET undo_sql = 'DROP TABLE one' WHERE version = '2'");
    assertThat(rollback(cli, "--to", "1"))
        .exited(ExitCode.REFUSED)
        .says("U2__two.sql was altered after it was stored");
    assertUntouched(database);
    assertThat(rollback(cli, "--to", "1", "--from-files")).exited(ExitCode.OK);
    assertThat(database.query("SELECT id FROM one ORDER BY id")).containsExactly("1", "2");
  }

  @Test
  void aChangedMigrationIsRefusedBeforeAnythingMoves(TestDatabase database) throws Exception {
    MigrationDirectory migrations = three();
    Cli cli = migrations.cli(database.withRoles());
    cli.run("migrate");
    migrations.with("V2__two.sql", "ALTER TABLE one ADD COLUMN two bigint;");
    for (String[] options : new String[][] {{"--to", "1"}, {"--to", "1", "--from-files"}}) {
      assertThat(rollback(cli, options))
          .exited(ExitCode.REFUSED)
          .says("V2__two.sql was changed after it was applied", "where: " + directory);
    }
    assertUntouched(database);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ALTER TABLE one DROP COLUMN two; COMMIT;",
        "/* x */ -- y\nbegin; ALTER TABLE one DROP COLUMN two;",
        "ALTER TABLE one DROP COLUMN two; VACUUM one;",
        "DROP INDEX CONCURRENTLY i;",
      })
  void aWayBackThatCouldNotBeTakenBackIsRefusedBeforeAnythingMoves(
      String sql, TestDatabase database) throws Exception {
    MigrationDirectory migrations = three();
    Cli cli = migrations.cli(database.withRoles());
    cli.run("migrate");
    migrations.with("U2__two.sql", sql); // which migrate would refuse to store
    for (String[] options :
        new String[][] {
          {"--to", "1", "--from-files"}, {"--to", "1", "--from-files", "--dry-run"}
        }) {
      assertThat(rollback(cli, options)).exited(ExitCode.REFUSED).says("U2__two.sql ");
    }
    assertUntouched(database);
  }

  @Test
  void aWayBackThatFailsIsFoundBeforeAnythingIsUndone(TestDatabase database) throws Exception {
    MigrationDirectory migrations =
        three().with("U2__two.sql", "-- back", "ALTER TABLE one", "  DROP COLUMN tow;");
    Cli cli = migrations.cli(database.withRoles());
    cli.run("migrate");
    assertThat(rollback(cli, "--to", "1"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "U2__two.sql failed: column \"tow\" of relation \"one\" does not exist",
            "where: U2__two.sql, line 2, SQLSTATE 42703",
            "state: nothing was changed",
            "--from-files");
    assertUntouched(database);
    migrations.with("U2__two.sql", "ALTER TABLE one DROP COLUMN two;");
    assertThat(rollback(cli, "--to", "1", "--from-files")).exited(ExitCode.OK).answers("healthy");
  }

  /** Fails the second time only: the look ahead has counted, sequences are not rolled back. */
  @Test
  void aWayBackThatFailsInTheEndLeavesWhatWasUndoneAndSaysSo(TestDatabase database)
      throws Exception {
    Cli cli =
        three()
            .with(
                "U2__two.sql",
                "ALTER TABLE one DROP COLUMN two;",
                "SELECT 1 / (2 - nextval('looks'));")
            .cli(database.withRoles());
    cli.run("migrate");
    database.execute(database.owner(), "CREATE SEQUENCE looks");
    assertThat(rollback(cli, "--to", "none"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "U2__two.sql failed: division by zero",
            "where: U2__two.sql, line 2, SQLSTATE 22012",
            "this undo was rolled back completely; undone before it: V3__three.sql; the database is at 2",
            "run the same command again");
    assertThat(database.query("SELECT two FROM one ORDER BY id")).containsExactly("null", "2");
    assertThat(rollback(cli, "--to", "none")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.query("SELECT version FROM learnflow_db.rollbacks ORDER BY id"))
        .containsExactly("3", "2", "1");
  }

  @Test
  void anIndexIsDroppedConcurrentlyAndWhatAFailedBuildLeftIsRemoved(TestDatabase database)
      throws Exception {
    MigrationDirectory migrations =
        three()
            .with("V4__index.sql", "CREATE INDEX CONCURRENTLY i ON one (id);")
            .with("U4__index.sql", "DROP INDEX CONCURRENTLY IF EXISTS i;")
            .with("V5__five.sql", "CREATE TABLE five (id int);")
            .with("U5__five.sql", "DROP TABLE five;");
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(rollback(cli, "--to", "3")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.query("SELECT to_regclass('i') IS NULL")).containsExactly("t");

    database.execute(database.owner(), "INSERT INTO one VALUES (1)");
    migrations.with("V4__index.sql", "CREATE UNIQUE INDEX CONCURRENTLY i ON one (id);");
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED);
    assertThat(database.query("SELECT to_regclass('i') IS NULL")).containsExactly("f");
    assertThat(rollback(cli, "--to", "3"))
        .exited(ExitCode.OK)
        .says("removed what the failed V4__index.sql left")
        .answers("healthy");
    assertThat(database.query("SELECT to_regclass('i') IS NULL")).containsExactly("t");
    assertUntouchedHistory(database);
  }

  private static void assertUntouchedHistory(TestDatabase database) throws Exception {
    assertThat(database.query("SELECT version FROM flyway_schema_history ORDER BY 1"))
        .containsExactly("1", "2", "3");
  }

  @Test
  void aLockThatIsNotHadIsSaidWithItsHolder(TestDatabase database) throws Exception {
    Cli cli = three().cli(database.withRoles());
    cli.run("migrate");
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("SET application_name = 'long report'; SELECT * FROM one");
      assertThat(cli.run("rollback", "--to", "1", "--dry-run"))
          .exited(ExitCode.REFUSED)
          .says("U2__two.sql could not get a lock within half a second");
      assertThat(rollback(cli, "--to", "1", "--lock-timeout", "3s", "--lock-retries", "1"))
          .exited(ExitCode.MIGRATION_FAILED)
          .says(
              "what would be lost could not be determined",
              "attempt 2 of 2 follows",
              "U2__two.sql could not get a lock within lock_timeout in 2 attempts: blocked by pid",
              "long report",
              "undone before it: V3__three.sql; the database is at 2");
      CompletableFuture<CliResult> waiting =
          CompletableFuture.supplyAsync(() -> rollback(cli, "--to", "1"));
      database.awaitRow(
          "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'");
      other.rollback();
      assertThat(waiting.join()).exited(ExitCode.OK).answers("healthy");
    }
  }

  @Test
  void flywayItselfWaitsMeanwhile(TestDatabase database) throws Exception {
    MigrationDirectory migrations =
        three()
            .with(
                "U3__three.sql",
                "DROP VIEW v;",
                "DROP TABLE three;",
                "SELECT pg_sleep(CASE nextval('looks') WHEN 1 THEN 0 ELSE 60 END);");
    Cli cli = migrations.cli(database.withRoles());
    cli.run("migrate");
    database.execute(database.owner(), "CREATE SEQUENCE looks");
    Cli.Running rollback = cli.start("rollback", "--to", "2", "--yes", "--no-backup");
    database.awaitRow("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");

    Path plain = directory.resolve("plain");
    for (String name : List.of("V1__one.sql", "V2__two.sql", "V3__three.sql")) {
      TestFiles.write(plain.resolve(name), Files.readString(migrations.file(name)));
    }
    CompletableFuture<MigrateResult> flyway =
        CompletableFuture.supplyAsync(() ->
            Flyway.configure(RollbackTest.class.getClassLoader())
                .dataSource(
                    "jdbc:postgresql://%s:%d/%s?ApplicationName=plain-flyway"
                        .formatted(
                            database.server().host(), database.server().port(), database.name()),
                    database.owner(),
                    database.password(database.owner()).value())
                .locations("filesystem:" + plain)
                .defaultSchema("public")
                .load()
                .migrate());
    String tries =
        "SELECT query_start FROM pg_stat_activity WHERE application_name = 'plain-flyway'"
            + " AND query LIKE '%pg_try_advisory%lock%'";
    database.awaitRow(tries);
    String first = database.query(PostgresServer.ADMIN, tries).getFirst();
    database.awaitRow(tries + " AND query_start > '%s'".formatted(first)); // it tries again
    assertThat(flyway).isNotDone();
    assertThat(rollback.isAlive()).isTrue();
    database.execute(
        PostgresServer.ADMIN,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    rollback.kill();
    assertThat(flyway.join().success).isTrue();
  }

  @Test
  void eightAtOnceUndoEachMigrationOnce(TestDatabase database) throws Exception {
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
    List<Cli.Running> runs =
        IntStream.range(0, 8)
            .mapToObj(_ -> database.cli().start("rollback", "--to", "2", "--yes", "--no-backup"))
            .toList();
    List<CliResult> results = runs.stream().map(Cli.Running::await).toList();
    for (CliResult result : results) {
      assertThat(result).exited(ExitCode.OK).answers("healthy");
    }
    assertThat(results).anyMatch(CliResult::waitedForAnother);
    List<String> versions = ProjectMigrations.versions();
    assertThat(database.query("SELECT version FROM learnflow_db.rollbacks ORDER BY id"))
        .isEqualTo(versions.subList(2, versions.size()).reversed());
    assertThat(database.query("SELECT version FROM learnflow_db.undo_scripts ORDER BY 1"))
        .containsExactly("001", "002");
  }

  @Test
  void whatWasPublishedSaysTheOlderVersionAfterwards(TestDatabase database) throws Exception {
    Path env = directory.resolve("connection.env");
    Cli cli = database.cli().with("LEARNFLOW_DB_PUBLISH_TO", "file:" + env);
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(Files.readString(env)).contains("SCHEMA_VERSION=" + ProjectMigrations.newest());
    assertThat(rollback(cli, "--to", "7")).exited(ExitCode.OK);
    assertThat(Files.readString(env)).contains("SCHEMA_VERSION=007");
  }
}

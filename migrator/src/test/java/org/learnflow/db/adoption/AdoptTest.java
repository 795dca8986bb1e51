package org.learnflow.db.adoption;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.schema.MigrationFile;
import org.learnflow.db.schema.MigrationFiles;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** A database that has the tables, but no history, is taken over if it is what it is said to be. */
@ExtendWith(PostgresExtension.class)
class AdoptTest {
  private static final String HISTORY =
      """
      SELECT concat_ws('|', installed_rank, version, description, type, script, checksum,
                       installed_by = current_user, success, installed_on > now() AT TIME ZONE 'UTC' - interval '1 h',
                       installed_on <= now() AT TIME ZONE 'UTC')
      FROM public.flyway_schema_history WHERE version <= '008' ORDER BY installed_rank
      """;

  private static final String HISTORY_TABLE =
      """
      SELECT concat_ws('|', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))
      FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = 'public.flyway_schema_history'::regclass AND attnum > 0
      UNION ALL
      SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'public.flyway_schema_history'::regclass
      UNION ALL
      SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
      WHERE conrelid = 'public.flyway_schema_history'::regclass AND contype <> 'n'
      UNION ALL
      SELECT relacl::text FROM pg_class WHERE relname = 'flyway_schema_history' AND relacl::text LIKE '%service%'
      """;

  private TestDatabase database;
  private Cli cli;

  @BeforeEach
  void withRoles(TestDatabase database) {
    this.database = database.withRoles();
    this.cli = database.cli().with("LEARNFLOW_DB_SEEDS", "none");
  }

  @Test
  void aDatabaseAtItsVersionIsTakenOverAsIfMigrationsHadMadeIt(@TempDir java.nio.file.Path other)
      throws Exception {
    tablesOf(database.owner(), 8);
    assertThat(cli.run("migrate"))
        .exited(ExitCode.REFUSED)
        .says("no migration history", "learnflow-db adopt --baseline V", "docs/how-to/adopt.md");
    assertThat(database.query("SELECT to_regnamespace('learnflow_db') IS NULL"))
        .containsExactly("t");
    assertThat(cli.run("adopt", "--baseline", "8"))
        .exited(ExitCode.OK)
        .answers("Next: learnflow-db run, or helm upgrade");

    TestDatabase migrated = TestDatabase.on(database.server(), other).migrated();
    assertThat(database.query(HISTORY)).isEqualTo(migrated.query(HISTORY)).hasSize(8);
    assertThat(database.query(HISTORY_TABLE)).isEqualTo(migrated.query(HISTORY_TABLE));
    assertThat(scratchDatabases()).isEmpty();

    assertThat(cli.run("adopt", "--baseline", "8"))
        .exited(ExitCode.OK)
        .answers("nothing to do: the history already exists, at 008");
    assertThat(cli.run("drift")).exited(ExitCode.OK);
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.query("SELECT max(version) FROM schema_migrations"))
        .containsExactly(ProjectMigrations.newest());
    assertThat(cli.run("drift")).exited(ExitCode.OK).answers("no drift");
    assertThat(cli.run("verify")).exited(ExitCode.OK).answers("healthy");
    assertThat(cli.run("adopt", "--baseline", "008")).exited(ExitCode.OK);
  }

  @Test
  void differencesAreListedAndRefusedUnlessTheyAreAccepted() throws Exception {
    tablesOf(database.owner(), 8);
    database.execute(
        database.owner(),
        "DROP INDEX submissions_exercise_idx; ALTER TABLE users ALTER email DROP NOT NULL;"
            + " CREATE TABLE theirs (id int PRIMARY KEY)");
    CliResult refused = cli.run("adopt", "--baseline", "008");
    assertThat(refused)
        .exited(ExitCode.REFUSED)
        .says(
            "the database is not what version 008 creates, 3 objects differ",
            "removed index public.submissions_exercise_idx",
            "changed column public.users.email",
            "- text NOT NULL",
            "+ text",
            "added table public.theirs",
            "nothing was changed",
            "--accept")
        .doesNotSay("public.theirs.id", "grant");
    assertUntouched();

    assertThat(cli.run("adopt", "--baseline", "008", "--accept"))
        .exited(ExitCode.OK)
        .says("adopted as they are", "added table public.theirs");
    assertThat(cli.run("drift")).exited(ExitCode.OK).answers("no drift");
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
  }

  @Test
  void anotherVersionThanItsOwnIsRefused() throws Exception {
    tablesOf(database.owner(), 5);
    assertThat(cli.run("adopt", "--baseline", "007"))
        .exited(ExitCode.REFUSED)
        .says("removed table public.struggle_alerts", "removed table public.code_executions");
    assertThat(cli.run("adopt", "--baseline", "004"))
        .exited(ExitCode.REFUSED)
        .says("1 object differs", "added table public.submissions");
    assertUntouched();
    assertThat(cli.run("adopt", "--baseline", "5")).exited(ExitCode.OK);
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .answers(
            "done: schema at %s, %d migrations applied"
                .formatted(ProjectMigrations.newest(), ProjectMigrations.versions().size() - 5));
  }

  @Test
  void theVersionWithTheViewOverTheHistoryCannotBeNamedAndTheOneBeforeIsTold() throws Exception {
    tablesOf(database.owner(), 8);
    for (String[] arguments :
        new String[][] {{"adopt", "--baseline", "9"}, {"adopt", "--baseline", "9", "--accept"}}) {
      assertThat(cli.run(arguments))
          .exited(ExitCode.REFUSED)
          .says("view schema_migrations is missing", "learnflow-db adopt --baseline 008");
    }
    assertUntouched();
  }

  @Test
  void tablesOfAnotherRoleAreRefusedWithTheStatementsThatHelp() throws Exception {
    tablesOf(PostgresServer.ADMIN, 8);
    CliResult refused = cli.run("adopt", "--baseline", "8", "--accept");
    assertThat(refused)
        .exited(ExitCode.REFUSED)
        .says(
            "objects belong to a role other than " + database.owner(),
            "ALTER table public.users OWNER TO " + database.owner() + ";");
    assertUntouched();
    List<String> repairs =
        refused.err().lines().map(String::strip).filter(line -> line.startsWith("ALTER ")).toList();
    for (String repair : repairs) {
      database.execute(PostgresServer.ADMIN, repair);
    }
    assertThat(cli.run("adopt", "--baseline", "8")).exited(ExitCode.OK);
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
  }

  @Test
  void anEmptyDatabaseAndOneWithAHistoryAreRefused() throws Exception {
    assertThat(cli.run("adopt", "--baseline", "8"))
        .exited(ExitCode.REFUSED)
        .says("schema public is empty: there is nothing to adopt", "learnflow-db run");
    assertThat(cli.run("migrate", "--target", "3")).exited(ExitCode.OK);
    assertThat(cli.run("adopt", "--baseline", "8"))
        .exited(ExitCode.REFUSED)
        .says("a migration history already exists, at 003", "learnflow-db migrate");
    assertThat(cli.run("adopt", "--baseline", "3"))
        .exited(ExitCode.OK)
        .answers("nothing to do: the history already exists, at 003");
  }

  @Test
  void aBaselineThatIsNoneIsAUsageError() {
    assertThat(cli.run("adopt")).exited(ExitCode.USAGE).says("--baseline is missing");
    assertThat(cli.run("adopt", "--baseline", "x"))
        .exited(ExitCode.USAGE)
        .says("not a valid version");
    assertThat(cli.run("adopt", "--baseline", "99"))
        .exited(ExitCode.USAGE)
        .says("there is no migration 99", "use one of: 001, 002");
  }

  @Test
  void aKilledOneLeavesNothingAndTheNextOneDoesItAll() throws Exception {
    tablesOf(database.owner(), 8);
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      // A table that is being made by somebody stops the one that makes it too.
      statement.execute("CREATE TABLE public.flyway_schema_history (id int)");
      Cli.Running running = cli.start("adopt", "--baseline", "8");
      database.awaitRow(
          "SELECT FROM pg_stat_activity WHERE datname = current_database()"
              + " AND wait_event_type = 'Lock' AND query LIKE 'CREATE TABLE public.flyway%'");
      running.kill();
      other.rollback();
    }
    Eventually.within(
        Duration.ofSeconds(10), "its session is gone", () -> database.sessions("true") == 0);
    assertUntouched();
    assertThat(cli.run("adopt", "--baseline", "8")).exited(ExitCode.OK);
    assertThat(database.query(HISTORY)).hasSize(8);
    assertThat(scratchDatabases()).isEmpty();
  }

  @Test
  void eightAtOnceWriteTheHistoryOnce() throws Exception {
    tablesOf(database.owner(), 8);
    List<CompletableFuture<CliResult>> runs =
        IntStream.range(0, 8)
            .mapToObj(i -> cli.runInBackground("adopt", "--baseline", "8"))
            .toList();
    List<CliResult> results = runs.stream().map(CompletableFuture::join).toList();
    assertThat(results).allSatisfy(result -> assertThat(result).exited(ExitCode.OK));
    assertThat(results).anyMatch(CliResult::waitedForAnother);
    assertThat(results.stream().filter(result -> result.out().startsWith("done: 8 migrations")))
        .hasSize(1);
    assertThat(database.query(HISTORY)).hasSize(8);
  }

  private void tablesOf(String role, int version) throws SQLException {
    for (MigrationFile file :
        MigrationFiles.in(TestFiles.migrations()).files().subList(0, version)) {
      database.execute(role, file.sql());
    }
  }

  private void assertUntouched() throws SQLException {
    assertThat(
            database.query(
                "SELECT to_regclass('public.flyway_schema_history') IS NULL AND to_regnamespace('learnflow_db') IS NULL"))
        .containsExactly("t");
  }

  private List<String> scratchDatabases() throws SQLException {
    return database.query(
        "SELECT datname FROM pg_database WHERE datname LIKE 'learnflow_db_scratch%' AND datdba = current_user::regrole");
  }
}

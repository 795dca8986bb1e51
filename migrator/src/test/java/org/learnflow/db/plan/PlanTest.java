package org.learnflow.db.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** What a plan says, that it changes and locks nothing, and that its scratch database goes away. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class PlanTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private TestDatabase database;
  private MigrationDirectory migrations;
  private Cli cli;

  @BeforeEach
  void twoTablesAreThere(TestDatabase empty, @TempDir Path directory) {
    database = empty.withRoles();
    migrations =
        new MigrationDirectory(directory)
            .with(
                "V001__tables.sql",
                "CREATE TABLE learner (id int PRIMARY KEY, name varchar(20));",
                "CREATE TABLE note (id int, learner_id int);",
                "CREATE INDEX note_learner ON note (learner_id);",
                "CREATE SCHEMA other;",
                "CREATE VIEW other.names AS SELECT name FROM learner;");
    cli = migrations.cli(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
  }

  @Test
  void locksAndRewritesOfExistingTablesAreTold() throws SQLException {
    migrations
        .with("V002__add_column.sql", "ALTER TABLE learner ADD COLUMN age int;")
        .with("V003__widen.sql", "ALTER TABLE note ALTER COLUMN learner_id TYPE bigint;")
        .with("V004__index.sql", "CREATE INDEX note_id ON note (id);")
        .with("V005__concurrently.sql", "CREATE INDEX CONCURRENTLY learner_age ON learner (age);")
        .with(
            "V006__foreign_key.sql",
            "ALTER TABLE note ADD CONSTRAINT note_fk FOREIGN KEY (learner_id) REFERENCES learner NOT VALID;")
        .with("V007__new_table.sql", "CREATE TABLE badge (id int);")
        .with("V008__validate.sql", "ALTER TABLE note VALIDATE CONSTRAINT note_fk;")
        .with("V009__of_the_new_one.sql", "ALTER TABLE badge ADD COLUMN name text;")
        .with("V010__references.sql", "CREATE TABLE award (learner_id int REFERENCES learner);")
        .with("V011__drop_view.sql", "DROP VIEW other.names;")
        .with("V012__longer.sql", "ALTER TABLE learner ALTER COLUMN name TYPE text;")
        .with("V013__reindex.sql", "REINDEX INDEX note_id;")
        .with("V014__drop_index.sql", "DROP INDEX CONCURRENTLY note_id;")
        .with("V015__update.sql", "UPDATE note SET id = 1;")
        .with("V016__uuid.sql", "ALTER TABLE learner ADD COLUMN u uuid DEFAULT gen_random_uuid();")
        .with("V017__rename.sql", "ALTER TABLE note RENAME TO remark;")
        .with("V018__by_new_name.sql", "LOCK TABLE remark IN EXCLUSIVE MODE;")
        .with("V019__vacuum.sql", "VACUUM FULL learner;");
    CliResult plan = cli.run("plan");
    assertThat(plan).exited(ExitCode.OK);
    assertThat(plan.out().lines().map(line -> line.replaceAll(" {2,}", " | ")))
        .containsExactly(
            "schema at 001, 18 pending",
            "MIGRATION | TABLE | LOCK | BLOCKS | REWRITES | SIZE | ROWS",
            "V002__add_column.sql | learner | ACCESS EXCLUSIVE | reads and writes | nothing | 0.0 MiB | 0",
            "V003__widen.sql | note | ACCESS EXCLUSIVE | reads and writes | table, note_learner | 0.0 MiB | 0",
            "V004__index.sql | note | SHARE | writes | nothing | 0.0 MiB | 0",
            "V005__concurrently.sql (no transaction) | learner | SHARE UPDATE EXCLUSIVE | nothing | nothing | 0.0 MiB | 0",
            "V006__foreign_key.sql | learner | SHARE ROW EXCLUSIVE | writes | nothing | 0.0 MiB | 0",
            " | note | SHARE ROW EXCLUSIVE | writes | nothing | 0.0 MiB | 0",
            "V007__new_table.sql | no existing table",
            "V008__validate.sql | learner | ROW SHARE | changes of the same rows | nothing | 0.0 MiB | 0",
            " | note | SHARE UPDATE EXCLUSIVE | nothing | nothing | 0.0 MiB | 0",
            "V009__of_the_new_one.sql | no existing table",
            "V010__references.sql | learner | SHARE ROW EXCLUSIVE | writes | nothing | 0.0 MiB | 0",
            "V011__drop_view.sql | other.names | ACCESS EXCLUSIVE | reads and writes | nothing | 0.0 MiB | 0",
            "V012__longer.sql | learner | ACCESS EXCLUSIVE | reads and writes | nothing | 0.0 MiB | 0",
            "V013__reindex.sql | note | ACCESS EXCLUSIVE | reads and writes | note_id | 0.0 MiB | 0",
            "V014__drop_index.sql (no transaction) | note | SHARE UPDATE EXCLUSIVE | nothing | nothing | 0.0 MiB | 0",
            "V015__update.sql | note | ROW EXCLUSIVE | changes of the same rows | nothing | 0.0 MiB | 0",
            "V016__uuid.sql | learner | ACCESS EXCLUSIVE | reads and writes | table, learner_age, learner_pkey | 0.0 MiB | 0",
            "V017__rename.sql | note | ACCESS EXCLUSIVE | reads and writes | nothing | 0.0 MiB | 0",
            "V018__by_new_name.sql | note | EXCLUSIVE | writes | nothing | 0.0 MiB | 0",
            "V019__vacuum.sql (no transaction) | learner | ACCESS EXCLUSIVE | reads and writes | table, learner_age, learner_pkey | 0.0 MiB | 0",
            "Not visible, because the scratch database is empty: how long scans take (validating"
                + " constraints, SET NOT NULL, building indexes), and errors that depend on the"
                + " data.");
    assertNothingChanged();
  }

  @Test
  void aLargeTableIsNotLockedAndItsSizeIsAboutRight() throws Exception {
    database.execute(
        database.owner(),
        "INSERT INTO note SELECT g, g % 1000 FROM generate_series(1, 5000000) g; ANALYZE note");
    migrations.with("V002__widen.sql", "ALTER TABLE note ALTER COLUMN id TYPE bigint;");
    long size = Long.parseLong(database.query("SELECT pg_total_relation_size('note')").getFirst());
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE note IN ACCESS EXCLUSIVE MODE");
      CliResult plan = cli.with("LEARNFLOW_DB_OUTPUT", "json").run("plan", "--lock-timeout", "1s");
      assertThat(plan).exited(ExitCode.OK);
      JsonNode table = new ObjectMapper().readTree(plan.out()).at("/pending/0/tables/0");
      assertThat(table.at("/table").asText()).isEqualTo("note");
      assertThat(table.at("/rewritten").asBoolean()).isTrue();
      assertThat(table.at("/bytes").asLong()).isCloseTo(size, within(size / 20));
      assertThat(table.at("/rows").asLong()).isCloseTo(5_000_000L, within(250_000L));
    }
    assertNothingChanged();
  }

  @Test
  void pipelinesCanRefuseWhatHarmsATableWithRows() throws SQLException {
    migrations
        .with("V002__widen.sql", "ALTER TABLE note ALTER COLUMN id TYPE bigint;")
        .with("V003__index.sql", "CREATE INDEX learner_name ON learner (name);");
    assertThat(cli.run("plan", "--fail-on", "rewrite,access-exclusive,share")).exited(ExitCode.OK);
    database.execute(database.owner(), "INSERT INTO note VALUES (1, 1); ANALYZE note");
    CliResult plan = cli.run("plan", "--fail-on", "rewrite,access-exclusive");
    assertThat(plan).exited(ExitCode.REFUSED).says("docs/how-to/plan.md");
    assertThat(plan.out())
        .endsWith(
            """
            refused: V002__widen.sql: rewrite on note
            refused: V002__widen.sql: access-exclusive on note
            """);
    assertThat(cli.run("plan")).exited(ExitCode.OK);
    database.execute(database.owner(), "INSERT INTO learner VALUES (1); ANALYZE learner");
    assertThat(cli.with("LEARNFLOW_DB_FAIL_ON", "share").run("plan"))
        .exited(ExitCode.REFUSED)
        .answers("refused: V003__index.sql: share on learner");
    assertThat(cli.run("plan", "--fail-on", "deadlock"))
        .exited(ExitCode.USAGE)
        .says("rewrite", "share", "access-exclusive");
    assertNothingChanged();
  }

  @Test
  void whereNothingIsPendingNoScratchDatabaseIsMade() throws SQLException {
    database.execute(PostgresServer.ADMIN, "ALTER ROLE %s NOCREATEDB".formatted(database.owner()));
    assertThat(cli.without("LEARNFLOW_DB_ADMIN_USER").run("plan"))
        .exited(ExitCode.OK)
        .answers("nothing is pending: schema at 001");
  }

  @Test
  void anOwnerWithoutCreatedbNeedsTheAdmin() throws SQLException {
    migrations.with("V002__two.sql", "ALTER TABLE note ADD COLUMN t text;");
    database.execute(PostgresServer.ADMIN, "ALTER ROLE %s NOCREATEDB".formatted(database.owner()));
    assertThat(cli.without("LEARNFLOW_DB_ADMIN_USER").run("plan"))
        .exited(ExitCode.REFUSED)
        .says("as an admin: ALTER ROLE %s CREATEDB".formatted(database.owner()));
    assertThat(cli.run("plan")).exited(ExitCode.OK);
    assertNothingChanged();
  }

  @Test
  void aMigrationThatFailsFailsInTheScratchDatabaseOnly() throws SQLException {
    migrations
        .with("V002__two.sql", "CREATE TABLE two (id int);")
        .with("V003__wrong.sql", "ALTER TABLE note", "  ADD COLUMN id int;");
    assertThat(cli.run("plan"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "error: V003__wrong.sql failed: column \"id\" of relation \"note\" already exists (in a"
                + " scratch database)",
            "V003__wrong.sql, line 1, SQLSTATE 42701",
            "state: the real database was not changed; it is at 001",
            "next:  correct the file and run: learnflow-db plan");
    migrations.with("V003__wrong.sql", "CREATE INDEX CONCURRENTLY ON note (id);");
    assertThat(cli.run("plan"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("V003__wrong.sql builds an index that has no name (in a scratch database)");
    migrations.with("V001__tables.sql", "CREATE TABLE other (id int);");
    assertThat(cli.run("plan")).exited(ExitCode.HISTORY_DIFFERS);
    assertNothingChanged();
  }

  @Test
  void anAppliedMigrationThatNeedsMoreThanTheFilesMakeIsNamed() throws SQLException {
    database.execute(database.owner(), "CREATE TABLE other.by_hand (id int)");
    migrations.with("V002__view.sql", "CREATE VIEW two AS SELECT id FROM other.by_hand;");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    migrations.with("V003__three.sql", "CREATE TABLE three (id int);");
    assertThat(cli.run("plan"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V002__view.sql failed: relation \"other.by_hand\" does not exist (in a scratch database)",
            "the real database was not changed; it is at 002",
            "docs/how-to/plan.md");
  }

  @Test
  void onANewDatabaseThereIsNothingToHarm(TestDatabase fresh) throws SQLException {
    CliResult plan = migrations.cli(fresh.withRoles()).run("plan");
    assertThat(plan).exited(ExitCode.OK);
    assertThat(plan.out())
        .startsWith("schema at none, 1 pending\n")
        .contains("V001__tables.sql  no existing table\n");
    assertThat(
            fresh.query(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
        .containsExactly("0");
  }

  @Test
  @Timeout(value = 4, unit = TimeUnit.MINUTES)
  void whatKilledPlansLeaveTheNextSweeps(@TempDir Path directory) throws Exception {
    migrations.with("V002__slow.sql", "SELECT pg_sleep(60);", "CREATE TABLE two (id int);");
    Cli.Running running = cli.start("plan");
    Eventually.within(LIMIT, "it is in the middle", () -> sleeping() == 1);
    assertThat(sessions()).isLessThanOrEqualTo(4);
    running.kill();
    Eventually.within(LIMIT, "its sessions end", () -> sessions() == 0);
    assertThat(ScratchDatabaseTest.scratchDatabases(database)).hasSize(1);
    migrations.with("V002__slow.sql", "CREATE TABLE two (id int);");
    assertThat(cli.run("plan")).exited(ExitCode.OK).says(", left by a run that was killed");
    assertNothingChanged();

    Kills.in(Kills.Stage.from(_ -> sessions() > 0), () -> cli.start("plan"))
        .times(
            10,
            () -> Eventually.within(LIMIT, "sessions end", () -> sessions() == 0),
            () -> !ScratchDatabaseTest.scratchDatabases(database).isEmpty());
    Eventually.within(LIMIT, "their sessions end", () -> sessions() == 0);
    assertThat(cli.run("plan")).exited(ExitCode.OK);
    assertNothingChanged();
  }

  @Test
  void eightAtOnceDoNotDisturbEachOther() throws SQLException {
    migrations.with("V002__two.sql", "ALTER TABLE note ADD COLUMN t text;");
    List<Cli.Running> runs = IntStream.range(0, 8).mapToObj(i -> cli.start("plan")).toList();
    for (Cli.Running run : runs) {
      CliResult result = run.await();
      assertThat(result).exited(ExitCode.OK).doesNotSay("left by", "could not be dropped");
      assertThat(result.out()).contains("note", "ACCESS EXCLUSIVE");
    }
    assertNothingChanged();
  }

  private int sleeping() throws SQLException {
    return count("wait_event = 'PgSleep'");
  }

  private int sessions() throws SQLException {
    return count("application_name = 'learnflow-db'");
  }

  private int count(String condition) throws SQLException {
    return Integer.parseInt(
        database
            .query(
                PostgresServer.ADMIN,
                "SELECT count(*) FROM pg_stat_activity WHERE usename = '%s' AND %s"
                    .formatted(database.owner(), condition))
            .getFirst());
  }

  private void assertNothingChanged() throws SQLException {
    assertThat(ScratchDatabaseTest.scratchDatabases(database)).isEmpty();
    assertThat(database.query("SELECT version FROM flyway_schema_history")).containsExactly("001");
    assertThat(
            database.query(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'i', 'v')"
                    + " AND relnamespace IN ('public'::regnamespace, 'other'::regnamespace)"
                    + " AND relname NOT LIKE 'flyway%' ORDER BY 1"))
        .containsExactly("learner", "learner_pkey", "names", "note", "note_learner");
  }
}

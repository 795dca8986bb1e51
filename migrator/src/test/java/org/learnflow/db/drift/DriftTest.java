package org.learnflow.db.drift;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** What was changed outside migrations is listed until somebody takes it back or accepts it. */
@ExtendWith(PostgresExtension.class)
class DriftTest {

  @Test
  void afterMigrationsThereIsNone(TestDatabase database) throws Exception {
    database.migrated();
    assertThat(database.cli().run("drift")).exited(ExitCode.OK).answers("no drift");
    assertThat(database.cli().run("verify").out()).contains("✓ drift: none");
    assertThat(database.cli().run("status").out()).contains("Drift:       none");
  }

  /** Each is the only thing that is reported. OWNER and SERVICE stand for the roles. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "CREATE TABLE extra (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int CHECK (n > 0)); CREATE INDEX extra_n ON extra (n) | added table public.extra",
        "DROP TABLE struggle_alerts CASCADE | removed table public.struggle_alerts, removed view compat.struggles",
        "ALTER TABLE progress SET UNLOGGED | changed table public.progress",
        "ALTER TABLE users SET (fillfactor = 70) | changed table public.users",
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY | changed table public.users",
        "CREATE POLICY own ON users FOR SELECT USING (username = current_user) | added policy public.users.own",
        "ALTER TABLE users ADD nickname text | added column public.users.nickname",
        "ALTER TABLE users ADD \"odd.name here\" text | added column public.users.\"odd.name here\"",
        "ALTER TABLE progress DROP streak_days | removed column public.progress.streak_days, removed constraint public.progress.progress_streak_days_not_negative",
        "ALTER TABLE curriculum ALTER order_index TYPE bigint | changed column public.curriculum.order_index",
        "ALTER TABLE users ALTER email DROP NOT NULL | changed column public.users.email",
        "ALTER TABLE users ALTER role SET DEFAULT 'teacher' | changed column public.users.role",
        "ALTER TABLE users ALTER created_at DROP DEFAULT | changed column public.users.created_at",
        "ALTER TABLE users ADD CONSTRAINT short CHECK (length(username) < 99) | added constraint public.users.short",
        "ALTER TABLE users DROP CONSTRAINT users_email_has_at | removed constraint public.users.users_email_has_at",
        "ALTER TABLE submissions DROP CONSTRAINT submissions_user_id_fkey, ADD CONSTRAINT submissions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users NOT VALID | changed constraint public.submissions.submissions_user_id_fkey",
        "CREATE INDEX by_name ON users (lower(username)) | added index public.by_name",
        "DROP INDEX submissions_exercise_idx | removed index public.submissions_exercise_idx",
        "DROP INDEX exercises_topic_idx; CREATE INDEX exercises_topic_idx ON exercises (lower(topic)) | changed index public.exercises_topic_idx",
        "CREATE VIEW recent AS SELECT id FROM users | added view public.recent",
        "DROP VIEW compat.users | removed view compat.users",
        "CREATE OR REPLACE VIEW compat.users AS SELECT id AS user_id, upper(username) AS username, email, created_at FROM users | changed view compat.users",
        "ALTER VIEW compat.users SET (security_invoker = true) | changed view compat.users",
        "CREATE FUNCTION twice(n int, OUT r int) LANGUAGE sql RETURN n * 2 | added function public.twice(integer)",
        "CREATE PROCEDURE nothing() LANGUAGE sql BEGIN ATOMIC END | added procedure public.nothing()",
        "CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int) | added aggregate public.total(integer)",
        "DROP FUNCTION compat.insert_struggle() CASCADE | removed function compat.insert_struggle(), removed trigger compat.struggles.struggles_insert",
        "ALTER FUNCTION set_updated_at() SECURITY DEFINER | changed function public.set_updated_at()",
        "CREATE TRIGGER again AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION set_updated_at() | added trigger public.users.again",
        "DROP TRIGGER users_set_updated_at ON users | removed trigger public.users.users_set_updated_at",
        "ALTER TABLE users DISABLE TRIGGER users_set_updated_at | changed trigger public.users.users_set_updated_at",
        "CREATE RULE quiet AS ON DELETE TO users DO INSTEAD NOTHING | added rule public.users.quiet",
        "CREATE TYPE mood AS ENUM ('good', 'bad') | added type public.mood",
        "CREATE DOMAIN percent AS int CHECK (VALUE < 101) | added type public.percent",
        "CREATE TYPE pair AS (a int, b text) | added type public.pair",
        "CREATE SEQUENCE counter | added sequence public.counter",
        "CREATE SCHEMA mine | added schema mine",
        "GRANT TRUNCATE ON users TO SERVICE | changed grant table public.users to SERVICE",
        "REVOKE ALL ON exercises FROM SERVICE | removed grant table public.exercises to SERVICE",
        "GRANT SELECT ON users TO PUBLIC | added grant table public.users to PUBLIC",
        "GRANT SELECT (email) ON users TO PUBLIC | added grant column public.users.email to PUBLIC",
        "REVOKE INSERT ON users FROM OWNER | added grant table public.users to OWNER",
        "GRANT CREATE ON SCHEMA compat TO SERVICE | changed grant schema compat to SERVICE",
        "REVOKE EXECUTE ON FUNCTION set_updated_at() FROM PUBLIC | removed grant function public.set_updated_at() to PUBLIC",
        "CREATE STATISTICS topics ON topic, difficulty FROM exercises | added statistics public.topics",
        "COMMENT ON TABLE users IS 'people' | changed comment on table public.users",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA compat GRANT SELECT ON TABLES TO PUBLIC | added default privileges of OWNER in schema compat on tables to PUBLIC",
      })
  void whatIsDoneByHandIsReportedAndNothingElse(String sql, String expected, TestDatabase database)
      throws Exception {
    database.migrated();
    database.execute(database.owner(), named(sql, database));
    assertThat(drift(database))
        .containsExactlyInAnyOrderElementsOf(
            List.of(named(expected, database).split(", (?=added|removed|changed)", -1)));
  }

  private static String named(String text, TestDatabase database) {
    return text.replace("OWNER", database.owner()).replace("SERVICE", database.service());
  }

  @Test
  void whatAnAdminDoesIsReportedToo(TestDatabase database) throws Exception {
    database.migrated();
    database.execute(PostgresServer.ADMIN, "ALTER TABLE users DISABLE TRIGGER ALL");
    database.execute(PostgresServer.ADMIN, "ALTER TABLE exercises OWNER TO postgres");
    database.execute(PostgresServer.ADMIN, "CREATE EXTENSION pg_trgm SCHEMA compat");
    assertThat(drift(database))
        .contains(
            "added extension pg_trgm",
            "changed table public.exercises",
            "changed trigger public.users.users_set_updated_at",
            "changed constraint public.submissions.submissions_user_id_fkey")
        .noneMatch(line -> line.contains("similarity"));
  }

  @Test
  void theListShowsTheOldAndTheNewDefinitionAndWhatToDo(TestDatabase database) throws Exception {
    database.migrated();
    database.execute(
        database.owner(),
        "ALTER TABLE users ALTER role SET DEFAULT 'teacher'; CREATE INDEX by_name ON users (username)");
    CliResult result = database.cli().run("drift");
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.out())
        .contains(
            """
            changed column public.users.role
              - text NOT NULL DEFAULT 'student'::text
              + text NOT NULL DEFAULT 'teacher'::text
            added index public.by_name
              + CREATE INDEX by_name ON public.users USING btree (username)
            """,
            "2 objects: ",
            "make migration NAME=",
            "--accept ",
            "docs/how-to/drift.md");
    CliResult verify = database.cli().run("verify", "--seeds", "none");
    assertThat(verify).exited(ExitCode.OK).answers("healthy");
    assertThat(verify.out())
        .contains(
            "! drift: 2 objects: changed column public.users.role, added index public.by_name; see"
                + " learnflow-db drift");
    assertThat(database.cli().run("status").out())
        .contains(
            "Drift:       changed column public.users.role\n             added index public.by_name\n");
    assertThat(database.cli().run("run")).exited(ExitCode.OK).answers("healthy");
  }

  @Test
  void dataSequencesStatisticsAndMaintenanceAreNone(TestDatabase database) throws Exception {
    database.migrated();
    assertThat(database.cli().run("seed", "--seeds", "reference,sample")).exited(ExitCode.OK);
    for (String sql :
        List.of(
            "DELETE FROM submissions",
            "ALTER TABLE users ALTER id RESTART WITH 5000",
            "ALTER TABLE users ALTER email SET STATISTICS 500",
            "ANALYZE",
            "VACUUM FULL users",
            "REINDEX TABLE CONCURRENTLY users",
            "CLUSTER users USING users_pkey")) {
      database.execute(database.owner(), sql);
    }
    assertThat(database.cli().run("drift")).exited(ExitCode.OK).answers("no drift");
  }

  @Test
  void ofAColumnThatWasDroppedAndAddedAgainOnlyTheCommentIsMissed(TestDatabase database)
      throws Exception {
    database.migrated();
    database.execute(
        database.owner(),
        "ALTER TABLE submissions DROP feedback; ALTER TABLE submissions ADD feedback text");
    assertThat(drift(database))
        .containsExactly("removed comment on column public.submissions.feedback");
  }

  @Test
  void whatAPartitionHasFromItsTableIsNotListed(TestDatabase database, @TempDir Path directory)
      throws Exception {
    MigrationDirectory migrations =
        new MigrationDirectory(directory)
            .with(
                "V001__one.sql",
                "CREATE TABLE one (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);",
                "CREATE INDEX one_day ON one (day);",
                "CREATE TABLE one_a PARTITION OF one FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');");
    assertThat(migrations.cli(database.withRoles()).run("migrate")).exited(ExitCode.OK);
    database.execute(
        database.owner(),
        "CREATE TABLE one_b PARTITION OF one FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');"
            + " ALTER TABLE one ADD note text");
    assertThat(drift(database))
        .containsExactly("added column public.one.note", "added table public.one_b");
  }

  @Test
  void aDatabaseThatIsNotThereIsNotDeployed(TestDatabase database) {
    database.withRoles();
    assertThat(
            database
                .cli()
                .with("LEARNFLOW_DB_DATABASE", database.uri() + "_no")
                .run("drift", "--timeout", "0"))
        .exited(ExitCode.NOT_DEPLOYED);
  }

  @Test
  void anotherSearchPathOfTheRoleOrTheDatabaseIsNone(TestDatabase database) throws Exception {
    database.migrated();
    database.execute(
        PostgresServer.ADMIN,
        "ALTER ROLE %s SET search_path = compat, public".formatted(database.owner()));
    assertThat(drift(database)).isEmpty();
  }

  @Test
  void aServiceThatCreatesNothingCausesNone(TestDatabase database) throws Exception {
    database.migrated();
    database.execute(
        database.service(),
        "INSERT INTO users (username, email) VALUES ('a', 'a@b.c');"
            + " UPDATE users SET email = 'b@b.c'");
    assertThat(drift(database)).isEmpty();
  }

  @Test
  void earlierDriftSurvivesAMigrationAndWhatTheMigrationMadeIsNone(
      TestDatabase database, @TempDir Path directory) throws Exception {
    MigrationDirectory migrations = two(directory);
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    database.execute(
        database.owner(),
        "CREATE INDEX emergency ON one (a); ALTER TABLE one ALTER b SET DEFAULT 7; CREATE VIEW gone AS SELECT 1 AS x");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(drift(database))
        .containsExactly(
            "changed column public.one.b",
            "added index public.emergency",
            "added view public.gone");
    migrations.with("V003__three.sql", "DROP VIEW gone;", "ALTER TABLE one DROP b;");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(drift(database)).containsExactly("added index public.emergency");
  }

  @Test
  void aMigrationThatFailsHalfWayLeavesNoDrift(TestDatabase database, @TempDir Path directory)
      throws Exception {
    Cli cli =
        two(directory)
            .with("V003__three.sql", "CREATE TABLE three (id int);", "SELECT 1 / 0;")
            .cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    assertThat(cli.run("migrate")).exited(ExitCode.MIGRATION_FAILED);
    assertThat(database.query("SELECT before_changes IS NULL FROM learnflow_db.catalogs"))
        .containsExactly("t");
    assertThat(drift(database)).isEmpty();
  }

  @Test
  void aKilledRunIsFinishedByTheNextOneAndEarlierDriftStays(
      TestDatabase database, @TempDir Path directory) throws Exception {
    MigrationDirectory migrations =
        two(directory)
            .with(
                "V003__three.sql",
                "CREATE TABLE three (id int);",
                "SELECT pg_sleep(CASE WHEN EXISTS (SELECT FROM one) THEN 0 ELSE 60 END);");
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    database.execute(database.owner(), "CREATE INDEX emergency ON one (a)");
    Cli.Running running = cli.start("migrate");
    database.awaitRow(
        "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()");
    assertThat(drift(database)).containsExactly("added index public.emergency");
    running.kill();
    Eventually.within(
        java.time.Duration.ofSeconds(10), "it is gone", () -> database.sessions("true") == 0);
    assertThat(database.query("SELECT before_changes IS NULL FROM learnflow_db.catalogs"))
        .containsExactly("f");
    assertThat(drift(database)).containsExactly("added index public.emergency");

    assertThat(cli.run("migrate", "--target", "2")).exited(ExitCode.OK);
    assertThat(database.query("SELECT before_changes IS NULL FROM learnflow_db.catalogs"))
        .containsExactly("t");
    assertThat(drift(database)).containsExactly("added index public.emergency");
    database.execute(database.owner(), "INSERT INTO one VALUES (1)");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(drift(database)).containsExactly("added index public.emergency");
  }

  @Test
  void eachMajorVersionOfTheServerHasACatalogOfItsOwn(TestDatabase database) throws Exception {
    database.migrated();
    String stored = "SELECT server_major FROM learnflow_db.catalogs ORDER BY 1";
    database.execute(
        database.owner(),
        "UPDATE learnflow_db.catalogs SET server_major = 14; CREATE INDEX emergency ON users (role)");
    assertThat(database.cli().run("drift"))
        .exited(ExitCode.FAILED)
        .says("the expected state is not recorded yet", "learnflow-db migrate");
    assertThat(database.cli().run("verify").out()).contains("✓ drift: nothing recorded yet");
    assertThat(database.cli().run("status").out()).contains("Drift:       nothing recorded yet");
    assertThat(database.cli().run("migrate"))
        .exited(ExitCode.OK)
        .says(
            "nothing was recorded for PostgreSQL 17 yet: the current state is now the expected state");
    assertThat(database.query(stored)).containsExactly("14", "17");
    assertThat(drift(database)).isEmpty();
    assertThat(database.cli().run("migrate"))
        .exited(ExitCode.OK)
        .doesNotSay("nothing was recorded");
  }

  @Test
  void aDatabaseOfAnEarlierVersionOfTheProgramGetsItsFirstCatalog(
      TestDatabase database, @TempDir Path directory) throws Exception {
    Cli cli = two(directory).cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    database.execute(database.owner(), "DROP SCHEMA learnflow_db CASCADE");
    assertThat(cli.run("migrate", "--target", "1"))
        .exited(ExitCode.OK)
        .says("nothing was recorded for PostgreSQL 17 yet");
    database.execute(database.owner(), "DROP SCHEMA learnflow_db CASCADE");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .says("nothing was recorded for PostgreSQL 17 yet");
    assertThat(drift(database)).isEmpty();
  }

  @Test
  void anObjectThatAMigrationMakesIfItIsNotThereStaysDriftUntilItIsAccepted(
      TestDatabase database, @TempDir Path directory) throws Exception {
    MigrationDirectory migrations = two(directory);
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    database.execute(
        database.owner(), "CREATE INDEX emergency ON one (a); CREATE TABLE left_over (id int)");
    migrations.with("V003__three.sql", "CREATE INDEX IF NOT EXISTS emergency ON one (a);");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(drift(database))
        .containsExactly("added index public.emergency", "added table public.left_over");

    assertThat(cli.run("drift", "--accept", "index public.emergency"))
        .exited(ExitCode.REFUSED)
        .says("confirmation is required, but there is no terminal", "--yes");
    assertThat(cli.run("drift", "--accept", "index public.no", "--yes"))
        .exited(ExitCode.USAGE)
        .says("--accept does not name an object with drift");
    assertThat(cli.run("drift", "--accept", "index public.emergency", "--yes"))
        .exited(ExitCode.FAILED);
    assertThat(drift(database)).containsExactly("added table public.left_over");
    database.execute(database.owner(), "DROP TABLE two");
    assertThat(cli.run("drift", "--accept-all", "--yes")).exited(ExitCode.OK).answers("no drift");
    database.execute(database.owner(), "CREATE TABLE two (id int)");
    assertThat(drift(database)).containsExactly("added table public.two");
  }

  @Test
  void whatRolesRepairsIsNoDrift(TestDatabase database) throws Exception {
    database.migrated();
    Cli other = database.cli().with("LEARNFLOW_DB_APP_USER", database.service() + "_two");
    assertThat(other.run("roles")).exited(ExitCode.OK);
    assertThat(drift(database)).isEmpty();
  }

  @Test
  void aTableThatIsLockedIsWaitedForBeforeTheMigrations(
      TestDatabase database, @TempDir Path directory) throws Exception {
    Cli cli = two(directory).cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    database.execute(database.owner(), "CREATE VIEW over_one AS SELECT a FROM one");
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE one");
      assertThat(cli.run("migrate", "--lock-timeout", "100ms", "--lock-retries", "1"))
          .exited(ExitCode.MIGRATION_FAILED)
          .says(
              "attempt 2 of 2 follows",
              "the catalog could not be read",
              "SQLSTATE 55P03",
              "nothing was changed");
      assertThat(cli.run("verify", "--seeds", "none", "--lock-timeout", "100ms").out())
          .contains("! drift: could not be checked");
    }
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
  }

  private static MigrationDirectory two(Path directory) {
    return new MigrationDirectory(directory)
        .with("V001__one.sql", "CREATE TABLE one (a int, b int);")
        .with("V002__two.sql", "CREATE TABLE two (id int);", "ALTER TABLE one ADD c int;");
  }

  /** Summaries of what the command lists, which must agree with its exit code. */
  private static List<String> drift(TestDatabase database) throws SQLException {
    CliResult result = database.cli().run("drift");
    List<String> lines =
        result.out().lines().filter(line -> line.matches("(added|removed|changed) .*")).toList();
    assertThat(result.exitCode()).as(result.all()).isEqualTo(lines.isEmpty() ? 0 : 1);
    return lines;
  }
}

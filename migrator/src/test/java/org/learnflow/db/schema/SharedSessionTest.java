package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.flywaydb.core.api.MigrationVersion;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Connector;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.testing.CatalogSnapshot;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.Level;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** What migrations do must not depend on whether they are applied in one run or in several. */
@ExtendWith(PostgresExtension.class)
class SharedSessionTest {
  /** What all first migrations make. */
  private static final String BASE =
      """
      CREATE SCHEMA app;
      CREATE TABLE seen (what text);
      CREATE TABLE parent (id int PRIMARY KEY);
      CREATE TABLE child (parent int REFERENCES parent DEFERRABLE);
      CREATE TABLE late (parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
      CREATE TABLE moments (at timestamptz DEFAULT now(), tx bigint DEFAULT txid_current());
      CREATE TABLE moods (mood text);
      CREATE TYPE mood AS ENUM ('good');
      CREATE SEQUENCE numbers CACHE 10;
      CREATE TABLE scratch (id int);
      INSERT INTO moments DEFAULT VALUES;
      """;

  /**
   * What a migration may leave behind, and how a later one would notice.
   *
   * @param leak ends the first migration
   * @param sensor is in the second
   */
  private record Trace(String leak, String sensor) {
    static Trace of(String leak, String sensor) {
      return new Trace(leak, sensor);
    }
  }

  private static final List<Trace> TRACES =
      List.of(
          Trace.of("SET LOCAL search_path = app", "CREATE TABLE placed (id int)"),
          Trace.of("SET search_path = app", "CREATE TABLE placed (id int)"),
          Trace.of(
              "SET CONSTRAINTS ALL DEFERRED",
              "INSERT INTO child VALUES (1); INSERT INTO parent VALUES (1)"),
          Trace.of(
              "CREATE TEMP TABLE scratch ON COMMIT DROP AS SELECT 1 AS id",
              "CREATE TABLE copied AS SELECT * FROM scratch"),
          Trace.of(
              "CREATE TEMP TABLE scratch AS SELECT 1 AS id",
              "CREATE VIEW shown AS SELECT * FROM scratch"),
          Trace.of(
              "CREATE TEMP TABLE own (id int)",
              "CREATE TEMP TABLE own (id int); INSERT INTO seen SELECT count(*) FROM own"),
          Trace.of(
              "SELECT pg_advisory_xact_lock(4711)",
              "INSERT INTO seen SELECT count(*) FROM pg_locks WHERE objid = 4711"
                  + " AND pid = pg_backend_pid()"),
          Trace.of(
              "SELECT pg_advisory_lock(4712)", "INSERT INTO seen SELECT pg_advisory_unlock(4712)"),
          Trace.of("DECLARE c CURSOR FOR SELECT 1", "DECLARE c CURSOR FOR SELECT 2; FETCH c"),
          Trace.of("DECLARE h CURSOR WITH HOLD FOR SELECT 1", "FETCH h"),
          Trace.of("PREPARE q AS SELECT 1", "PREPARE q AS SELECT 2"),
          Trace.of("PREPARE p AS INSERT INTO seen VALUES ('p')", "EXECUTE p"),
          Trace.of("SELECT nextval('numbers')", "INSERT INTO seen SELECT currval('numbers')"),
          Trace.of("SELECT nextval('numbers')", "INSERT INTO seen SELECT nextval('numbers')"),
          Trace.of("SELECT nextval('numbers')", "INSERT INTO seen SELECT lastval()"),
          Trace.of("SET app.who = 'x'", "INSERT INTO seen SELECT current_setting('app.who')"),
          Trace.of("SET LOCAL app.who = 'x'", "INSERT INTO seen SELECT current_setting('app.who')"),
          Trace.of(
              "SELECT set_config('app.who', 'x', true)",
              "INSERT INTO seen SELECT coalesce(current_setting('app.who', true), 'unset')"),
          Trace.of(
              "INSERT INTO moments DEFAULT VALUES",
              "INSERT INTO seen SELECT max(at) = now() FROM moments"),
          Trace.of(
              "INSERT INTO moments DEFAULT VALUES",
              "INSERT INTO seen SELECT max(tx) = txid_current() FROM moments"),
          Trace.of(
              "INSERT INTO parent VALUES (2); INSERT INTO late VALUES (2)",
              "ALTER TABLE late ADD more int"),
          Trace.of("INSERT INTO late VALUES (3)", "INSERT INTO parent VALUES (3)"),
          Trace.of("INSERT INTO late VALUES (4)", "DELETE FROM late"),
          Trace.of("SAVEPOINT a; CREATE TABLE kept (id int)", "ROLLBACK TO a"),
          Trace.of("CREATE TABLE kept (id int)", "ROLLBACK; CREATE TABLE after (id int)"),
          Trace.of("CREATE TABLE kept (id int)", "COMMIT; CREATE TABLE after (id int); SELECT 1/0"),
          Trace.of("SET default_transaction_read_only = on", "CREATE TABLE after (id int)"),
          Trace.of(
              "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
              "CREATE TABLE after (id int)"),
          Trace.of(
              "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
              "INSERT INTO seen SELECT current_setting('transaction_isolation')"),
          Trace.of("LISTEN news", "INSERT INTO seen SELECT pg_listening_channels()"),
          Trace.of(
              "LOCK TABLE parent IN ACCESS EXCLUSIVE MODE",
              "INSERT INTO seen SELECT mode FROM pg_locks WHERE relation = 'parent'::regclass"),
          Trace.of("SET LOCAL statement_timeout = '200ms'", "SELECT pg_sleep(0.4)"),
          Trace.of("SET statement_timeout = '200ms'", "SELECT pg_sleep(0.4)"),
          Trace.of("SET standard_conforming_strings = off", "INSERT INTO seen VALUES ('a\\nb')"),
          Trace.of(
              "SET DateStyle = 'ISO, DMY'",
              "INSERT INTO seen SELECT '01/02/2026'::date - '2026-01-01'"),
          Trace.of(
              "SET TimeZone = 'Asia/Tokyo'", "INSERT INTO seen SELECT '2026-01-01'::timestamptz"),
          Trace.of(
              "SET check_function_bodies = off",
              "CREATE FUNCTION wrong() RETURNS int LANGUAGE sql AS 'SELECT nowhere'"),
          Trace.of("ALTER TYPE mood ADD VALUE 'bad'", "INSERT INTO moods SELECT 'bad'::mood::text"),
          Trace.of(
              "SELECT 1", "ALTER TYPE mood ADD VALUE 'new'; INSERT INTO moods SELECT 'new'::mood"),
          Trace.of(
              "SET LOCAL client_min_messages = error",
              "INSERT INTO seen SELECT current_setting('client_min_messages')"),
          Trace.of("SELECT 1", "CREATE INDEX CONCURRENTLY by_what ON seen (what)"),
          Trace.of("SET ROLE %s", "CREATE TABLE after (id int)"));

  /** Plain ones, which go between and beside. */
  private static final List<String> PLAIN =
      List.of(
          "CREATE TABLE \"a;b\" (id int GENERATED ALWAYS AS IDENTITY, at date DEFAULT now())",
          "COMMENT ON TABLE seen IS 'it''s; said'",
          "CREATE INDEX ON seen (what DESC NULLS LAST)",
          "CREATE OR REPLACE VIEW said AS SELECT what FROM seen UNION SELECT mood FROM moods",
          "CREATE TYPE colour AS ENUM ('red', 'blue')",
          "GRANT SELECT ON seen TO PUBLIC",
          "CREATE TABLE filled (id int PRIMARY KEY, name text); INSERT INTO filled VALUES (1, 'a')",
          "CREATE TABLE placed (id int)");

  /**
   * What came of it.
   *
   * @param failure the first words of what failed; empty where nothing did
   */
  private record Outcome(String failure, List<String> catalog, List<String> rows) {}

  /** A way to apply migrations. */
  private interface Way {
    void apply() throws Exception;
  }

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path directory;

  static Stream<Integer> rounds() {
    return Level.cases("SharedSessionTest", List.of(1, 2, 3, 4, 5), List.of(1, 2));
  }

  /**
   * Two hundred and more in all: each time, every trace is met by its own sensor, and by others.
   */
  @ParameterizedTest
  @MethodSource("rounds")
  void migrationsDoTheSameInOneRunAsInSeveral(int round, TestDatabase empty) throws Exception {
    TestDatabase database = empty.withRoles();
    DataSource source = source(database);
    long seed = Long.getLong("seed", System.nanoTime());
    System.out.printf("SharedSessionTest, round %d: -Dseed=%d%n", round, seed);
    Random random = new Random(seed);
    int sharedTransaction = 0;
    int sharedSession = 0;
    int plainBetween = 0;
    List<String> differing = new ArrayList<>();
    for (int i = 0; i < TRACES.size(); i++) {
      List<String> migrations = generated(random, i, database.service());
      Outcome apart = outcome(database, () -> plainly(source, migrations, false, false));
      sharedTransaction +=
          apart.equals(outcome(database, () -> plainly(source, migrations, true, true))) ? 0 : 1;
      sharedSession +=
          apart.equals(outcome(database, () -> plainly(source, migrations, true, false))) ? 0 : 1;
      plainBetween += migrations.size() > 2 ? 1 : 0;

      MigrationFiles files = written(i, migrations);
      Outcome atOnce = outcome(database, () -> migrate(source, files, Optional.empty()));
      Outcome oneByOne =
          outcome(
              database,
              () -> {
                for (MigrationFile file : files.files()) {
                  migrate(source, files, Optional.of(file.version()));
                }
              });
      if (!atOnce.equals(oneByOne)) {
        differing.add(
            "%s%n  at once    %s%n  one by one %s".formatted(migrations, atOnce, oneByOne));
      }
    }
    System.out.printf(
        "SharedSessionTest: of %d, %d differ in a shared transaction, %d in a shared session; %d with a plain one between%n",
        TRACES.size(), sharedTransaction, sharedSession, plainBetween);
    assertThat(differing).as("seed %d", seed).isEmpty();
    assertThat(sharedTransaction).as("seed %d", seed).isGreaterThan(TRACES.size() / 4);
    assertThat(sharedSession).as("seed %d", seed).isGreaterThan(TRACES.size() / 4);
    assertThat(plainBetween).as("seed %d", seed).isPositive();
  }

  private static List<String> generated(Random random, int number, String service) {
    Trace trace = TRACES.get(number);
    List<String> migrations = new ArrayList<>();
    migrations.add(BASE + trace.leak().formatted(service) + ";");
    while (random.nextInt(3) == 0) {
      migrations.add(PLAIN.get(random.nextInt(PLAIN.size())) + ";");
    }
    migrations.add(
        (random.nextBoolean() ? PLAIN.get(random.nextInt(PLAIN.size())) + ";\n" : "")
            + trace.sensor()
            + (random.nextInt(3) == 0
                ? ";\n" + TRACES.get(random.nextInt(TRACES.size())).sensor()
                : "")
            + ";");
    return migrations;
  }

  /** Without the program: texts sent to the server as they are. */
  private static void plainly(
      DataSource source, List<String> migrations, boolean oneSession, boolean oneTransaction)
      throws SQLException {
    Connection connection = source.getConnection();
    try {
      for (String migration : migrations) {
        connection.setAutoCommit(migration.contains("CONCURRENTLY"));
        try (Statement statement = connection.createStatement()) {
          statement.execute(migration);
        }
        if (!oneTransaction && !connection.getAutoCommit()) {
          connection.commit();
        }
        if (!oneSession) {
          connection.close();
          connection = source.getConnection();
        }
      }
      if (!connection.getAutoCommit()) {
        connection.commit();
      }
    } finally {
      connection.close();
    }
  }

  private static void migrate(
      DataSource source, MigrationFiles files, Optional<MigrationVersion> target)
      throws SQLException {
    try (Connection connection = source.getConnection()) {
      new Migrator(source, files, 0, Progress.SILENT).migrate(connection, target);
    }
  }

  private static Outcome outcome(TestDatabase database, Way way) throws Exception {
    database.execute(
        database.owner(),
        """
        DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS app, learnflow_db CASCADE;
        CREATE SCHEMA public; GRANT USAGE, CREATE ON SCHEMA public TO PUBLIC
        """);
    String failure = "";
    try {
      way.apply();
    } catch (Failure e) {
      failure = e.what();
    } catch (SQLException e) {
      failure = String.valueOf(e.getSQLState());
    }
    List<String> rows =
        database.query(
            """
            SELECT c.oid::regclass || query_to_xml(
                format('SELECT t::text FROM %s t ORDER BY 1', c.oid::regclass), false, true, '')::text
            FROM pg_class c
            WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text IN ('public', 'app')
              AND relname NOT IN ('flyway_schema_history', 'moments')
            ORDER BY 1
            """);
    return new Outcome(failure, CatalogSnapshot.of(database).lines(), rows);
  }

  private MigrationFiles written(int number, List<String> migrations) {
    MigrationDirectory written = new MigrationDirectory(directory.resolve("pair" + number));
    for (int i = 0; i < migrations.size(); i++) {
      written.with("V%03d__m.sql".formatted(i + 1), migrations.get(i));
    }
    return MigrationFiles.in(written.path());
  }

  private static DataSource source(TestDatabase database) {
    return new Connector(Duration.ofSeconds(10), Duration.ofSeconds(60))
        .dataSource(
            new DatabaseAddress(
                database.server().host(),
                database.server().port(),
                database.name(),
                database.owner(),
                SslMode.DISABLE,
                Optional.empty()),
            Optional.of(database.password(database.owner())));
  }

  /** Event triggers run code beside every statement. */
  @Test
  void noMigrationIsPlainToAnEventTrigger(TestDatabase empty) throws Exception {
    TestDatabase database = empty.withRoles();
    database.execute(
        PostgresServer.ADMIN,
        """
        CREATE SCHEMA hooks;
        CREATE FUNCTION hooks.remember() RETURNS event_trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM set_config('app.made', 'x', false); END $$;
        CREATE EVENT TRIGGER remember ON ddl_command_end WHEN TAG IN ('COMMENT')
        EXECUTE FUNCTION hooks.remember();
        """);
    Cli cli =
        new MigrationDirectory(directory)
            .with("V001__one.sql", "COMMENT ON SCHEMA public IS 'plain'")
            .with(
                "V002__two.sql",
                "CREATE TABLE two AS SELECT coalesce(current_setting('app.made', true), 'unset') t")
            .cli(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(database.query("SELECT t FROM two")).containsExactly("unset");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE t (a int) -- ; a note\n;\nCOMMENT ON TABLE t IS 'x; y';",
        "create table if not exists a.b (c numeric(10, 2) DEFAULT random(), CHECK (c > 0))",
        "CREATE TABLE t (a int GENERATED BY DEFAULT AS IDENTITY)",
        "CREATE UNIQUE INDEX i ON t (a, b DESC)",
        "CREATE VIEW v AS SELECT now()",
        "COMMENT ON COLUMN t.a IS NULL",
        "CREATE TABLE t (a int PRIMARY KEY, b numeric(4, 2)); INSERT INTO T (a, b) VALUES (1, -2.5), (2, NULL)",
        "CREATE TABLE \"t;\" (\"a\" int); CREATE INDEX \"i;\" ON \"t;\" (\"a\")",
        "",
      })
  void plainMigrations(String sql) {
    assertThat(SharedSession.isPlain(file(sql))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE t (a) AS SELECT f()",
        "CREATE TABLE t (a) AS (SELECT f())",
        "CREATE TABLE t AS TABLE u",
        "CREATE TEMP TABLE t (a int)",
        "CREATE TABLE pg_temp.t (a int)",
        "CREATE TABLE t (LIKE u INCLUDING ALL)",
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (f(1)) STORED)",
        "CREATE TABLE t (a int, EXCLUDE USING btree (f(a) WITH =))",
        "CREATE TABLE t PARTITION OF u FOR VALUES FROM (f()) TO (f())",
        "INSERT INTO t VALUES (1)",
        "CREATE TABLE IF NOT EXISTS t (a int); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a int DEFAULT f()); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a int CHECK (f(a))); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a own_domain); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b int); INSERT INTO t (b) VALUES (1)",
        "CREATE TABLE t (a int REFERENCES u); INSERT INTO t VALUES (1)",
        "CREATE TABLE t (a int); INSERT INTO u VALUES (1)",
        "CREATE TABLE \"t\" (a int); INSERT INTO \"u\" VALUES (1)",
        "CREATE TABLE t (a int); INSERT INTO t VALUES (f())",
        "CREATE TABLE t (a int); INSERT INTO t SELECT 1",
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1) RETURNING f()",
        "CREATE TABLE t (a int); SET a.b = 'c'",
        "CREATE INDEX CONCURRENTLY ON t (a)",
        "CREATE INDEX i ON t (f(a))",
        "CREATE INDEX i ON t (a) WHERE f()",
        "CREATE VIEW v AS SELECT $$;$$; SET a.b = 'c'",
        "CREATE VIEW v AS SELECT E'\\''; SET a.b = 'c'",
        "CREATE VIEW v AS SELECT /* ' */ 1; SET a.b = 'c'; --'",
        "COMMENT ON TABLE t IS 'x'; SELECT 1; COMMENT ON TABLE t IS 'y'",
        "CREATE SCHEMA s AUTHORIZATION o CREATE TABLE t (a int)",
        "ALTER TABLE t ADD a int DEFAULT f()",
        "COMMIT",
        "DROP TABLE t",
      })
  void otherMigrations(String sql) {
    assertThat(SharedSession.isPlain(file(sql))).isFalse();
  }

  private MigrationFile file(String sql) {
    return MigrationFiles.in(new MigrationDirectory(directory).with("V001__m.sql", sql).path())
        .files()
        .getFirst();
  }
}

package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CatalogSnapshot;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.Level;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;
import org.learnflow.db.testing.TestRelease;

/**
 * What is set for a role or a database changes neither how commands end nor what they make, and
 * stays as it is for those it is meant for.
 */
@ExtendWith(PostgresExtension.class)
class SettingsTest {
  /**
   * The nastiest values of what may be set for a role or a database, and of what a superuser may
   * set or allow to be set. A server ignores those that its version does not have. Source:
   * PostgreSQL documentation, "Server Configuration".
   */
  private static final Map<String, String> NASTY =
      settings(
          """
          statement_timeout = 1
          lock_timeout = 1
          idle_in_transaction_session_timeout = 1
          idle_session_timeout = 1
          transaction_timeout = 1
          temp_file_limit = 0
          work_mem = 64kB
          maintenance_work_mem = 1MB
          hash_mem_multiplier = 1
          temp_buffers = 100
          tcp_user_timeout = 1
          tcp_keepalives_idle = 1
          client_connection_check_interval = 1
          default_transaction_isolation = serializable
          default_transaction_deferrable = on
          synchronous_commit = off
          exit_on_error = on
          row_security = off
          DateStyle = German
          IntervalStyle = sql_standard
          TimeZone = Asia/Kathmandu
          timezone_abbreviations = India
          client_encoding = LATIN1
          bytea_output = escape
          extra_float_digits = -15
          xmlbinary = hex
          xmloption = document
          standard_conforming_strings = off
          backslash_quote = off
          escape_string_warning = on
          array_nulls = off
          transform_null_equals = on
          quote_all_identifiers = on
          search_path = nowhere
          check_function_bodies = off
          session_replication_role = replica
          event_triggers = off
          restrict_nonsystem_relation_kind = view
          createrole_self_grant = set, inherit
          password_encryption = md5
          local_preload_libraries = no_such_library
          plpgsql.extra_errors = all
          client_min_messages = debug5
          application_name = somebody
          jit = on
          jit_above_cost = 0
          enable_seqscan = off
          enable_indexscan = off
          enable_bitmapscan = off
          enable_hashjoin = off
          enable_mergejoin = off
          enable_nestloop = off
          enable_hashagg = off
          enable_sort = off
          enable_material = off
          plan_cache_mode = force_generic_plan
          cursor_tuple_fraction = 0
          from_collapse_limit = 1
          join_collapse_limit = 1
          geqo_threshold = 2
          constraint_exclusion = on
          gin_fuzzy_search_limit = 1
          max_parallel_workers_per_gather = 8
          min_parallel_table_scan_size = 0
          parallel_setup_cost = 0
          parallel_tuple_cost = 0
          debug_parallel_query = on
          force_parallel_mode = on
          default_statistics_target = 1
          track_activities = off
          stats_fetch_consistency = none
          debug_print_plan = on
          lc_messages = de_DE.UTF-8
          """);

  /** What a migration writes depends on many of them. */
  private static final String MIGRATION =
      """
      CREATE TABLE values_seen (name text PRIMARY KEY, value text);
      CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE value text := 'noted\\';
      BEGIN NEW.value := coalesce(NEW.value, 'null') || ' ' || value; RETURN NEW; END $$;
      CREATE TRIGGER noted BEFORE INSERT ON values_seen FOR EACH ROW EXECUTE FUNCTION noted();
      INSERT INTO values_seen VALUES
        ('date', '02/03/2024'::date::text),
        ('time', '2024-01-02 03:04:05'::timestamptz AT TIME ZONE 'UTC'),
        ('abbreviation', '2024-01-02 03:04:05 IST'::timestamptz AT TIME ZONE 'UTC'),
        ('interval', ('-1 2:03:04'::interval)::text),
        ('string', 'a\\nb'),
        ('array', '{NULL}'::text[] IS NULL OR ('{NULL}'::text[])[1] IS NULL),
        ('equals null', (SELECT count(*) FROM (VALUES (NULL), (1)) v (x) WHERE x = NULL)),
        ('bytea', '\\x0041'::bytea::text),
        ('float', (0.1::float8 + 0.2::float8)::text),
        ('ident', quote_ident('plain')),
        ('isolation', current_setting('transaction_isolation')),
        ('role', (current_user = session_user)::text),
        ('view', (SELECT count(*) FROM compat.users));
      CREATE TABLE parents (id int PRIMARY KEY);
      CREATE TABLE children (parent int REFERENCES parents);
      DO $$ BEGIN
        INSERT INTO children VALUES (1);
      EXCEPTION WHEN foreign_key_violation THEN
        INSERT INTO values_seen VALUES ('foreign key', 'checked');
      END $$;
      """;

  private static final String ROWS =
      """
      SELECT format('SELECT %L || regexp_replace(t::text, %L, %L, %L) FROM %I.%I t', c.relname || ' ',
                    '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(\\.\\d+)?\\+\\d\\d', 'T', 'g', n.nspname, c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname <> 'flyway_schema_history'
      ORDER BY c.relname
      """;

  private static final Map<Integer, Results> WITHOUT = new ConcurrentHashMap<>();

  @TempDir private static Path directory;

  /** Where something is set. */
  enum Place {
    ROLES,
    DATABASE,
    ROLES_IN_DATABASE
  }

  /**
   * What became of all commands.
   *
   * @param codes exit codes by command
   * @param rows all, without times
   */
  private record Results(Map<String, Integer> codes, List<String> catalog, List<String> rows) {}

  private static Map<String, String> settings(String lines) {
    Map<String, String> settings = new LinkedHashMap<>();
    lines.lines().map(line -> line.split(" = ", 2)).forEach(part -> settings.put(part[0], part[1]));
    return settings;
  }

  static Stream<Arguments> majorsAndPlaces() {
    return Level.cases(
        "SettingsTest.everyCommandDoesTheSame",
        IntStream.rangeClosed(Readiness.OLDEST_VERSION, Readiness.NEWEST_VERSION)
            .boxed()
            .flatMap(major ->
                EnumSet.allOf(Place.class).stream().map(place -> Arguments.of(major, place)))
            .toList(),
        List.of(
            Arguments.of(Readiness.OLDEST_VERSION, Place.ROLES),
            Arguments.of(Readiness.OLDEST_VERSION, Place.DATABASE),
            Arguments.of(Readiness.NEWEST_VERSION, Place.ROLES_IN_DATABASE)));
  }

  @ParameterizedTest
  @MethodSource("majorsAndPlaces")
  void everyCommandDoesTheSame(int major, Place place) throws Exception {
    Results without = WITHOUT.computeIfAbsent(major, known -> results(known, Optional.empty()));
    Results with = results(major, Optional.of(place));
    assertThat(with.codes()).isEqualTo(without.codes());
    assertThat(with.catalog()).isEqualTo(without.catalog());
    assertThat(with.rows()).containsExactlyElementsOf(without.rows());
  }

  private static Results results(int major, Optional<Place> place) {
    try {
      Path folder = Files.createTempDirectory(directory, "run-");
      TestDatabase database = TestDatabase.on(PostgresServers.shared(major), folder).withRoles();
      if (place.isPresent()) {
        set(database, place.get());
      }
      List<String> before = stored(database);
      Map<String, Integer> codes = commands(database, major, folder);
      // Restore has put another database in its place, whose settings are those of the first; but
      // only a superuser could give it these.
      assertThat(stored(database).stream().map(SettingsTest::withoutLimit).toList())
          .isEqualTo(before.stream().map(SettingsTest::withoutLimit).toList());
      reset(database);
      return new Results(codes, catalog(database), rows(database));
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** All commands that need no cluster, one after the other; what each ends with. */
  private static Map<String, Integer> commands(TestDatabase database, int major, Path folder)
      throws Exception {
    Path migrations = Files.createDirectory(folder.resolve("migrations"));
    copyMigrations(migrations);
    TestFiles.write(migrations.resolve("V800__values.sql"), MIGRATION);
    TestFiles.write(
        migrations.resolve("U800__values.sql"),
        "DROP TABLE children, parents, values_seen; DROP FUNCTION noted();");
    TestFiles.write(
        migrations.resolve("V801__concurrently.sql"),
        "CREATE INDEX CONCURRENTLY values_idx ON values_seen (value);");
    TestFiles.write(
        migrations.resolve("U801__concurrently.sql"),
        "DROP INDEX CONCURRENTLY IF EXISTS values_idx;");
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_MIGRATIONS", migrations.toString())
            .with("LEARNFLOW_DB_SEEDS", "reference,sample");
    String env = folder.resolve("env").toString();
    Map<String, Integer> codes = new TreeMap<>();
    Steps steps = new Steps(cli, codes);
    steps.run("roles");
    steps.run("wait");
    steps.run("plan");
    steps.run("migrate", "--target", "004");
    steps.run("migrate");
    steps.run("seed");
    steps.run("verify");
    steps.run("status");
    steps.run("drift");
    steps.run("run", "--publish-to", "file:" + env);
    steps.run("publish", "--publish-to", "file:" + env);
    steps.run("reconcile", "--publish-to", "file:" + env);
    steps.run("connection");
    admin(
        database, "SET ROLE %s; CREATE TABLE public.by_hand (id int)".formatted(database.owner()));
    steps.run("drift", "--accept-all", "--yes");
    steps.run("rollback", "--to", ProjectMigrations.newest(), "--yes", "--no-backup");
    steps.run("run");
    String dump = folder.resolve("dump").toString();
    String programs = DumpServer.of(major, folder).bin().toString();
    Steps dumping = new Steps(cli.with("LEARNFLOW_DB_PG_DUMP_DIR", programs), codes);
    dumping.run("backup", dump);
    dumping.run("restore", dump, "--replace", "--yes");
    dumping.run("restore", "--drop-old", "--yes");
    dumping.run("restore", dump, "--replace", "--yes", "--trust-dump");
    dumping.run("restore", "--drop-old", "--yes");
    steps.run("rollback", "--to", "008", "--yes", "--no-backup");
    admin(
        database,
        "DROP TABLE public.flyway_schema_history, public.by_hand; DROP SCHEMA learnflow_db CASCADE");
    steps.run("adopt", "--baseline", "008");
    steps.run("run");
    steps.run("verify");
    return codes;
  }

  private static void copyMigrations(Path target) throws IOException {
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(TestFiles.migrations(), "[VU]00*.sql")) {
      for (Path file : files) {
        Files.copy(file, target.resolve(file.getFileName()));
      }
    }
  }

  private record Steps(Cli cli, Map<String, Integer> codes) {
    /** All of them end well without any settings, so they have to with them. */
    void run(String... command) {
      CliResult result = cli.run(command);
      assertThat(result).exited(ExitCode.OK);
      codes.put("%02d %s".formatted(codes.size() + 1, command[0]), result.exitCode());
    }
  }

  private static void set(TestDatabase database, Place place) throws SQLException {
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = admin.createStatement()) {
      List<String> targets =
          switch (place) {
            case ROLES -> List.of("ROLE " + database.owner(), "ROLE " + database.service());
            case DATABASE -> List.of("DATABASE " + database.name());
            case ROLES_IN_DATABASE ->
                List.of(
                    "ROLE %s IN DATABASE %s".formatted(database.owner(), database.name()),
                    "ROLE %s IN DATABASE %s".formatted(database.service(), database.name()));
          };
      statement.execute("GRANT SET ON PARAMETER session_replication_role TO " + database.owner());
      for (String target : targets) {
        for (Map.Entry<String, String> setting : NASTY.entrySet()) {
          set(statement, target, setting.getKey(), setting.getValue());
        }
      }
      if (place != Place.DATABASE) {
        set(statement, targets.getFirst(), "role", database.service());
      }
    }
  }

  /** Versions differ in what they know, and this server may lack a language. */
  private static void set(Statement statement, String target, String name, String value)
      throws SQLException {
    try {
      statement.execute("ALTER %s SET %s TO '%s'".formatted(target, name, value));
    } catch (SQLException e) {
      assertThat(e.getSQLState()).as(e.getMessage()).isIn("42704", "22023");
      System.out.println("not set: " + e.getMessage());
    }
  }

  /** What is set for roles and database, for all to see. */
  private static List<String> stored(TestDatabase database) throws SQLException {
    return inPostgres(
        database,
        """
        SELECT format('%%s %%s %%s', coalesce(r.rolname, 'all'), coalesce(d.datname, 'all'), s.setconfig)
        FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase
        WHERE r.rolname IN ('%1$s', '%2$s') OR d.datname = '%3$s' ORDER BY 1
        """
            .formatted(database.owner(), database.service(), database.name()));
  }

  private static String withoutLimit(String stored) {
    return stored.replaceAll(
        "(temp_file_limit|event_triggers|track_activities|session_replication_role|plpgsql.extra_errors)=\\w+,",
        "");
  }

  private static void reset(TestDatabase database) throws SQLException {
    String here = " IN DATABASE " + database.name();
    for (String target :
        List.of(
            "ROLE " + database.owner(),
            "ROLE " + database.service(),
            "DATABASE " + database.name(),
            "ROLE " + database.owner() + here,
            "ROLE " + database.service() + here)) {
      inPostgres(database, "ALTER %s RESET ALL".formatted(target));
    }
  }

  /** As the admin in the database, for whose sessions what is set for it does not hold. */
  private static void admin(TestDatabase database, String sql) throws SQLException {
    try (Connection admin =
            new Connector(Duration.ofSeconds(10), Duration.ofSeconds(10))
                .guarded(
                    new DatabaseAddress(
                        database.server().host(),
                        database.server().port(),
                        database.name(),
                        PostgresServer.ADMIN,
                        SslMode.DEFAULT,
                        Optional.empty()),
                    Optional.of(database.server().adminPassword()))
                .getConnection();
        Statement statement = admin.createStatement()) {
      statement.execute(sql);
    }
  }

  private static List<String> inPostgres(TestDatabase database, String sql) throws SQLException {
    List<String> values = new ArrayList<>();
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = admin.createStatement()) {
      for (boolean rows = statement.execute(sql);
          rows || statement.getUpdateCount() >= 0;
          rows = statement.getMoreResults()) {
        while (rows && statement.getResultSet().next()) {
          values.add(statement.getResultSet().getString(1));
        }
      }
    }
    return values;
  }

  private static List<String> catalog(TestDatabase database) throws SQLException {
    return CatalogSnapshot.of(database).lines().stream()
        .map(line -> anonymous(database, line))
        .sorted()
        .toList();
  }

  private static List<String> rows(TestDatabase database) throws SQLException {
    List<String> rows = new ArrayList<>();
    for (String query : database.query(PostgresServer.ADMIN, ROWS)) {
      rows.addAll(database.query(PostgresServer.ADMIN, query));
    }
    assertThat(rows).hasSizeGreaterThan(100);
    return rows.stream().map(row -> anonymous(database, row)).sorted().toList();
  }

  private static String anonymous(TestDatabase database, String text) {
    return text.replace(database.owner(), "OWNER")
        .replace(database.service(), "SERVICE")
        .replace(database.name(), "DATABASE");
  }

  /** Each alone ends a session that does not know better; ours it does not. */
  @ParameterizedTest
  @MethodSource("endings")
  void whatEndsSessionsEndsNoneOfOurs(int major, String name, String value, String sqlState)
      throws Exception {
    TestDatabase database =
        TestDatabase.on(
                PostgresServers.shared(major), Files.createTempDirectory(directory, "ending-"))
            .withRoles();
    inPostgres(database, "ALTER ROLE %s SET %s = '%s'".formatted(database.owner(), name, value));
    assertThat(endedWith(database)).as("it is in force").isEqualTo(sqlState);
    assertThat(database.cli().run("run")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.cli().run("status")).exited(ExitCode.OK);
  }

  static Stream<Arguments> endings() {
    return IntStream.rangeClosed(Readiness.OLDEST_VERSION, Readiness.NEWEST_VERSION)
        .boxed()
        .flatMap(major ->
            Stream.of(
                    Arguments.of(major, "idle_session_timeout", "1", "57P05"),
                    Arguments.of(major, "idle_in_transaction_session_timeout", "1", "25P03"),
                    Arguments.of(major, "transaction_timeout", "1", "25P04"),
                    Arguments.of(major, "statement_timeout", "1", "57014"),
                    Arguments.of(major, "temp_file_limit", "0", "53400"),
                    Arguments.of(major, "local_preload_libraries", "none_such", "58P01"))
                .filter(each -> major >= 17 || !"transaction_timeout".equals(each.get()[1])));
  }

  /** What a session of the owner that does all that ends with. */
  private static String endedWith(TestDatabase database) {
    try (Connection connection = database.connect(database.owner());
        Statement statement = connection.createStatement()) {
      connection.setAutoCommit(false);
      statement.execute("SET work_mem = '64kB'");
      statement.execute(
          "SELECT count(*) FROM (SELECT g FROM generate_series(1, 200000) g ORDER BY g DESC) s");
      Thread.sleep(50);
      statement.execute("CREATE TABLE none_such (i int)");
      connection.rollback();
      Thread.sleep(50);
      statement.execute("SELECT 1");
      return "not at all";
    } catch (SQLException e) {
      return String.valueOf(e.getSQLState());
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aLimitThatOnlyASuperuserLiftsIsNamedWithTheWayToLiftIt(TestDatabase database)
      throws Exception {
    database.migrated();
    inPostgres(
        database,
        "ALTER ROLE %s IN DATABASE %s SET temp_file_limit = '64kB'"
            .formatted(database.owner(), database.name()));
    Cli cli =
        with(
            database,
            "V900__sort.sql",
            "CREATE TABLE sorted AS SELECT g FROM generate_series(1, 500000) g ORDER BY md5(g::text);");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V900__sort.sql failed: temporary file size exceeds",
            "temp_file_limit = 64kB, set for role %s in database %s"
                .formatted(database.owner(), database.name()),
            "SQLSTATE 53400",
            "rolled back completely",
            "as a superuser: ALTER ROLE %s IN DATABASE %s RESET temp_file_limit"
                .formatted(database.owner(), database.name()));
  }

  /** That is no limit but a wish, which is heeded. */
  @Test
  void aRoleThatIsToReadOnlyIsToldWithTheWayToLetItWrite(TestDatabase database) throws Exception {
    database.withRoles();
    inPostgres(
        database,
        "ALTER ROLE %s SET default_transaction_read_only = on".formatted(database.owner()));
    assertThat(database.cli().run("migrate", "--timeout", "0"))
        .exited(ExitCode.NOT_REACHED)
        .says(
            "it is read-only",
            "set for role " + database.owner(),
            "ALTER ROLE %s RESET default_transaction_read_only".formatted(database.owner()));
  }

  @Test
  void triggersAndKeysThatASuperuserHasSwitchedOffAreNotWorkedWithout(TestDatabase database)
      throws Exception {
    database.withRoles();
    inPostgres(
        database,
        "ALTER ROLE %s SET session_replication_role = replica".formatted(database.owner()));
    assertThat(database.cli().run("run"))
        .exited(ExitCode.REFUSED)
        .says(
            "triggers and foreign keys would not work",
            "session_replication_role = replica, set for role " + database.owner(),
            "nothing was changed",
            "as a superuser: ALTER ROLE %s RESET session_replication_role"
                .formatted(database.owner()));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SET transaction_timeout = '100ms'; SELECT pg_sleep(3);",
        "SET LOCAL transaction_timeout = '100ms'; SELECT pg_sleep(3);"
      })
  void aMigrationThatEndsItsOwnSessionIsToldSo(String sql, TestDatabase database) throws Exception {
    database.migrated();
    assertThat(with(database, "V900__ends.sql", sql).run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V900__ends.sql failed: terminating connection due to transaction timeout",
            "SQLSTATE 25P04",
            "learnflow-db sets transaction_timeout to 0 for its sessions, so the file, or a function");
  }

  /** Each is as if it came alone, as one of a later release does. */
  @Test
  void whatAMigrationSetsForItsSessionDoesNotReachTheNext(TestDatabase database) throws Exception {
    database.migrated();
    Cli cli =
        with(
            database,
            "V900__sets.sql",
            """
            SET search_path = compat; SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'ISO, DMY';
            SET statement_timeout = '250ms'; SET default_transaction_isolation = serializable;
            SET check_function_bodies = off; SET session_replication_role = DEFAULT; SET work_mem = '77MB';
            SET ROLE %s;
            """
                .formatted(database.service())
                .replace("SET session_replication_role = DEFAULT; ", ""));
    TestFiles.write(
        migrationsOf(cli).resolve("V901__sees.sql"),
        """
        CREATE TABLE seen AS SELECT current_setting(name) AS value
        FROM unnest(ARRAY['search_path', 'TimeZone', 'DateStyle', 'statement_timeout', 'transaction_isolation',
                          'check_function_bodies', 'work_mem', 'application_name']) WITH ORDINALITY n (name, number) ORDER BY number;
        INSERT INTO seen SELECT 'as ' || current_user;
        """);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(database.query("SELECT value FROM public.seen"))
        .containsExactly(
            "public",
            "UTC",
            "ISO, MDY",
            "0",
            "read committed",
            "on",
            "4MB",
            Connector.APPLICATION_NAME,
            "as " + database.owner());
  }

  /** With the owner's, the services' and the admin's role under these settings. */
  @Test
  void passwordsAreReplacedToo(TestDatabase database) throws Exception {
    ApiServer.requireWithoutNodes("credentials rotate under nasty settings is");
    try (ApiServer server = ApiServer.withNamespace()) {
      TestRelease release = TestRelease.on(server, database);
      assertThat(release.cli().run("run")).exited(ExitCode.OK);
      Map<String, String> before = release.credentials();
      set(database, Place.ROLES);
      try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
          Statement statement = admin.createStatement()) {
        for (Map.Entry<String, String> setting : NASTY.entrySet()) {
          set(statement, "ROLE " + release.admin(), setting.getKey(), setting.getValue());
        }
      }
      assertThat(release.cli().run("credentials", "rotate", "--role", "app,owner,admin", "--yes"))
          .exited(ExitCode.OK);
      assertThat(release.credentials().values()).doesNotContainAnyElementsOf(before.values());
      assertThat(release.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
      assertThat(release.cli().run("reconcile")).exited(ExitCode.OK);
    }
  }

  private static Cli with(TestDatabase database, String name, String sql) throws Exception {
    Path migrations = Files.createTempDirectory(directory, "migrations-");
    copyMigrations(migrations);
    TestFiles.write(migrations.resolve(name), sql);
    return database.cli().with("LEARNFLOW_DB_MIGRATIONS", migrations.toString());
  }

  private static Path migrationsOf(Cli cli) {
    return Path.of(cli.environment().getOrDefault("LEARNFLOW_DB_MIGRATIONS", ""));
  }
}

package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** What the services' role and the owner may do, tried as themselves. */
class ServiceRightsTest {
  private static final String LATER =
      """
      CREATE TABLE later_honours (id serial PRIMARY KEY, name text NOT NULL);
      CREATE SCHEMA later;
      CREATE VIEW later.honours AS SELECT * FROM later_honours;
      CREATE SEQUENCE later.numbers;
      INSERT INTO later_honours (name) VALUES ('first');
      """;

  @TempDir private static Path directory;
  private static TestDatabase database;
  private static Connection service;

  /** The last migration is applied without admin credentials, as every later release does. */
  @BeforeAll
  static void deploy() throws Exception {
    database = TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    assertThat(database.cli().run("run", "--seeds", "reference,sample")).exited(ExitCode.OK);
    Path migrations = Files.createDirectory(directory.resolve("migrations"));
    copy(TestFiles.migrations(), migrations);
    TestFiles.write(migrations.resolve("V900__later.sql"), LATER);
    Cli later =
        database
            .cli()
            .without("LEARNFLOW_DB_ADMIN_USER")
            .with("LEARNFLOW_DB_MIGRATIONS", migrations.toString());
    assertThat(later.run("run")).exited(ExitCode.OK).answers("healthy");
    service = database.connect(database.service());
    service.setAutoCommit(false);
  }

  @AfterAll
  static void disconnect() throws SQLException {
    service.close();
  }

  private static void copy(Path from, Path to) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(from, "V*.sql")) {
      for (Path file : files) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
  }

  static Stream<String> tablesAndViews() throws SQLException {
    return database
        .query(
            """
            SELECT n.nspname || '.' || c.relname
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'v') AND n.nspname IN ('public', 'compat', 'later')
              AND c.relname NOT IN ('flyway_schema_history', 'schema_migrations')
            ORDER BY 1
            """)
        .stream();
  }

  @ParameterizedTest
  @MethodSource("tablesAndViews")
  void everyTableAndViewCanBeReadUpdatedAndDeletedFrom(String name) throws SQLException {
    String column = lastColumn(name);
    assertThat(rows("SELECT %s FROM %s".formatted(column, name))).isPositive();
    assertThat(touched("UPDATE %1$s SET %2$s = %2$s".formatted(name, column))).isPositive();
    boolean references = name.endsWith("submissions") || name.endsWith("code_executions");
    String before = references ? "" : "DELETE FROM submissions; DELETE FROM code_executions;";
    assertThat(touched(before + "DELETE FROM " + name)).isPositive();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "users (username, email) VALUES ('n', 'n@x')",
        "curriculum (module_name, topic_name, order_index, estimated_minutes) VALUES ('m','t',1,1)",
        "exercises (title, topic, description, difficulty) VALUES ('t', 't', 'd', 'beginner')",
        "progress (user_id, topic) SELECT min(id), 'new' FROM users",
        "submissions (user_id, exercise_id, code) SELECT min(user_id), min(exercise_id), '' FROM"
            + " submissions",
        "code_executions (user_id, submitted_code) SELECT min(id), '' FROM users",
        "struggle_alerts (user_id, topic, error_pattern) SELECT min(id), 'new', '' FROM users",
        "compat.users (username, email) VALUES ('n', 'n@x')",
        "compat.learning_progress (user_id, concept_name) SELECT min(id), 'new' FROM users",
        "compat.struggles (user_id, concept_name, error_type) SELECT min(id), 'n', '' FROM users",
        "compat.exercises (concept_name, problem_description, difficulty_level) VALUES ('c', 'p',"
            + " 'beginner')",
        "compat.code_executions (user_id, submitted_code) SELECT min(id), '' FROM users",
        "later_honours (name) VALUES ('n')",
        "later.honours (name) VALUES ('n')",
      })
  void everyTableAndViewCanBeInsertedInto(String rows) throws SQLException {
    assertThat(touched("INSERT INTO " + rows)).isEqualTo(1);
  }

  @Test
  void sequencesCanBeUsedAlsoThoseOfLaterMigrations() throws SQLException {
    for (String sequence : List.of("users_id_seq", "later_honours_id_seq", "later.numbers")) {
      assertThat(rows("SELECT nextval('%1$s'), currval('%1$s')".formatted(sequence))).isEqualTo(1);
    }
  }

  @Test
  void appliedMigrationsCanBeRead() throws SQLException {
    assertThat(rows("SELECT version, applied_at FROM schema_migrations"))
        .isEqualTo(ProjectMigrations.versions().size() + 1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE TABLE x (i int)",
        "CREATE TABLE compat.x (i int)",
        "CREATE TABLE later.x (i int)",
        "CREATE TEMP TABLE x (i int)",
        "CREATE VIEW x AS SELECT 1",
        "CREATE SEQUENCE x",
        "CREATE TYPE x AS ENUM ('a')",
        "CREATE DOMAIN x AS text",
        "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA x",
        "CREATE INDEX ON users (role)",
        "CREATE TRIGGER x BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_updated_at()",
        "CREATE RULE x AS ON INSERT TO users DO INSTEAD NOTHING",
        "ALTER TABLE users ADD x int",
        "ALTER TABLE users OWNER TO SERVICE",
        "ALTER TABLE users DISABLE TRIGGER users_set_updated_at",
        "ALTER VIEW compat.users RENAME TO x",
        "ALTER SCHEMA compat RENAME TO x",
        "ALTER FUNCTION set_updated_at() RENAME TO x",
        "ALTER DATABASE DATABASE SET work_mem = '1GB'",
        "ALTER DEFAULT PRIVILEGES FOR ROLE OWNER GRANT ALL ON TABLES TO SERVICE",
        "COMMENT ON TABLE users IS 'x'",
        "DROP TABLE users CASCADE",
        "DROP TABLE later_honours",
        "DROP VIEW compat.users",
        "DROP VIEW later.honours",
        "DROP SCHEMA compat CASCADE",
        "DROP FUNCTION set_updated_at() CASCADE",
        "DROP SEQUENCE later.numbers",
        "TRUNCATE users CASCADE",
        "TRUNCATE later_honours",
        "SELECT setval('users_id_seq', 1)",
        "SELECT * FROM flyway_schema_history",
        "SELECT script FROM flyway_schema_history",
        "INSERT INTO flyway_schema_history SELECT",
        "UPDATE flyway_schema_history SET success = true",
        "DELETE FROM flyway_schema_history",
        "LOCK TABLE flyway_schema_history IN ACCESS SHARE MODE",
        "SELECT * FROM learnflow_db.seed_sets",
        "DELETE FROM learnflow_db.seed_sets",
        "CREATE TABLE learnflow_db.x (i int)",
        "SET ROLE OWNER",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION OWNER",
        "CREATE ROLE x",
        "ALTER ROLE OWNER PASSWORD 'x'",
        "ALTER ROLE SERVICE CREATEDB",
        "GRANT OWNER TO SERVICE",
        "COPY users TO PROGRAM 'cat'",
        "COPY users TO '/tmp/x'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT rolpassword FROM pg_authid",
      })
  void nothingElseIsAllowed(String sql) throws SQLException {
    assertRefused(sql, "42501");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "DELETE FROM schema_migrations",
        "UPDATE schema_migrations SET version = '0'",
        "INSERT INTO schema_migrations VALUES ('0', now())",
      })
  void appliedMigrationsCannotBeWrittenThroughTheirView(String sql) throws SQLException {
    assertRefused(sql, "55000", "42501");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE DATABASE x",
        "DROP DATABASE DATABASE",
        "ALTER DATABASE DATABASE RENAME TO x",
        "ALTER SYSTEM SET work_mem = '1GB'",
      })
  void databasesAndTheServerCannotBeChanged(String sql) throws SQLException {
    service.rollback();
    service.setAutoCommit(true);
    try {
      assertRefused(sql, "42501");
    } finally {
      service.setAutoCommit(false);
    }
  }

  @Test
  void theOwnerSeesWhatTheServicesRunAndMayEndTheirSessionsAndActAsThem() throws Exception {
    try (Connection session = database.connect(database.service());
        Statement statement = session.createStatement()) {
      statement.execute("SELECT 'seen by the owner'");
      String running =
          "FROM pg_stat_activity WHERE usename = '%s' AND query = 'SELECT ''seen by the owner'''"
              .formatted(database.service());
      assertThat(database.query("SELECT query " + running)).hasSize(1);
      assertThat(database.query("SELECT pg_terminate_backend(pid) " + running))
          .containsExactly("t");
      Eventually.within(
          java.time.Duration.ofSeconds(10),
          "the session ends",
          () -> database.query("SELECT query " + running).isEmpty());
    }
    database.execute(database.owner(), "SET ROLE " + database.service());
  }

  @Test
  void theServicesMayNotEndTheOwnersSessions() throws Exception {
    try (Connection owner = database.connect(database.owner());
        Statement statement = owner.createStatement();
        ResultSet pid = statement.executeQuery("SELECT pg_backend_pid()")) {
      pid.next();
      assertRefused("SELECT pg_terminate_backend(%d)".formatted(pid.getInt(1)), "42501");
    }
  }

  private static void assertRefused(String sql, String... states) throws SQLException {
    String named =
        sql.replaceAll("\\bDATABASE DATABASE\\b", "DATABASE " + database.name())
            .replaceAll("(?<!users )\\bOWNER\\b", database.owner())
            .replace("SERVICE", database.service());
    SQLException refusal = catchThrowableOfType(SQLException.class, () -> touched(named));
    assertThat(refusal == null ? "allowed" : refusal.getSQLState())
        .as(named + ": " + refusal)
        .isIn((Object[]) states);
    if (!service.getAutoCommit()) {
      service.rollback();
    }
  }

  private static String lastColumn(String name) throws SQLException {
    return database
        .query(
            """
            SELECT quote_ident(attname) FROM pg_attribute
            WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped
            ORDER BY attnum DESC LIMIT 1
            """
                .formatted(name))
        .getFirst();
  }

  /** Rows that a query gives to the service role. */
  private static int rows(String sql) throws SQLException {
    int count = 0;
    try (Statement statement = service.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        count++;
      }
    }
    service.rollback();
    return count;
  }

  /** Rows that the last of some statements of the service role touched; rolled back. */
  private static int touched(String sql) throws SQLException {
    try (Statement statement = service.createStatement()) {
      int count = -1;
      boolean isResult = statement.execute(sql);
      while (isResult || statement.getUpdateCount() >= 0) {
        count = isResult ? count : statement.getUpdateCount();
        isResult = statement.getMoreResults();
      }
      return count;
    } finally {
      if (!service.getAutoCommit()) {
        service.rollback();
      }
    }
  }
}

package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.postgres.SqlScript;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** What only looks or tries changes nothing that all databases of the server share. */
@SuppressWarnings("NullAway.Init") // set by the first line of each test
class TrialTest {
  /** All that a superuser can read of it, passwords too. */
  private static final String SHARED =
      """
      SELECT line FROM (
        SELECT 'database ' || (to_jsonb(d) - 'datfrozenxid' - 'datminmxid')::text FROM pg_database d
        UNION ALL SELECT 'setting ' || to_jsonb(s)::text FROM pg_db_role_setting s
        UNION ALL SELECT 'role ' || to_jsonb(r)::text FROM pg_authid r
        UNION ALL SELECT 'membership ' || to_jsonb(m)::text FROM pg_auth_members m
        UNION ALL SELECT 'tablespace ' || to_jsonb(t)::text FROM pg_tablespace t
        UNION ALL SELECT 'comment ' || to_jsonb(c)::text FROM pg_shdescription c
        UNION ALL SELECT 'label ' || to_jsonb(l)::text FROM pg_shseclabel l
        UNION ALL SELECT 'parameter ' || to_jsonb(p)::text FROM pg_parameter_acl p
        UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots
        UNION ALL SELECT 'system ' || pg_read_file('postgresql.auto.conf')) a (line)
      ORDER BY line COLLATE "C"
      """;

  private static final String BASE =
      "CREATE TABLE learner (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);"
          + " CREATE SEQUENCE counter;";

  /** Written with the real database's name, as people do. */
  private static final String HONEST =
      """
      CREATE TABLE two (id int);
      ALTER DATABASE DATABASE_ SET statement_timeout = '1min';
      ALTER ROLE OWNER_ SET work_mem = '8MB';
      ALTER USER OWNER_ IN DATABASE DATABASE_ SET work_mem = '9MB';
      REVOKE CONNECT ON DATABASE DATABASE_ FROM PUBLIC;
      COMMENT ON DATABASE DATABASE_ IS 'by a migration';
      CREATE ROLE DATABASE__reader;
      GRANT DATABASE__reader TO SERVICE_;
      COMMENT ON ROLE DATABASE__reader IS 'reads';
      GRANT CONNECT ON DATABASE DATABASE_ TO DATABASE__reader;
      GRANT SELECT ON two TO DATABASE__reader;
      """;

  private static final String MAKING = "CREATE DATABASE DATABASE__other;";

  private static final String HIDDEN =
      """
      DO $$
      BEGIN
        ALTER DATABASE DATABASE_ SET lock_timeout = '7s';
        ALTER DATABASE DATABASE_ SET search_path = "$user", public, two;
        ALTER ROLE OWNER_ SET maintenance_work_mem = '11MB';
        ALTER ROLE OWNER_ RESET temp_buffers;
        COMMENT ON DATABASE DATABASE_ IS 'hidden';
        GRANT CREATE ON DATABASE DATABASE_ TO SERVICE_;
        EXECUTE format('ALTER DATABASE %I SET geqo = ''off''', current_database());
        EXECUTE format('COMMENT ON DATABASE %I IS ''x''', current_database());
      END $$;
      CREATE TABLE four (id int);
      """;

  @TempDir private Path directory;
  @TempDir private Path passwords;

  private MigrationDirectory migrations;

  private TestDatabase database(int major) throws SQLException {
    TestDatabase database = DumpServer.of(major, passwords).database().withRoles();
    database.execute(
        PostgresServer.ADMIN,
        "ALTER ROLE %1$s CREATEROLE; ALTER ROLE %1$s SET temp_buffers = '9MB'"
            .formatted(database.owner()));
    if (major >= 16) {
      database.execute(
          PostgresServer.ADMIN,
          "GRANT %s TO %s WITH ADMIN OPTION".formatted(database.service(), database.owner()));
    }
    migrations = new MigrationDirectory(directory).with("V001__base.sql", BASE);
    return database;
  }

  private static String named(String sql, TestDatabase database) {
    return sql.replace("DATABASE_", database.name())
        .replace("OWNER_", database.owner())
        .replace("SERVICE_", database.service());
  }

  private void withThem(TestDatabase database) {
    migrations
        .with("V002__honest.sql", named(HONEST, database))
        .with("V003__database.sql", named(MAKING, database))
        .with("V004__hidden.sql", named(HIDDEN, database));
  }

  /** What an operator set later is another thing than what the applied files say. */
  private static void asAnOperatorSetsIt(TestDatabase database) throws SQLException {
    database.execute(
        PostgresServer.ADMIN,
        named(
            """
            ALTER DATABASE DATABASE_ SET statement_timeout = '9min';
            ALTER DATABASE DATABASE_ SET lock_timeout = '9s';
            ALTER ROLE OWNER_ RESET work_mem;
            ALTER ROLE OWNER_ RESET maintenance_work_mem;
            ALTER ROLE OWNER_ SET temp_buffers = '10MB';
            COMMENT ON DATABASE DATABASE_ IS 'by the operator';
            REVOKE CREATE ON DATABASE DATABASE_ FROM SERVICE_;
            GRANT CONNECT ON DATABASE DATABASE_ TO PUBLIC;
            """,
            database));
    database.execute(PostgresServer.ADMIN, named("DROP DATABASE DATABASE__other", database));
  }

  private static List<String> shared(TestDatabase database) throws SQLException {
    return database.query(PostgresServer.ADMIN, SHARED);
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void aPlanOfPendingFilesChangesNothing(int major) throws SQLException {
    TestDatabase database = database(major);
    Cli cli = migrations.cli(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    withThem(database);
    List<String> before = shared(database);
    CliResult plan = cli.run("plan");
    assertThat(shared(database)).isEqualTo(before);
    assertThat(plan)
        .exited(ExitCode.OK)
        .says(
            "V004__hidden.sql reached outside the database that it was tried in; undone: ",
            "removed setting temp_buffers of ROLE " + database.owner(),
            "added setting lock_timeout of DATABASE " + database.name());
    assertThat(plan.out())
        .contains(
            named(
                "Not tried, because it would reach outside the scratch database: V002__honest.sql,"
                    + " line 2: ALTER DATABASE DATABASE_ SET",
                database),
            "V003__database.sql, line 1: CREATE DATABASE ");
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void aPlanThatReplaysAppliedFilesChangesNothing(int major) throws SQLException {
    TestDatabase database = database(major);
    Cli cli = migrations.cli(database);
    withThem(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    asAnOperatorSetsIt(database);
    migrations.with("V005__five.sql", "ALTER TABLE two ADD COLUMN five int;");
    List<String> before = shared(database);
    CliResult plan = cli.run("plan");
    assertThat(shared(database)).isEqualTo(before);
    assertThat(plan).exited(ExitCode.OK).says("V004__hidden.sql reached outside", "undone: ");
    assertThat(plan.out()).contains("V005__five.sql").doesNotContain("V002");
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void adoptingChangesNothing(int major) throws SQLException {
    TestDatabase database = database(major);
    Cli cli = migrations.cli(database);
    withThem(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    database.execute(
        PostgresServer.ADMIN,
        "DROP SCHEMA learnflow_db CASCADE; DROP TABLE flyway_schema_history CASCADE");
    asAnOperatorSetsIt(database);
    List<String> before = shared(database);
    CliResult adopted = cli.run("adopt", "--baseline", "4");
    assertThat(shared(database)).isEqualTo(before);
    assertThat(adopted)
        .exited(ExitCode.OK)
        .says("not tried, because it would reach outside", "V004__hidden.sql reached outside");
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void rolesChangedInADoBlockAreRefusedAndStayAsTheyAre(int major) throws SQLException {
    TestDatabase database = database(major);
    Cli cli = migrations.cli(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    for (String sql :
        List.of(
            "ALTER ROLE OWNER_ PASSWORD 'another'",
            "CREATE ROLE DATABASE__new",
            "GRANT SERVICE_ TO postgres",
            "ALTER DATABASE DATABASE_ CONNECTION LIMIT 3")) {
      migrations.with("V002__two.sql", named("DO $$ BEGIN %s; END $$;".formatted(sql), database));
      List<String> before = shared(database);
      CliResult plan = cli.run("plan");
      assertThat(shared(database)).isEqualTo(before);
      assertThat(plan)
          .exited(ExitCode.REFUSED)
          .says(
              "V002__two.sql reaches outside the database that it is tried in",
              "nothing was changed: it was rolled back");
    }
  }

  @Test
  void whatWaitsForTheEndOfTheTransactionIsSeenToo() throws SQLException {
    TestDatabase database = database(17);
    Cli cli = migrations.cli(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    migrations.with(
        "V002__late.sql",
        named(
            """
            CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN ALTER DATABASE DATABASE_ SET lock_timeout = '3s'; RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON learner DEFERRABLE INITIALLY DEFERRED
              FOR EACH ROW EXECUTE FUNCTION late();
            INSERT INTO learner (name) VALUES ('a');
            """,
            database));
    List<String> before = shared(database);
    CliResult plan = cli.run("plan");
    assertThat(shared(database)).isEqualTo(before);
    assertThat(plan).exited(ExitCode.OK).says("V002__late.sql reached outside", "lock_timeout");
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void lookingAtARollbackChangesNothingNorDoesDrift(int major) throws SQLException {
    TestDatabase database = database(major);
    Cli cli = migrations.cli(database);
    migrations
        .with("V002__two.sql", "CREATE TABLE two (id int);")
        .with(
            "U002__two.sql",
            "DROP TABLE two;",
            named(HONEST, database).replaceAll("(?m)^.*two.*$", ""))
        .with("V003__three.sql", "CREATE TABLE three (id int);")
        .with("U003__three.sql", "DROP TABLE three;", named(HIDDEN, database))
        .with("V004__four.sql", "SELECT setval('counter', 100);")
        .with("U004__four.sql", "SELECT setval('counter', 1);");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    List<String> before = shared(database);
    assertThat(cli.run("drift")).exited(ExitCode.OK);
    CliResult dry = cli.run("rollback", "--to", "1", "--dry-run");
    assertThat(shared(database)).isEqualTo(before);
    assertThat(database.query("SELECT last_value FROM counter")).containsExactly("100");
    assertThat(dry).exited(ExitCode.OK);
    migrations.with("U004__four.sql", "DO $$ BEGIN PERFORM setval('counter', 1); END $$;");
    assertThat(cli.run("rollback", "--to", "1", "--dry-run", "--from-files"))
        .exited(ExitCode.REFUSED)
        .says("U004__four.sql sets a sequence, which cannot be rolled back");
    assertThat(database.query("SELECT last_value FROM counter")).containsExactly("100");
    migrations.with("U004__four.sql", "SELECT nextval('counter');");
    assertThat(cli.run("rollback", "--to", "1", "--dry-run", "--from-files")).exited(ExitCode.OK);
    assertThat(shared(database)).isEqualTo(before);
    assertThat(cli.run("rollback", "--to", "3", "--no-backup", "--yes")).exited(ExitCode.OK);
    assertThat(database.query("SELECT last_value FROM counter")).containsExactly("1");
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void aRestoreThatEndsBeforeItsSwapChangesNothing(int major, @TempDir Path folder)
      throws SQLException {
    TestDatabase database = database(major);
    Cli cli =
        migrations
            .cli(database)
            .with("LEARNFLOW_DB_PG_DUMP_DIR", DumpServer.of(major, passwords).bin().toString());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    Path dump = folder.resolve("dump");
    assertThat(cli.run("backup", dump.toString())).exited(ExitCode.OK);
    migrations
        .with("V002__honest.sql", named(HONEST.replaceAll("(?m)^GRANT SELECT.*$", ""), database))
        .with("V003__database.sql", named(MAKING, database))
        .with("V004__wrong.sql", "SELECT 1 / 0;");
    List<String> before = shared(database);
    for (String trust : List.of("--trust-dump", "--no-acl")) {
      assertThat(cli.run("restore", dump.toString(), "--replace", "--yes", trust))
          .exited(ExitCode.MIGRATION_FAILED)
          .says("V004__wrong.sql failed");
      assertThat(shared(database)).isEqualTo(before);
    }
    migrations.with("V004__wrong.sql", named(HIDDEN, database));
    assertThat(cli.run("restore", dump.toString(), "--replace", "--yes", "--trust-dump"))
        .exited(ExitCode.REFUSED)
        .says("V004__wrong.sql reaches outside the database", "the database was not changed");
    assertThat(shared(database)).isEqualTo(before);

    migrations.without("V004__wrong.sql");
    assertThat(cli.run("restore", dump.toString(), "--replace", "--yes")).exited(ExitCode.OK);
    assertThat(
            database.query(
                "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase"
                    + " WHERE datname = current_database() AND setrole = 0"))
        .contains("statement_timeout=1min");
    assertThat(database.query("SELECT datname FROM pg_database"))
        .contains(named("DATABASE__other", database));
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "ALTER DATABASE a SET x = 1 | true",
        "alter /* a */ database \"Größe\" owner to x | true",
        "CREATE DATABASE a TEMPLATE b | true",
        "DROP DATABASE IF EXISTS a | true",
        "CREATE ROLE a | true",
        "CREATE USER a PASSWORD 'x' | true",
        "CREATE GROUP a | true",
        "ALTER USER ALL SET x = 1 | true",
        "DROP ROLE a, b | true",
        "GRANT a TO b | true",
        "GRANT \"on\" TO b WITH ADMIN OPTION | true",
        "REVOKE ADMIN OPTION FOR a FROM b | true",
        "GRANT CONNECT, TEMPORARY ON DATABASE a TO b | true",
        "REVOKE ALL ON DATABASE a FROM PUBLIC | true",
        "GRANT CREATE ON TABLESPACE a TO b | true",
        "GRANT SET ON PARAMETER work_mem TO b | true",
        "COMMENT ON DATABASE a IS 'x' | true",
        "COMMENT ON ROLE a IS 'x' | true",
        "COMMENT ON TABLESPACE a IS 'x' | true",
        "SECURITY LABEL FOR p ON ROLE a IS 'x' | true",
        "ALTER SYSTEM SET work_mem = '1MB' | true",
        "CREATE TABLESPACE a LOCATION '/x' | true",
        "ALTER TABLESPACE a RENAME TO b | true",
        "REASSIGN OWNED BY a TO b | true",
        "DROP OWNED BY a | true",
        "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b | true",
        "CREATE USER MAPPING FOR a SERVER b | false",
        "ALTER USER MAPPING FOR a SERVER b OPTIONS (user 'x') | false",
        "DROP USER MAPPING FOR a SERVER b | false",
        "GRANT SELECT ON \"database\" TO b | false",
        "GRANT SELECT (a, b) ON c TO d | false",
        "GRANT USAGE ON SCHEMA a TO b | false",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO a | false",
        "COMMENT ON TABLE \"role\" IS 'COMMENT ON ROLE a' | false",
        "CREATE TABLE \"DATABASE\" (role int) | false",
        "CREATE VIEW role AS SELECT 'ALTER DATABASE x' AS database | false",
        "INSERT INTO database VALUES ('CREATE ROLE a') | false",
        "DO $$ BEGIN ALTER DATABASE a SET x = 1; END $$ | false",
      })
  void statementsAreKnownByTheirWords(String sql, boolean outside) throws Exception {
    try (SqlScript script = new SqlScript("x.sql", new StringReader("-- ALTER SYSTEM\n" + sql))) {
      assertThat(Trial.isOutside(script.next().words().names())).isEqualTo(outside);
    }
  }

  @Test
  void aBodyThatBeginsWithALineEndIsPartOfItsStatement() throws Exception {
    try (SqlScript script =
        new SqlScript("x.sql", new StringReader("DO $$\nBEGIN\n  a; b;\nEND $$; SELECT 1"))) {
      assertThat(script.next().sql()).isEqualTo("DO $$\nBEGIN\n  a; b;\nEND $$");
      assertThat(script.next().words().names()).containsExactly("SELECT");
      assertThat(script.hasNext()).isFalse();
    }
  }

  @Test
  void whatIsKeptStaysInItsLine() throws Exception {
    migrations =
        new MigrationDirectory(directory)
            .with(
                "V001__a.sql",
                "CREATE ROLE a; -- a role",
                "",
                "CREATE TABLE t (id int); CREATE TABLE u (",
                "  id int);",
                "GRANT SELECT ON t TO A;",
                "ALTER TABLE t OWNER TO a;",
                "/* the last */ CREATE VIEW v AS SELECT 1;")
            .with("V002__b.sql", "GRANT SELECT ON t TO a;", "GRANT SELECT ON t TO b;");
    MigrationFiles files = Trial.of(MigrationFiles.in(directory)).files();
    assertThat(files.files().getFirst().sql().lines())
        .containsExactly(
            "",
            "",
            "CREATE TABLE t (id int);CREATE TABLE u (",
            "  id int);",
            "",
            "",
            "CREATE VIEW v AS SELECT 1;");
    assertThat(files.files().getLast().sql()).isEqualTo("\nGRANT SELECT ON t TO b;\n");
    assertThat(Files.readString(directory.resolve("V002__b.sql"))).contains("TO a;");
  }
}

package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** What migrations make and revoke, and what the services may do then. */
class MigratedRightsTest {
  private static final String[] EVERY_KIND = {
    "CREATE TYPE mood AS ENUM ('good', 'bad');",
    "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);",
    "CREATE TYPE pair AS (a int, b short);",
    "CREATE TABLE plain (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, s short, p pair,",
    "  twice int GENERATED ALWAYS AS (1 + 1) STORED);",
    "CREATE TABLE no_columns ();",
    "CREATE TABLE typed OF pair;",
    "CREATE TABLE parent (id int, at date) PARTITION BY RANGE (at);",
    "CREATE TABLE child PARTITION OF parent FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
    "CREATE TABLE heir () INHERITS (plain);",
    "CREATE UNLOGGED TABLE unlogged (i int);",
    "CREATE VIEW simple AS SELECT * FROM plain;",
    "CREATE VIEW grouped AS SELECT count(*) AS n FROM plain;",
    "CREATE VIEW invoker WITH (security_invoker) AS SELECT id, m FROM plain;",
    "CREATE VIEW barrier WITH (security_barrier) AS SELECT id FROM plain;",
    "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM plain;",
    "CREATE UNIQUE INDEX ON counted (n);",
    "CREATE VIEW written AS SELECT m FROM plain;",
    "CREATE FUNCTION write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN",
    "  INSERT INTO plain (m) VALUES (NEW.m); RETURN NEW; END $$;",
    "CREATE TRIGGER write INSTEAD OF INSERT ON written FOR EACH ROW EXECUTE FUNCTION write();",
    "CREATE RULE redirect AS ON UPDATE TO grouped DO INSTEAD NOTHING;",
    "CREATE SEQUENCE numbers;",
    "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    "CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';",
    "CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);",
    "CREATE TABLE guarded (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;",
    "CREATE POLICY mine ON guarded USING (id > 0);",
    "CREATE SCHEMA \"Other Schema\";",
    "CREATE TABLE \"Other Schema\".\"Ta\"\"ble\" (\"Ä b\" int);",
    "CREATE MATERIALIZED VIEW \"Other Schema\".seen AS SELECT 1 AS one;",
    "CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;",
    "CREATE FOREIGN TABLE far (id int) SERVER elsewhere;",
  };

  private static final String[] REVOKES = {
    "CREATE TABLE secret (id int, note text);",
    "CREATE TABLE partly (a int, b int);",
    "CREATE TABLE kept (id int);",
    "CREATE SEQUENCE hidden;",
    "CREATE SCHEMA closed; CREATE TABLE closed.inner (id int);",
    "revoke ALL on secret from learnflow_user;",
    "REVOKE UPDATE ON partly FROM learnflow_user; GRANT UPDATE (a) ON partly TO learnflow_user;",
    "DO $$ BEGIN EXECUTE $q$REVOKE ALL ON SEQUENCE hidden FROM learnflow_user$q$; END $$;",
    "REVOKE ALL ON SCHEMA closed FROM learnflow_user;",
  };

  @TempDir private Path directory;

  @EverySupportedVersion
  void everyKindOfObjectIsHealthyAtOnceAndTheSecondRunHasNothingToDo(int major) throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).withRoles();
    database.execute(
        PostgresServer.ADMIN,
        "CREATE FOREIGN DATA WRAPPER nothing; GRANT USAGE ON FOREIGN DATA WRAPPER nothing TO \"%s\""
            .formatted(database.owner()));
    MigrationDirectory migrations = migrations().with("V001__all.sql", EVERY_KIND);
    for (boolean admin : new boolean[] {true, false}) {
      Cli cli = migrations.cli(database);
      cli = admin ? cli : cli.without("LEARNFLOW_DB_ADMIN_USER");
      assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
      assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).says("nothing to do");
      assertThat(cli.run("drift")).exited(ExitCode.OK).answers("no drift");
      migrations.with("V002__again.sql", "CREATE MATERIALIZED VIEW more AS SELECT 1 AS one;");
    }
    database.query(database.service(), "SELECT n FROM counted");
    assertRefused(database, "REFRESH MATERIALIZED VIEW counted");
  }

  @ParameterizedTest
  @ValueSource(ints = {15, 17, 18})
  void whatAMigrationRevokesStaysRevoked(int major) throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory);
    MigrationDirectory migrations = migrations().with("V001__secret.sql", of(database, REVOKES));
    Cli cli = migrations.cli(database);
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
    assertWithheld(database, "secret");
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).says("nothing to do");
    assertThat(cli.run("roles")).exited(ExitCode.OK);
    assertThat(cli.run("verify", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
    assertThat(cli.run("drift")).exited(ExitCode.OK).answers("no drift");
    assertWithheld(database, "secret");

    migrations
        .with(
            "V002__rename.sql",
            "ALTER TABLE secret RENAME TO hush; ALTER SCHEMA closed RENAME TO shut;",
            "ALTER SCHEMA shut RENAME TO closed;")
        .with("V003__keep.sql", of(database, "REVOKE DELETE ON kept FROM learnflow_user;"))
        .with("U003__keep.sql", "SELECT 1;");
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
    assertWithheld(database, "hush");
    assertRefused(database, "DELETE FROM kept");

    assertThat(cli.run("rollback", "--to", "2", "--yes", "--no-backup"))
        .exited(ExitCode.OK)
        .answers("healthy");
    database.execute(database.service(), "DELETE FROM kept");
    assertWithheld(database, "hush");

    migrations
        .without("V003__keep.sql")
        .without("U003__keep.sql")
        .with("V003__give.sql", of(database, "GRANT SELECT ON hush TO learnflow_user;"));
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
    database.query(database.service(), "SELECT * FROM hush");
    assertRefused(database, "INSERT INTO hush VALUES (1)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--trust-dump"})
  void aRestoreGivesNothingBackAlsoWithAMigrationThatTheDumpLacks(String trust) throws Exception {
    DumpServer server = DumpServer.of(PostgresServers.DEFAULT_MAJOR, directory);
    TestDatabase database = server.database();
    MigrationDirectory migrations = migrations().with("V001__secret.sql", of(database, REVOKES));
    Cli cli = server.cli(database).with("LEARNFLOW_DB_MIGRATIONS", migrations.path().toString());
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
    String file = directory.resolve("x.dump").toString();
    assertThat(cli.run("backup", file)).exited(ExitCode.OK);
    migrations.with(
        "V002__more.sql",
        of(
            database,
            "CREATE TABLE fresh (id int); REVOKE ALL ON fresh FROM learnflow_user;",
            "REVOKE DELETE ON kept FROM learnflow_user;",
            "CREATE TABLE common (id int); CREATE MATERIALIZED VIEW seen AS SELECT 1 AS one;"));
    List<String> restore =
        Stream.of("restore", file, "--replace", "--yes", trust)
            .filter(argument -> !argument.isEmpty())
            .toList();
    assertThat(cli.run(restore.toArray(String[]::new))).exited(ExitCode.OK);
    for (int again = 0; again < 2; again++) {
      assertWithheld(database, "secret");
      assertRefused(database, "SELECT * FROM fresh");
      assertRefused(database, "DELETE FROM kept");
      database.execute(database.service(), "INSERT INTO common VALUES (1)");
      assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).says("nothing to do");
    }
    assertThat(cli.run("drift")).exited(ExitCode.OK).answers("no drift");
  }

  private static void assertWithheld(TestDatabase database, String secret) throws SQLException {
    assertRefused(database, "SELECT * FROM " + secret);
    assertRefused(database, "INSERT INTO %s VALUES (1)".formatted(secret));
    assertRefused(database, "UPDATE partly SET b = 1");
    assertRefused(database, "SELECT nextval('hidden')");
    assertRefused(database, "SELECT * FROM closed.inner");
    database.execute(database.service(), "UPDATE partly SET a = 1");
    database.execute(database.service(), "INSERT INTO partly VALUES (1, 2)");
  }

  private static void assertRefused(TestDatabase database, String sql) {
    assertThatThrownBy(() -> database.execute(database.service(), sql))
        .as(sql)
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("42501"));
  }

  @Test
  void whatNeedsToStayCannotBeRevoked() throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    MigrationDirectory migrations = migrations().with("V001__a.sql", "CREATE TABLE a (i int);");
    Cli cli = migrations.cli(database);
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK);
    migrations.with(
        "V002__b.sql",
        of(
            database,
            "CREATE TABLE b (i int);",
            "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM learnflow_user;"));
    assertThat(cli.run("run", "--seeds", "none"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says("V002__b.sql", database.service(), "rolled back", "REVOKE ... ON TABLE");
    assertThat(database.query("SELECT to_regclass('b') IS NULL")).containsExactly("t");
  }

  /** Asking what it revokes leaves the path as it was. */
  @Test
  void aFileThatRevokesFindsAndMakesWhatAnyOtherFileDoes() throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    MigrationDirectory migrations =
        migrations()
            .with("V001__a.sql", "CREATE SCHEMA \"%s\";".formatted(database.owner()))
            .with(
                "V002__b.sql",
                of(
                    database,
                    "CREATE TABLE one (i int); CREATE TABLE two (i int);",
                    "REVOKE SELECT ON one FROM learnflow_user;"))
            .with("V003__c.sql", "CREATE TABLE three (i int);");
    assertThat(migrations.cli(database).run("run", "--seeds", "none")).exited(ExitCode.OK);
    assertThat(
            database.query(
                "SELECT relnamespace::regnamespace || relname FROM pg_class"
                    + " WHERE relname IN ('one', 'two', 'three') ORDER BY 1"))
        .containsExactly("publicone", "publicthree", "publictwo");
  }

  @Test
  void whatIsRevokedFromEverybodyTheServicesKeep() throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    MigrationDirectory migrations =
        migrations()
            .with(
                "V001__a.sql",
                of(
                    database,
                    "CREATE TABLE a (i int); GRANT SELECT ON a TO PUBLIC;",
                    "REVOKE USAGE ON SCHEMA public FROM PUBLIC;"));
    Cli cli = migrations.cli(database);
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
    database.execute(
        database.owner(), "REVOKE SELECT ON a FROM \"%s\"".formatted(database.service()));
    migrations.with(
        "V002__b.sql",
        "REVOKE SELECT ON a FROM PUBLIC;",
        "REVOKE CONNECT ON DATABASE \"%s\" FROM PUBLIC;".formatted(database.name()));
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).answers("healthy");
    database.query(database.service(), "SELECT * FROM a");
    assertThat(cli.run("run", "--seeds", "none")).exited(ExitCode.OK).says("nothing to do");
  }

  /** With this database's service role. */
  private static String[] of(TestDatabase database, String... lines) {
    return Arrays.stream(lines)
        .map(line -> line.replace("learnflow_user", "\"%s\"".formatted(database.service())))
        .toArray(String[]::new);
  }

  private MigrationDirectory migrations() {
    return new MigrationDirectory(directory.resolve("migrations").toAbsolutePath());
  }
}

package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** What a dump lacks or cannot be loaded for is said when it is made. */
class NotRestorableTest {
  private static DumpServer server;
  private static Path passwords;

  @TempDir private Path folder = Path.of("");

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = DumpServer.oldest(directory);
    passwords = directory;
  }

  private MigrationDirectory migrations() {
    return new MigrationDirectory(folder.resolve("migrations"))
        .with("V1__one.sql", "CREATE TABLE one (id int);", "INSERT INTO one VALUES (1), (2);");
  }

  private static Cli cli(DumpServer server, MigrationDirectory migrations, TestDatabase database) {
    return migrations
        .cli(database)
        .with("LEARNFLOW_DB_PG_DUMP_DIR", server.bin().toString())
        .with("LEARNFLOW_DB_SEEDS", "none");
  }

  private static CliResult restore(Cli cli, Path file) {
    return cli.run("restore", file.toString(), "--replace", "--yes");
  }

  /** pg_restore finds names with their schemas only, in text bodies too. */
  @EverySupportedVersion
  void functionsThatFindTheirNamesByTheSearchPathAreNamed(int major) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    MigrationDirectory migrations = migrations();
    TestDatabase database = server.database().withRoles();
    Cli cli = cli(server, migrations, database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    migrations.with(
        "V2__words.sql",
        "CREATE TABLE stopwords (word text);",
        "CREATE FUNCTION helper(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';",
        "CREATE FUNCTION normal(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS",
        "  'BEGIN RETURN helper($1); END';",
        "CREATE FUNCTION outer_one(t text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS",
        "  'BEGIN RETURN public.normal(t); END';",
        "CREATE FUNCTION allowed(text) RETURNS boolean IMMUTABLE LANGUAGE sql AS",
        "  'SELECT NOT EXISTS (SELECT FROM \"stopwords\" s WHERE s.word = $1)';",
        // None of these is a problem.
        "CREATE FUNCTION qualified(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS",
        "  'BEGIN /* helper(x) */ RETURN public.helper($1); -- stopwords\nEND';",
        "CREATE FUNCTION fixed(text) RETURNS text IMMUTABLE LANGUAGE plpgsql SET search_path = public AS",
        "  'BEGIN RETURN helper($1); END';",
        "CREATE FUNCTION parsed(a text) RETURNS text IMMUTABLE LANGUAGE sql RETURN helper(a);",
        "CREATE FUNCTION unused(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT helper($1)';",
        "CREATE DOMAIN word AS text CHECK (qualified(value) <> '');",
        "CREATE TABLE words (id int, body text CHECK (allowed(body) AND fixed(body) <> ''),",
        "  norm text GENERATED ALWAYS AS (outer_one(body)) STORED, w word CHECK (parsed(w) <> ''));",
        "INSERT INTO words (id, body, w) VALUES (1, 'One', 'w');");

    CliResult planned = cli.run("plan");
    assertThat(planned).exited(ExitCode.OK);
    assertThat(planned.out())
        .contains(
            "note: a dump made afterwards cannot be restored: public.normal(text), which",
            "public.words.norm",
            "names helper without a schema",
            "ALTER FUNCTION public.normal(text) SET search_path = public, pg_temp",
            "public.allowed(text), which check constraint words_body_check of public.words runs",
            "names stopwords without a schema")
        .doesNotContain("qualified(", "fixed(", "parsed(", "unused(", "outer_one(text), which");

    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    Path file = folder.resolve("dump");
    assertThat(cli.run("backup", file.toString()))
        .exited(ExitCode.OK)
        .says("warning: public.normal(text), which ", "warning: public.allowed(text), which ");
    CliResult verified = cli.run("verify");
    assertThat(verified).exited(ExitCode.OK).answers("healthy");
    assertThat(verified.out()).contains("! restorable", "public.normal(text)");
    assertThat(restore(cli, file)).exited(ExitCode.FAILED).says("does not exist");

    migrations.with(
        "V3__paths.sql",
        "ALTER FUNCTION public.normal(text) SET search_path = public, pg_temp;",
        "ALTER FUNCTION public.allowed(text) SET search_path = public, pg_temp;");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    Path good = folder.resolve("good");
    assertThat(cli.run("backup", good.toString())).exited(ExitCode.OK).doesNotSay("warning");
    assertThat(cli.run("verify").out()).doesNotContain("restorable");
    assertThat(restore(cli, good)).exited(ExitCode.OK);
    assertThat(database.query("SELECT id || norm FROM words")).containsExactly("1one");
  }

  @EverySupportedVersion
  void whatOnlyAnAdminMayMakeIsLeftOutAndTold(int major) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    MigrationDirectory migrations = migrations();
    TestDatabase database = server.database().withRoles();
    Cli cli = cli(server, migrations, database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    database.execute(
        PostgresServer.ADMIN,
        """
        CREATE EXTENSION pgstattuple;
        CREATE EXTENSION citext;
        CREATE PUBLICATION "All of it" FOR ALL TABLES;
        COMMENT ON PUBLICATION "All of it" IS 'x';
        CREATE PUBLICATION mine FOR TABLE one;
        CREATE PUBLICATION schemas FOR TABLES IN SCHEMA public;
        CREATE FUNCTION evt() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER evt ON sql_drop EXECUTE FUNCTION evt();
        COMMENT ON EVENT TRIGGER evt IS 'x';
        CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE);
        CREATE SCHEMA "Secret ""s"; CREATE TABLE "Secret ""s".x (id serial);
        CREATE SCHEMA monitoring; GRANT USAGE ON SCHEMA monitoring TO PUBLIC; CREATE TABLE monitoring.x (id serial);
        """);
    Path file = folder.resolve("dump");
    assertThat(cli.run("backup", file.toString()))
        .exited(ExitCode.OK)
        .says(
            "restore leaves out extension pgstattuple",
            "restore leaves out publication \"All of it\"",
            "restore leaves out publication schemas",
            "restore leaves out event trigger evt",
            "subscription sub is not in the dump",
            "schema \"Secret \"\"s\", which belongs to postgres, is not in the dump",
            "monitoring.x is not in the dump")
        .doesNotSay("citext", "publication mine");
    assertThat(cli.run("verify")).exited(ExitCode.OK);
    database.execute(PostgresServer.ADMIN, "ALTER SUBSCRIPTION sub DISABLE; DROP SUBSCRIPTION sub");
    assertThat(restore(cli, file))
        .exited(ExitCode.OK)
        .says(
            "extension \"pgstattuple\" is left out",
            "publication \"All of it\" is left out",
            "event trigger \"evt\" is left out");
    assertThat(database.query("SELECT id FROM one ORDER BY 1")).containsExactly("1", "2");
    assertThat(database.query("SELECT pubname FROM pg_publication ORDER BY 1"))
        .containsExactly("mine", "schemas");
    assertThat(database.query("SELECT extname FROM pg_extension ORDER BY 1"))
        .containsExactly("citext", "plpgsql");
  }

  @Test
  void whatNeedsAnExtensionOfAnAdminsIsNamed() throws Exception {
    TestDatabase database = server.database().withRoles();
    Cli cli = cli(server, migrations(), database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    database.execute(PostgresServer.ADMIN, "CREATE EXTENSION pgstattuple");
    database.execute(database.owner(), "CREATE VIEW dead AS SELECT * FROM pgstattuple('one')");
    Path file = folder.resolve("dump");
    assertThat(cli.run("backup", file.toString()))
        .exited(ExitCode.OK)
        .says("restore fails on", "view public.dead", "needs extension pgstattuple");
    assertThat(restore(cli, file))
        .exited(ExitCode.FAILED)
        .says("extension \"pgstattuple\" is left out", "docs/how-to/restore.md");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "REVOKE ALL ON one FROM @OWNER@, @SERVICE@ | public.one | GRANT SELECT ON public.one TO @OWNER@;",
        "CREATE TABLE admins (id int) | public.admins | GRANT SELECT ON public.admins TO @OWNER@;",
        "SELECT lo_create(4711) | large object 4711 | GRANT SELECT ON LARGE OBJECT 4711 TO @OWNER@;"
      })
  void whatTheOwnerMayNotReadOfItsOwnDatabaseIsNamed(String line) throws Exception {
    TestDatabase database = server.database().withRoles();
    Cli cli = cli(server, migrations(), database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    String[] parts =
        line.replace("@OWNER@", database.owner())
            .replace("@SERVICE@", database.service())
            .split(" \\| ", -1);
    database.execute(PostgresServer.ADMIN, parts[0]);
    Path file = folder.resolve("dump");
    assertThat(cli.run("backup", file.toString()))
        .exited(ExitCode.REFUSED)
        .says(database.owner() + " cannot read " + parts[1], parts[2], "no dump was created");
    assertThat(Files.exists(file)).isFalse();
    database.execute(PostgresServer.ADMIN, parts[2]);
    assertThat(cli.run("backup", file.toString())).exited(ExitCode.OK);
  }

  @Test
  void dropOldTellsOfReplicationBeforeItDrops() throws Exception {
    try (OwnServer own =
        OwnServer.start(folder.resolve("server"), server.major(), "wal_level=logical")) {
      TestDatabase database = own.database().withRoles();
      Cli cli = cli(server, migrations(), database);
      assertThat(cli.run("migrate")).exited(ExitCode.OK);
      Path file = folder.resolve("dump");
      assertThat(cli.run("backup", file.toString())).exited(ExitCode.OK);
      database.execute(
          PostgresServer.ADMIN,
          """
          SELECT pg_create_logical_replication_slot('reader', 'pgoutput');
          CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)
          """);
      assertThat(restore(cli, file)).exited(ExitCode.OK);
      assertThat(cli.run("restore", "--drop-old", "--yes"))
          .exited(ExitCode.REFUSED)
          .says(
              "is still part of logical replication: subscription sub",
              "DROP SUBSCRIPTION \"sub\"",
              "nothing was dropped");
      String old =
          DumpServer.databasesOf(database).stream()
              .filter(name -> name.contains("_before_restore_"))
              .findFirst()
              .orElseThrow();
      try (Connection admin = database.connect(PostgresServer.ADMIN, old)) {
        admin.createStatement().execute("DROP SUBSCRIPTION sub");
      }
      assertThat(cli.run("restore", "--drop-old"))
          .exited(ExitCode.REFUSED)
          .says("replication slot reader of " + old);
      assertThat(cli.run("restore", "--drop-old", "--yes")).exited(ExitCode.OK);
    }
  }
}

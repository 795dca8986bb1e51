package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
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
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Tables whose rows are hidden from the owner too: no dump lacks them, no guard overlooks them. */
class RowSecurityTest {
  private static final String ALL_FOR_THE_OWNER =
      "CREATE POLICY all_for_the_owner ON notes TO %s USING (true)";

  private static DumpServer server;
  private static Path passwords;

  @TempDir private Path folder = Path.of("");

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = DumpServer.oldest(directory);
    passwords = directory;
  }

  /** A database with a table of two rows that the owner sees none of. */
  private Cli hidden(DumpServer server, TestDatabase database) {
    Cli cli =
        new MigrationDirectory(folder.resolve("migrations"))
            .with(
                "V1__notes.sql",
                "CREATE TABLE notes (id int PRIMARY KEY, tenant text, body text);",
                "INSERT INTO notes VALUES (1, 'a', 'one'), (2, 'b', 'two');",
                "ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;",
                "CREATE POLICY tenants ON notes USING (tenant = current_setting('app.tenant', true));")
            .with("U1__notes.sql", "DROP TABLE notes;")
            .with("V2__body.sql", "ALTER TABLE notes ADD COLUMN more text;")
            .with("U2__body.sql", "ALTER TABLE notes DROP COLUMN more;")
            .cli(database.withRoles())
            .with("LEARNFLOW_DB_PG_DUMP_DIR", server.bin().toString());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    return cli;
  }

  private static List<String> notes(TestDatabase database) throws Exception {
    return database.query(
        PostgresServer.ADMIN, "SELECT id || tenant || body FROM notes ORDER BY id");
  }

  private static CliResult restore(Cli cli, Path file, String... more) {
    return cli.run(
        Stream.concat(Stream.of("restore", file.toString(), "--yes"), Stream.of(more))
            .toArray(String[]::new));
  }

  @Test
  void aDatabaseWithHiddenRowsIsNotTakenForEmpty() throws Exception {
    TestDatabase other = server.database().withRoles();
    assertThat(server.cli(other).run("migrate")).exited(ExitCode.OK);
    Path file = server.backup(other, folder);
    TestDatabase database = server.database();
    hidden(server, database);
    assertThat(restore(server.cli(database), file))
        .exited(ExitCode.REFUSED)
        .says(
            "whether database %s has rows is unknown: public.notes".formatted(database.name()),
            "nothing was changed",
            "--replace");
    assertThat(notes(database)).containsExactly("1aone", "2btwo");
  }

  /** What is looked at is all of the database, not its schema public alone. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE SCHEMA app; CREATE TABLE app.x AS SELECT 1 AS id",
        "CREATE TABLE x (id int) PARTITION BY LIST (id);"
            + " CREATE TABLE x1 PARTITION OF x FOR VALUES IN (1); INSERT INTO x VALUES (1)",
        "SELECT lo_create(0)",
        "CREATE TABLE x AS SELECT 1 AS id; REVOKE ALL ON x FROM CURRENT_USER",
        "CREATE SCHEMA app; CREATE TABLE app.x AS SELECT 1 AS id; REVOKE ALL ON SCHEMA app FROM CURRENT_USER"
      })
  void whateverIsInADatabaseKeepsItFromBeingReplacedUnasked(String sql) throws Exception {
    TestDatabase other = server.database().withRoles();
    assertThat(server.cli(other).run("migrate")).exited(ExitCode.OK);
    Path file = server.backup(other, folder);
    TestDatabase database = server.database().withRoles();
    database.execute(database.owner(), sql);
    List<String> before = DumpServer.databases(database);
    assertThat(restore(server.cli(database), file))
        .exited(ExitCode.REFUSED)
        .says("nothing was changed", "--replace");
    assertThat(DumpServer.databases(database)).isEqualTo(before);
  }

  @EverySupportedVersion
  void withAdminCredentialsAllRowsAreInTheDump(int major) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.database();
    Cli cli = hidden(server, database);
    Path file = folder.resolve("dump");
    assertThat(cli.run("backup", file.toString())).exited(ExitCode.OK);
    String roles = "SELECT rolname FROM pg_roles WHERE rolbypassrls AND NOT rolsuper";
    assertThat(database.query(PostgresServer.ADMIN, roles)).isEmpty();
    database.execute(PostgresServer.ADMIN, "TRUNCATE notes");
    assertThat(restore(cli, file, "--replace")).exited(ExitCode.OK);
    assertThat(notes(database)).containsExactly("1aone", "2btwo");
    assertThat(
            database.query(
                PostgresServer.ADMIN,
                "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'notes'"))
        .containsExactly("t");
    assertThat(cli.run("rollback", "--to", "1", "--yes", "--backup", folder + "/before"))
        .exited(ExitCode.OK);
  }

  @EverySupportedVersion
  void withoutThemTheTablesAreNamedOrAPolicyLetsTheOwnerSeeAll(int major) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.database();
    Cli cli = hidden(server, database).without("LEARNFLOW_DB_ADMIN_USER");
    Path file = folder.resolve("dump");
    String policy = ALL_FOR_THE_OWNER.formatted(database.owner());
    assertThat(cli.run("backup", file.toString()))
        .exited(ExitCode.REFUSED)
        .says(
            "row level security hides rows of public.notes from " + database.owner(),
            "--admin-user",
            "CREATE POLICY",
            "USING (true)");
    assertThat(Files.exists(file)).isFalse();

    database.execute(PostgresServer.ADMIN, policy);
    assertThat(cli.run("backup", file.toString())).exited(ExitCode.OK);
    database.execute(PostgresServer.ADMIN, "TRUNCATE notes");
    assertThat(restore(cli, file, "--replace", "--trust-dump")).exited(ExitCode.OK);
    assertThat(notes(database)).containsExactly("1aone", "2btwo");
  }

  /** All of these leave something hidden, or may. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "CREATE POLICY p ON notes USING (id > 0)",
        "CREATE POLICY p ON notes FOR INSERT WITH CHECK (true)",
        "CREATE POLICY p ON notes TO @SERVICE@_other USING (true)",
        "CREATE POLICY p ON notes USING (true); CREATE POLICY r ON notes AS RESTRICTIVE USING (id > 1)",
      })
  void aPolicyThatDoesNotSurelyShowAllIsNotEnough(String sql) throws Exception {
    TestDatabase database = server.database();
    Cli cli = hidden(server, database).without("LEARNFLOW_DB_ADMIN_USER");
    database.execute(PostgresServer.ADMIN, "CREATE ROLE %s_other".formatted(database.service()));
    database.execute(PostgresServer.ADMIN, sql.replace("@SERVICE@", database.service()));
    assertThat(cli.run("backup", folder.resolve("dump").toString()))
        .exited(ExitCode.REFUSED)
        .says("row level security hides rows of public.notes");
  }

  @Test
  void aRollbackDoesNotSayZeroOfWhatIsHidden() throws Exception {
    TestDatabase database = server.database();
    Cli cli = hidden(server, database);
    CliResult shown = cli.run("rollback", "--to", "none", "--dry-run");
    assertThat(shown).exited(ExitCode.OK);
    assertThat(shown.out())
        .contains("table public.notes, an unknown number of rows")
        .doesNotContain(" 0 rows");
    assertThat(cli.run("rollback", "--to", "1", "--dry-run").out())
        .contains("column public.notes.more, an unknown number of values");
    assertThat(cli.run("rollback", "--to", "none", "--dry-run", "--output", "json").out())
        .contains("\"rows\":null");

    database.execute(PostgresServer.ADMIN, ALL_FOR_THE_OWNER.formatted(database.owner()));
    assertThat(cli.run("rollback", "--to", "none", "--dry-run").out())
        .contains("table public.notes, 2 rows");
  }

  /** The script knows the owner's password alone, and nobody's who could make a role. */
  @EverySupportedVersion
  void theChartsDumpsLackNoRowsEither(int major) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.database();
    Cli cli = hidden(server, database);
    Path volume = Files.createDirectory(folder.resolve("backups"));
    assertThat(dump(server, database, volume))
        .contains(
            "row level security hides rows of these tables from %s: public.notes"
                .formatted(database.owner()),
            "error: no dump was created",
            "USING (true)");
    assertThat(volume).isEmptyDirectory();

    database.execute(PostgresServer.ADMIN, ALL_FOR_THE_OWNER.formatted(database.owner()));
    assertThat(dump(server, database, volume)).contains("SHA-256").doesNotContain("error");
    database.execute(PostgresServer.ADMIN, "TRUNCATE notes");
    try (Stream<Path> dumps = Files.list(volume)) {
      assertThat(restore(cli, dumps.findFirst().orElseThrow(), "--replace")).exited(ExitCode.OK);
    }
    assertThat(notes(database)).containsExactly("1aone", "2btwo");
  }

  private static String dump(DumpServer server, TestDatabase database, Path volume)
      throws Exception {
    Path script = TestFiles.repository().resolve("charts/learnflow-db/files/dump.sh");
    ProcessBuilder builder =
        new ProcessBuilder("sh", script.toString(), "scheduled", "7").redirectErrorStream(true);
    builder
        .environment()
        .putAll(
            Map.of(
                "PATH", server.bin() + ":" + System.getenv("PATH"),
                "PGHOST", database.server().host(),
                "PGPORT", String.valueOf(database.server().port()),
                "PGUSER", database.owner(),
                "PGDATABASE", database.name(),
                "PGPASSWORD_FILE", database.passwords().file(database.owner()).toString(),
                "PGDUMP_DIR", volume.toString()));
    return new String(builder.start().getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }
}

package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** A database is at any time either whole as it was, or whole as the dump says. */
class RestoreTest {
  private static DumpServer server;
  private static Path passwords;

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = DumpServer.oldest(directory);
    passwords = directory;
  }

  /** What is recorded of restores: why each failed, and its steps. */
  private static final String RECORDED =
      """
      SELECT failure || (SELECT string_agg(' ' || step, '' ORDER BY place)
                         FROM json_object_keys(steps::json) WITH ORDINALITY key (step, place))
      FROM learnflow_db.runs WHERE command = 'restore' ORDER BY id
      """;

  @EverySupportedVersion
  void rowsRightsAndSettingsAreBackAndServicesGoOnWithTheirPassword(int major, @TempDir Path folder)
      throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.seeded();
    String admin = PostgresServer.ADMIN;
    database.execute(
        admin,
        """
        ALTER DATABASE %1$s SET statement_timeout = '59s';
        ALTER DATABASE %1$s SET search_path = public, "$user";
        ALTER ROLE %2$s IN DATABASE %1$s SET work_mem = '5MB';
        COMMENT ON DATABASE %1$s IS 'it''s ours';
        REVOKE CONNECT ON DATABASE %1$s FROM PUBLIC;
        CREATE ROLE analyst_%1$s LOGIN PASSWORD 'x';
        GRANT CONNECT ON DATABASE %1$s TO analyst_%1$s, %2$s;
        GRANT SELECT ON users TO analyst_%1$s
        """
            .formatted(database.name(), database.service()));
    String facts =
        """
        SELECT concat_ws('|', shobj_description(d.oid, 'pg_database'), d.datacl::text, datcollate,
          (SELECT string_agg(setrole::regrole || setconfig::text, ',' ORDER BY setrole)
           FROM pg_db_role_setting WHERE setdatabase = d.oid),
          has_table_privilege('analyst_%1$s', 'users', 'SELECT'))
        FROM pg_database d WHERE datname = '%1$s'
        """
            .formatted(database.name());
    List<String> before = database.query(admin, facts);
    Path file = server.backup(database, folder);
    long users = count(database);
    database.execute(database.owner(), "TRUNCATE users CASCADE");
    database.execute(database.owner(), "INSERT INTO users (username, email) VALUES ('new', 'n@x')");

    assertThat(server.cli(database).run("restore", file.toString()))
        .exited(ExitCode.REFUSED)
        .says("already has rows, for example in table ", "--replace");
    assertThat(server.cli(database).run("restore", file.toString(), "--replace"))
        .exited(ExitCode.REFUSED)
        .says(
            "confirmation is required, but there is no terminal",
            "Its sessions will be ended",
            "--yes");
    assertThat(count(database)).isEqualTo(1);
    try (Connection service = database.connect(database.service())) {
      CliResult restored =
          server.cli(database).run("restore", file.toString(), "--replace", "--yes");
      assertThat(restored).exited(ExitCode.OK).says("--drop-old");
      assertThat(service.isValid(1)).isFalse();
    }
    assertThat(count(database)).isEqualTo(users);
    assertThat(database.query(admin, facts)).isEqualTo(before);
    assertThat(
            database.query(
                admin,
                "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE oid >= 16384"))
        .containsExactly(database.owner());
    assertThat(database.query(database.service(), "SELECT count(*) FROM users"))
        .containsExactly(String.valueOf(users));
    assertThat(server.cli(database).with("LEARNFLOW_DB_SEEDS", "reference").run("verify"))
        .exited(ExitCode.OK);
    assertThat(server.cli(database).run("run")).exited(ExitCode.OK);

    String old =
        DumpServer.databases(database).stream()
            .filter(name -> name.startsWith(database.name() + "_before_restore_"))
            .findFirst()
            .orElseThrow();
    try (Connection there = database.connect(database.owner(), old);
        var row = there.createStatement().executeQuery("SELECT username FROM users")) {
      assertThat(row.next()).isTrue();
      assertThat(row.getString(1)).isEqualTo("new");
    }
    assertThat(database.query(RECORDED)).containsExactly(" load swap verify publish");
    try (Connection there = database.connect(database.owner(), old);
        var row = there.createStatement().executeQuery(RECORDED)) {
      assertThat(row.next()).as("a restore that was refused is recorded").isFalse();
    }
    assertThat(server.cli(database).run("restore", "--drop-old"))
        .exited(ExitCode.REFUSED)
        .says(old);
    assertThat(server.cli(database).run("restore", "--drop-old", "--yes")).exited(ExitCode.OK);
    assertThat(DumpServer.databases(database)).contains(database.name()).doesNotContain(old);
  }

  @EverySupportedVersion
  void whatIsNoWholeDumpOrNotForThisServerIsRefusedAndNothingIsMade(int major, @TempDir Path folder)
      throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 50_000);
    byte[] whole = Files.readAllBytes(server.backup(database, folder));
    byte[] json = Files.readAllBytes(folder.resolve("dump.json"));
    List<String> databases = DumpServer.databases(database);
    Map<String, byte[]> files = new LinkedHashMap<>();
    Map<String, List<String>> said = new LinkedHashMap<>();
    files.put("cut", Arrays.copyOf(whole, whole.length / 2));
    said.put("cut", List.of("the dump is damaged", "end of file"));
    files.put("toc", Arrays.copyOf(whole, 1000));
    said.put("toc", List.of("the dump is damaged"));
    files.put("head", Arrays.copyOf(whole, 20));
    said.put("head", List.of("the dump is damaged", "its header is truncated"));
    byte[] flipped = whole.clone();
    flipped[whole.length * 3 / 4] ^= 1;
    files.put("flipped", flipped);
    said.put("flipped", List.of("the dump is damaged"));
    files.put("plain", "--\n-- PostgreSQL database dump\n--\n".getBytes(StandardCharsets.UTF_8));
    said.put("plain", List.of("plain text", "psql"));
    ByteArrayOutputStream zipped = new ByteArrayOutputStream();
    try (GZIPOutputStream zip = new GZIPOutputStream(zipped)) {
      zip.write(whole);
    }
    files.put("gzip", zipped.toByteArray());
    said.put("gzip", List.of("gzip", "gunzip"));
    files.put("noise", new byte[2000]);
    said.put("noise", List.of("the file is not a dump"));
    files.put("empty", new byte[0]);
    said.put("empty", List.of("the file is empty"));
    String text = new String(whole, StandardCharsets.ISO_8859_1);
    files.put("newer", text.replaceFirst("1[5-8]\\.", "99.").getBytes(StandardCharsets.ISO_8859_1));
    said.put("newer", List.of("the dump comes from PostgreSQL 99", "this server is older"));
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Path path = folder.resolve(file.getKey());
      Files.write(path, file.getValue());
      CliResult refused =
          server.cli(database).run("restore", path.toString(), "--replace", "--yes");
      assertThat(refused.exitCode()).as(file.getKey() + refused.all()).isIn(2, 10);
      assertThat(refused)
          .says(Objects.requireNonNull(said.get(file.getKey())).toArray(String[]::new));
    }
    // A text in the table of contents, which pg_restore does not check.
    Path changed = folder.resolve("changed");
    Files.write(
        changed,
        text.replaceFirst("updated_at", "updated_ax").getBytes(StandardCharsets.ISO_8859_1));
    Files.write(folder.resolve("changed.json"), json);
    assertThat(server.cli(database).run("restore", changed.toString(), "--replace", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("SHA-256");
    Path future = folder.resolve("future");
    Files.write(future, whole);
    Files.writeString(
        folder.resolve("future.json"),
        new String(json, StandardCharsets.UTF_8)
            .replaceFirst("\"schemaVersion\" : \"\\d+\"", "\"schemaVersion\" : \"900\""));
    assertThat(server.cli(database).run("restore", future.toString(), "--replace", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("schema 900 is newer");
    assertThat(server.cli(database).run("restore", folder.resolve("none").toString()))
        .exited(ExitCode.USAGE)
        .says("file ", " does not exist");
    assertThat(DumpServer.databases(database)).isEqualTo(databases);
  }

  @EverySupportedVersion
  void aDumpOfAnOlderSchemaIsMigratedForward(int major, @TempDir Path folder) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.database().withRoles();
    assertThat(server.cli(database).run("migrate", "--target", "5")).exited(ExitCode.OK);
    Path file = server.backup(database, folder);
    assertThat(server.cli(database).run("migrate")).exited(ExitCode.OK);
    String version = "SELECT max(version) FROM flyway_schema_history";
    List<String> newest = database.query(version);
    CliResult restored = server.cli(database).run("restore", file.toString(), "--yes");
    assertThat(restored).exited(ExitCode.OK).says("applied, now at " + newest.getFirst());
    assertThat(database.query(version)).isEqualTo(newest);
    assertThat(server.cli(database).run("restore", "--drop-old", "--yes")).exited(ExitCode.OK);
  }

  @Test
  void anOlderImageRefusesANewerDumpAlsoWithoutItsDescription(@TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    Files.delete(BackupDescription.path(file));
    Path older = Files.createDirectory(folder.resolve("older"));
    try (Stream<Path> paths = Files.list(TestFiles.migrations())) {
      for (Path path : paths.toList()) {
        if (path.getFileName().toString().matches("[VU]00[1-5]__.*")) {
          Files.copy(path, older.resolve(path.getFileName()));
        }
      }
    }
    List<String> databases = DumpServer.databases(database);
    assertThat(
            server
                .cli(database)
                .with("LEARNFLOW_DB_MIGRATIONS", older.toString())
                .run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("is newer than these migrations, which end at 005");
    assertThat(DumpServer.databases(database)).isEqualTo(databases);
  }

  @Test
  void withoutTheRightToMakeDatabasesItIsRefused(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    database.execute(PostgresServer.ADMIN, "ALTER ROLE %s NOCREATEDB".formatted(database.owner()));
    Cli withoutAdmin = server.cli(database).without("LEARNFLOW_DB_ADMIN_USER");
    assertThat(withoutAdmin.run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("a temporary role, which only an admin can create", "--trust-dump");
    assertThat(withoutAdmin.run("restore", file.toString(), "--replace", "--yes", "--trust-dump"))
        .exited(ExitCode.REFUSED)
        .says("cannot create databases", "CREATEDB");
    assertThat(server.cli(database).run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.OK);
  }

  @Test
  void withoutAdminCredentialsTheOwnerRestoresAndSaysWhoseSessionsItCannotEnd(@TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    long users = count(database);
    Cli withoutAdmin = server.cli(database).without("LEARNFLOW_DB_ADMIN_USER");
    String[] restore = {"restore", file.toString(), "--replace", "--yes", "--trust-dump"};
    try (Connection _ = database.connect(PostgresServer.ADMIN)) {
      assertThat(withoutAdmin.run(restore))
          .exited(ExitCode.FAILED)
          .says("sessions in the database cannot be ended", "user postgres", "was not changed");
    }
    assertThat(database.query(RECORDED))
        .containsExactly("sessions in the database cannot be ended load swap");
    assertThat(withoutAdmin.run(restore)).exited(ExitCode.OK);
    assertThat(count(database)).isEqualTo(users);
    assertThat(withoutAdmin.run("verify")).exited(ExitCode.OK);
  }

  @EverySupportedVersion
  void aDatabaseThatIsGoneIsMadeFromTheDump(int major, @TempDir Path folder) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    long users = count(database);
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres")) {
      admin.createStatement().execute("DROP DATABASE " + database.name() + " WITH (FORCE)");
    }
    assertThat(server.cli(database).run("restore", file.toString(), "--yes")).exited(ExitCode.OK);
    assertThat(count(database)).isEqualTo(users);
  }

  @Test
  void twoAtOnceComeOneAfterTheOther(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    long users = count(database);
    Cli cli = server.cli(database);
    List<CompletableFuture<CliResult>> both = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      both.add(cli.runInBackground("restore", file.toString(), "--replace", "--yes"));
    }
    for (CompletableFuture<CliResult> one : both) {
      assertThat(one.join()).exited(ExitCode.OK);
    }
    assertThat(both.stream().map(CompletableFuture::join)).anyMatch(CliResult::waitedForAnother);
    assertThat(count(database)).isEqualTo(users);
    assertThat(DumpServer.databases(database)).doesNotContain(database.name() + "_restore");
  }

  @Test
  void aDatabaseOfTheSidesNameThatIsSomebodyElsesIsLeftAlone(@TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    String side = database.name() + "_restore";
    try (Connection owner = database.connect(database.owner(), "postgres")) {
      owner.createStatement().execute("CREATE DATABASE " + side);
      try (Connection there = database.connect(database.owner(), side)) {
        there.createStatement().execute("CREATE TABLE mine (id int)");
      }
      assertThat(server.cli(database).run("restore", file.toString(), "--replace", "--yes"))
          .exited(ExitCode.REFUSED)
          .says(side + " already exists, and restore did not create it");
      try (Connection there = database.connect(database.owner(), side)) {
        there.createStatement().execute("DROP TABLE mine");
      }
      // Also where nothing is in it: it may have been made for something else a moment ago.
      assertThat(server.cli(database).run("restore", file.toString(), "--replace", "--yes"))
          .exited(ExitCode.REFUSED)
          .says("ALTER DATABASE \"%s\" RENAME TO".formatted(side));
      owner.createStatement().execute("DROP DATABASE " + side);
    }
    assertThat(server.cli(database).run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.OK);
  }

  @Test
  void theDatabaseThatRestoreWorksFromIsRefusedBefore(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    TestDatabase postgres =
        new TestDatabase(
            database.server(),
            DatabaseAddress.MAINTENANCE_DATABASE,
            database.owner(),
            database.service(),
            database.passwords());
    assertThat(server.cli(postgres).run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("database postgres cannot be replaced", "nothing was changed");
  }

  /** A database may have a name that begins as those do which restore gives. */
  @Test
  void whatIsDroppedWasPutAsideByARestoreOfThisVeryDatabase(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    String name = database.name();
    TestDatabase other =
        DumpServer.seeded(
            new TestDatabase(
                database.server(),
                name + "_before_restore_x",
                database.owner(),
                database.service(),
                database.passwords()));
    for (TestDatabase one : List.of(database, other)) {
      Files.createDirectories(folder.resolve(one.name()));
      Path file = server.backup(one, folder.resolve(one.name()));
      assertThat(server.cli(one).run("restore", file.toString(), "--replace", "--yes"))
          .exited(ExitCode.OK);
    }
    // Gone back to by hand, as docs/how-to/restore.md says.
    try (Connection owner = database.connect(database.owner(), "postgres")) {
      String old =
          DumpServer.databasesOf(database).stream()
              .filter(found -> found.matches(name + "_before_restore_\\d+"))
              .findFirst()
              .orElseThrow();
      owner.createStatement().execute("DROP DATABASE %s WITH (FORCE)".formatted(name));
      owner.createStatement().execute("ALTER DATABASE %s RENAME TO %s".formatted(old, name));
    }
    assertThat(server.cli(database).run("restore", "--drop-old", "--yes"))
        .exited(ExitCode.OK)
        .answers("nothing to drop");
    assertThat(server.cli(other).run("restore", "--drop-old", "--yes").lastLine())
        .startsWith("dropped: %s_before_restore_".formatted(other.name()));
  }

  /** PostgreSQL cuts names at 63 bytes; two long ones that begin alike are two. */
  @Test
  void longNamesAreToldApart(@TempDir Path folder) throws Exception {
    for (String ending : new String[] {"a", "b"}) {
      TestDatabase plain = server.database();
      TestDatabase database =
          TestDatabase.named(
              plain.server(),
              "ü".repeat(25) + plain.name().replaceAll("\\D", "") + ending,
              plain.owner(),
              plain.service(),
              folder.resolve(ending));
      Cli cli =
          server
              .cli(database)
              .with(
                  "LEARNFLOW_DB_DATABASE",
                  new DatabaseAddress(
                          database.server().host(),
                          database.server().port(),
                          database.name(),
                          database.owner(),
                          SslMode.DEFAULT,
                          Optional.empty())
                      .toString());
      assertThat(cli.run("run")).exited(ExitCode.OK);
      Path file = folder.resolve("dump-" + database.owner());
      assertThat(cli.run("backup", file.toString())).exited(ExitCode.OK);
      for (int twice = 0; twice < 2; twice++) {
        assertThat(cli.run("restore", file.toString(), "--replace", "--yes"))
            .exited(ExitCode.OK)
            .says("--drop-old");
      }
      CliResult dropped = cli.run("restore", "--drop-old", "--yes");
      assertThat(dropped).exited(ExitCode.OK);
      assertThat(dropped.out().split("_before_restore_", -1)).hasSize(3);
    }
  }

  @Test
  void killedAtAnyMomentTheDatabaseIsWholeAndTheSameCommandAgainEndsRight(@TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 100_000);
    database.execute(database.owner(), "CREATE TABLE state AS SELECT 'dump' AS name");
    Path file = server.backup(database, folder);
    Cli cli = server.cli(database);
    String[] command = {"restore", file.toString(), "--replace", "--yes"};
    Kills.in(Kills.Stage.from("loading into "), () -> cli.start(command))
        .times(
            10,
            () -> database.execute(database.owner(), "UPDATE state SET name = 'now'"),
            () -> {
              Eventually.within(
                  Duration.ofSeconds(10),
                  "the database is there",
                  () -> DumpServer.databasesOf(database).contains(database.name()));
              assertThat(database.query("SELECT name FROM state").getFirst()).isIn("dump", "now");
              assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("100000");
              assertThat(cli.run("verify")).exited(ExitCode.OK);
            });
    database.execute(database.owner(), "UPDATE state SET name = 'now'");
    assertThat(cli.run(command)).exited(ExitCode.OK);
    assertThat(database.query("SELECT name FROM state")).containsExactly("dump");
    assertThat(DumpServer.databases(database)).doesNotContain(database.name() + "_restore");
    assertThat(cli.run("restore", "--drop-old", "--yes")).exited(ExitCode.OK);
  }

  @Test
  void endedByASignalItLeavesNoFile(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 300_000);
    Path file = server.backup(database, folder);
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    Cli.Running restore =
        server
            .cli(database)
            .with("_JAVA_OPTIONS", "-Djava.io.tmpdir=" + temporary)
            .start("restore", file.toString(), "--replace", "--yes");
    restore.awaitOnStderr("loading into ");
    assertThat(listsIn(temporary)).hasSize(1);
    restore.handle().destroy();
    restore.await();
    assertThat(listsIn(temporary)).isEmpty();
    assertThat(server.cli(database).run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.OK);
  }

  private static List<Path> listsIn(Path folder) throws Exception {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(path -> String.valueOf(path.getFileName()).contains("_restore.list"))
          .toList();
    }
  }

  private static long count(TestDatabase database) throws Exception {
    return Long.parseLong(database.query("SELECT count(*) FROM users").getFirst());
  }
}

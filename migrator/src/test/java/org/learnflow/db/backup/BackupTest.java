package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.SmallDisk;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** A dump is whole, or not there. */
@ExtendWith(PostgresExtension.class)
class BackupTest {
  private static DumpServer server;
  private static Path passwords;

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = DumpServer.oldest(directory);
    passwords = directory;
  }

  @EverySupportedVersion
  void rollbackMakesTheBackupFirstAndUndoesNothingWithoutIt(int major, @TempDir Path folder) {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.seeded();
    Path file = folder.resolve("before.dump");
    String[] rollback = {"rollback", "--to", "8", "--yes", "--backup"};

    assertThat(server.cli(database).run(with(rollback, folder.resolve("none/x"))))
        .exited(ExitCode.USAGE)
        .says("folder ", " does not exist");
    assertThat(server.cli(database).run("status").out())
        .contains("Schema:      " + ProjectMigrations.newest());

    assertThat(server.cli(database).run(with(rollback, file)))
        .exited(ExitCode.OK)
        .says("MiB read back");
    assertThat(BackupDescription.beside(file).orElseThrow().schemaVersion())
        .isEqualTo(ProjectMigrations.newest());
    assertThat(server.cli(database).run("status").out())
        .contains(
            "Schema:      008",
            "(file, schema %s): before.dump".formatted(ProjectMigrations.newest()));
  }

  private static String[] with(String[] words, Path file) {
    String[] all = Arrays.copyOf(words, words.length + 1);
    all[words.length] = file.toString();
    return all;
  }

  @EverySupportedVersion
  void fileAndDescriptionAreWrittenForUsAloneAndTheDatabaseKnowsOfThem(
      int major, @TempDir Path folder) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.seeded();
    Path file = folder.resolve("a dump");
    CliResult made = server.cli(database).run("backup", file.toString());
    assertThat(made).exited(ExitCode.OK).says("pg_dump ", "MiB written", "MiB read back");
    assertThat(TestFiles.read(BackupDescription.path(file)))
        .contains("\"format\" : 1", "\"schemaVersion\" : \"0", "\"database\" : \"learnflow_");
    BackupDescription description = BackupDescription.beside(file).orElseThrow();
    assertThat(description.bytes()).isEqualTo(Files.size(file));
    assertThat(description.roles()).contains(database.service());
    assertThat(database.query("SELECT name || ' ' || sha256 FROM learnflow_db.backups"))
        .containsExactly("a dump " + description.sha256());
    assertThat(Files.getPosixFilePermissions(file).toString()).doesNotContain("GROUP", "OTHERS");
    assertOnly(folder, "a dump", "a dump.json");

    assertThat(server.cli(database).run("backup", file.toString()))
        .exited(ExitCode.REFUSED)
        .says("already exists", "--replace");
    assertThat(server.cli(database).run("backup", file.toString(), "--replace"))
        .exited(ExitCode.OK);
    assertThat(server.cli(database).run("backup", folder.resolve("none/x").toString()))
        .exited(ExitCode.USAGE)
        .says("folder ", " does not exist", "mkdir -p");
    assertThat(server.cli(database).run("backup"))
        .exited(ExitCode.USAGE)
        .says("no file is specified");
    assertOnly(folder, "a dump", "a dump.json");
  }

  @Test
  void aPgDumpThatIsOlderThanTheServerIsRefusedAndTheRightOneNamed(
      TestDatabase newer, @TempDir Path folder) {
    newer.migrated();
    assertThat(
            newer
                .cli()
                .run("backup", folder.resolve("x").toString(), "--pg-dump-dir", server.bin() + ""))
        .exited(ExitCode.REFUSED)
        .says("needs pg_dump 17 or newer", "of version 15", "apt install postgresql-client-17");
    assertOnly(folder);
  }

  @Test
  void killedAtAnyMomentOnlyAPartIsLeftAndTheNextOneOverwritesIt(@TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 200_000);
    Cli cli = server.cli(database);
    Path file = folder.resolve("dump");
    Kills.in(Kills.Stage.from("pg_dump "), () -> cli.start("backup", file.toString()))
        .times(
            10,
            () -> {
              Files.deleteIfExists(file);
              Files.deleteIfExists(BackupDescription.path(file));
            },
            () -> {
              if (Files.exists(file)) {
                assertThat(server.cli(database).run("restore", file.toString(), "--replace"))
                    .exited(ExitCode.REFUSED)
                    .says("read back", "confirmation is required, but there is no terminal");
              }
            });
    Files.deleteIfExists(file);
    assertThat(cli.run("backup", file.toString())).exited(ExitCode.OK);
    assertOnly(folder, "dump", "dump.json");
    Eventually.within(
        Duration.ofSeconds(10),
        "no session of a killed one is left",
        () ->
            database
                .query(
                    PostgresServer.ADMIN,
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = '%s'"
                        .formatted(database.name()))
                .equals(List.of("1")));
  }

  @Test
  void whereTheDiskIsFullThatIsSaidAndTheOldDumpStays(@TempDir Path folder) throws Exception {
    try (SmallDisk disk = SmallDisk.mount(folder.resolve("disk"), "2m")) {
      TestDatabase database = server.seeded();
      Path file = disk.path().resolve("dump");
      assertThat(server.cli(database).run("backup", file.toString())).exited(ExitCode.OK);
      byte[] before = Files.readAllBytes(file);
      DumpServer.fill(database, 200_000);
      assertThat(server.cli(database).run("backup", file.toString(), "--replace"))
          .exited(ExitCode.FAILED)
          .says(
              "No space left on device",
              "where: " + file + ".part",
              "was not changed",
              "free some space");
      assertThat(Files.readAllBytes(file)).isEqualTo(before);
      assertThat(BackupDescription.beside(file).orElseThrow().bytes()).isEqualTo(before.length);
    }
  }

  @Test
  void aLostConnectionIsSaidAndLeavesNoFile(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path file = folder.resolve("dump");
    try (Connection other = database.connect(PostgresServer.ADMIN);
        Statement statement = other.createStatement()) {
      // pg_dump waits for this lock.
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
      CompletableFuture<CliResult> backup =
          server.cli(database).runInBackground("backup", file.toString());
      String waiting =
          "pg_stat_activity WHERE application_name = 'learnflow-db' AND wait_event_type = 'Lock'"
              + " AND query LIKE 'LOCK TABLE%%' AND datname = '%s'".formatted(database.name());
      Eventually.within(
          Duration.ofSeconds(60),
          "pg_dump waits",
          () ->
              backup.isDone()
                  || database
                      .query(PostgresServer.ADMIN, "SELECT count(*) FROM " + waiting)
                      .equals(List.of("1")));
      String password = database.password(database.owner()).value();
      assertThat(
              ProcessHandle.allProcesses()
                  .map(process -> process.info().commandLine().orElse(""))
                  .filter(line -> line.contains("pg_dump")))
          .isNotEmpty()
          .noneMatch(line -> line.contains(password));
      database.query(PostgresServer.ADMIN, "SELECT pg_terminate_backend(pid) FROM " + waiting);
      assertThat(backup.join())
          .exited(ExitCode.FAILED)
          .says("pg_dump failed on this machine", "terminating connection", "run the same command");
    }
    assertOnly(folder, "dump.part");
    assertThat(server.cli(database).run("backup", file.toString())).exited(ExitCode.OK);
    assertOnly(folder, "dump", "dump.json");
  }

  @Test
  void anotherBackupOfTheSameFileIsRefusedAndChangesNothing(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path file = folder.resolve("dump");
    Cli.Running first;
    try (Connection other = database.connect(PostgresServer.ADMIN);
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE"); // pg_dump waits for this
      first = server.cli(database).start("backup", file.toString());
      Eventually.within(
          Duration.ofSeconds(60),
          "the first writes",
          () -> Files.exists(folder.resolve("dump.part")));
      Object key =
          Files.readAttributes(folder.resolve("dump.part"), BasicFileAttributes.class).fileKey();
      assertThat(server.cli(database).start("backup", file.toString()).await())
          .exited(ExitCode.REFUSED)
          .says("another backup is writing " + file + ".part");
      assertThat(
              Files.readAttributes(folder.resolve("dump.part"), BasicFileAttributes.class)
                  .fileKey())
          .isEqualTo(key);
    }
    assertThat(first.await()).exited(ExitCode.OK);
    assertOnly(folder, "dump", "dump.json");
  }

  @Test
  void linksAtTheNamesThatAreWrittenAreRemovedAndNotFollowed(@TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    Path victim = TestFiles.write(folder.resolve("elsewhere/victim"), "precious");
    for (String name : List.of("dump.part", "dump.json.part")) {
      Files.createSymbolicLink(folder.resolve(name), victim);
    }
    Path file = folder.resolve("dump");
    assertThat(server.cli(database).run("backup", file.toString())).exited(ExitCode.OK);
    assertThat(victim).hasContent("precious");
    assertOnly(folder, "dump", "dump.json", "elsewhere");
    for (Path made : List.of(file, BackupDescription.path(file))) {
      assertThat(made).isRegularFile();
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
          .isEqualTo("rw-------");
    }
  }

  private static void assertOnly(Path folder, String... names) {
    assertThat(folder.toFile().list()).containsExactlyInAnyOrder(names);
  }
}

package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.SmallDisk;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** A full disk: a clear error, nothing half done, and success once there is room. */
class DiskFullTest {
  @TempDir private static Path directory;
  private static SmallDisk disk;
  private static OwnServer server;
  private static TestDatabase database;

  /** Tables go to a small disk of their own; the server's log of changes does not. */
  @BeforeAll
  static void start() throws Exception {
    disk = SmallDisk.mount(directory.resolve("disk"), "16m");
    server = OwnServer.start(directory.resolve("server"), PostgresServers.DEFAULT_MAJOR);
    database = server.database().withRoles();
    disk.makeTablespace("small", database);
    database.execute(
        PostgresServer.ADMIN,
        "ALTER DATABASE %s SET default_tablespace = small".formatted(database.name()));
  }

  @AfterAll
  static void stop() {
    try {
      if (server != null) {
        server.close();
      }
    } finally {
      if (disk != null) {
        disk.close();
      }
    }
  }

  @Test
  void whatDoesNotFitIsReportedAndUndoneAndSucceedsOnceThereIsRoom() throws Exception {
    Path migrations = directory.resolve("migrations");
    TestFiles.write(
        migrations.resolve("V1__tables.sql"),
        "CREATE TABLE item (id int PRIMARY KEY, body text);\nCREATE TABLE note (id int PRIMARY KEY);\n");
    String row = "x".repeat(1000);
    Path seeds = directory.resolve("seeds");
    TestFiles.write(seeds.resolve("big/01_note.csv"), "id (key)\n1\n");
    Path tooBig =
        TestFiles.write(
            seeds.resolve("big/02_item.csv"),
            IntStream.range(0, 20_000)
                .mapToObj(i -> i + "," + row)
                .collect(Collectors.joining("\n", "id (key),body\n", "\n")));
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_MIGRATIONS", migrations.toString())
            .with("LEARNFLOW_DB_SEEDS_DIR", seeds.toString())
            .with("LEARNFLOW_DB_SEEDS", "big");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);

    assertThat(cli.run("seed"))
        .exited(ExitCode.SEEDING_FAILED)
        .says(
            "No space left on device",
            "where: " + tooBig,
            "SQLSTATE 53100",
            "state: none of this set was loaded",
            "next:  make room");
    assertThat(database.query("SELECT count(*) FROM note")).containsExactly("0");
    assertThat(database.query("SELECT count(*) FROM item")).containsExactly("0");

    Path migration =
        TestFiles.write(
            migrations.resolve("V2__big.sql"),
            "CREATE TABLE other (id int);\n\nCREATE TABLE big AS\n  SELECT i, repeat('x', 1000) FROM"
                + " generate_series(1, 20000) i;\n");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED)
        .says(
            "V2__big.sql failed: could not extend file",
            "No space left on device",
            "where: " + migration + ", line 3, SQLSTATE 53100",
            "state: this migration was rolled back completely; the database is at 1",
            "next:  make room");
    assertThat(database.query("SELECT to_regclass('other'), to_regclass('big')"))
        .containsExactly("null");

    disk.resize("256m");
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.query("SELECT count(*) FROM item")).containsExactly("20000");
    assertThat(database.query("SELECT count(*) FROM big")).containsExactly("20000");
  }

  /** What a session reads at its start is in a file, which the first one after a change writes. */
  @Test
  void aSessionThatCannotBeginIsToldTheSame() throws Exception {
    TestDatabase other = server.database().withRoles();
    try (SmallDisk own = SmallDisk.mount(directory.resolve("own"), "16m")) {
      own.makeTablespace("own", other);
      try (Connection admin = other.connect(PostgresServer.ADMIN, "postgres");
          Statement statement = admin.createStatement()) {
        statement.execute("ALTER DATABASE %s SET TABLESPACE own".formatted(other.name()));
      }
      try (Stream<Path> files = Files.walk(own.path())) {
        for (Path file : files.filter(path -> path.endsWith("pg_internal.init")).toList()) {
          Files.delete(file);
        }
      }
      own.leave(0);

      CliResult verified = other.cli().run("verify");
      assertThat(verified).exited(ExitCode.FAILED);
      assertThat(verified.lastLine())
          .contains(
              "unhealthy: reachable: the server's disk is full: ",
              "No space left on device",
              "next: make room, or grow the volume: docs/how-to/volume.md");
    }
  }
}

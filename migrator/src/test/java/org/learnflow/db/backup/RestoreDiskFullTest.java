package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.SmallDisk;
import org.learnflow.db.testing.TestDatabase;

/** The server's disk has no room for the second database. */
class RestoreDiskFullTest {
  @Test
  void thatIsSaidTheSideDatabaseIsGoneAndWithMoreRoomTheSameCommandEndsRight(@TempDir Path folder)
      throws Exception {
    DumpServer programs = DumpServer.oldest(folder);
    try (SmallDisk disk = SmallDisk.mount(folder.resolve("disk"), "128m");
        OwnServer server = OwnServer.start(folder.resolve("server"), programs.major())) {
      TestDatabase database = server.database().withRoles();
      disk.makeTablespace("small", database);
      moveTo("small", database);
      DumpServer.seeded(database);
      DumpServer.fill(database, 200_000);
      Path file = programs.backup(database, folder);
      database.execute(database.owner(), "INSERT INTO bulk VALUES (0, 'after the dump')");
      List<String> databases = DumpServer.databases(database);
      String[] restore = {"restore", file.toString(), "--replace", "--yes"};

      // Room for an empty database, and for half of the rows; then hardly for an empty one,
      // where the server says no more than which of its own files it cannot write.
      disk.leave(15);
      assertThat(programs.cli(database).run(restore))
          .exited(ExitCode.FAILED)
          .says(
              "the dump could not be loaded",
              "No space left on device",
              "the database was not changed; the staging database was dropped",
              "free some space on the server's disk");
      assertUntouched(database, databases);

      disk.leave(2);
      assertThat(programs.cli(database).run(restore))
          .exited(ExitCode.FAILED)
          .says("could not", "the database was not changed");
      assertUntouched(database, databases);

      disk.leave(60);
      assertThat(programs.cli(database).run(restore)).exited(ExitCode.OK);
      assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("200000");
    }
  }

  private static void moveTo(String tablespace, TestDatabase database) throws Exception {
    try (var admin = database.connect(PostgresServer.ADMIN, "postgres");
        var statement = admin.createStatement()) {
      statement.execute(
          "ALTER DATABASE %s SET TABLESPACE %s".formatted(database.name(), tablespace));
    }
  }

  private static void assertUntouched(TestDatabase database, List<String> databases)
      throws Exception {
    assertThat(DumpServer.databases(database)).isEqualTo(databases);
    assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("200001");
    assertThat(database.cli().run("verify")).exited(ExitCode.OK);
  }
}

package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;

/** Dumps of pg_dump that restore does not take, and what its page says to do with them. */
class OtherFormatsTest {
  private static DumpServer server;

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = DumpServer.oldest(directory);
  }

  private static void program(TestDatabase database, String name, String... words) {
    List<String> command =
        new java.util.ArrayList<>(List.of(server.bin().resolve(name).toString()));
    command.addAll(List.of(words));
    assertThat(
            Programs.run(
                Map.of(
                    "PGHOST", database.server().host(),
                    "PGPORT", String.valueOf(database.server().port()),
                    "PGUSER", database.owner(),
                    "PGPASSWORD", database.password(database.owner()).value()),
                command))
        .exited(ExitCode.OK);
  }

  private static void assertRefused(TestDatabase database, Path file, String... said)
      throws Exception {
    List<String> databases = DumpServer.databases(database);
    assertThat(server.cli(database).run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.USAGE)
        .says(said)
        .says("the database was not changed");
    assertThat(DumpServer.databases(database)).isEqualTo(databases);
  }

  @Test
  void anotherFormatIsNamed(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path tar = folder.resolve("dump.tar");
    program(database, "pg_dump", "--format=tar", "--file=" + tar, database.name());
    assertRefused(database, tar, "the file is a tar archive", "use pg_restore itself");
    Path directory = folder.resolve("dump.d");
    program(database, "pg_dump", "--format=directory", "--file=" + directory, database.name());
    assertRefused(database, directory, "it is a folder", "pg_restore itself");
    assertRefused(
        database, directory.resolve("toc.dat"), "the directory or tar format", "pg_dump -Fc");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tar", "directory"})
  void pgRestoreBringsItIntoAnEmptyDatabaseAndRunDoesTheRest(String format, @TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    String users = "SELECT count(*) FROM users";
    List<String> before = database.query(users);
    String dump = folder.resolve("dump").toString();
    program(database, "pg_dump", "--format=" + format, "--file=" + dump, database.name());
    database.execute(database.owner(), "DELETE FROM users");
    database.execute(PostgresServer.ADMIN, "ALTER ROLE %s CREATEDB".formatted(database.owner()));
    program(database, "dropdb", "--force", database.name());
    program(database, "createdb", database.name());
    program(database, "pg_restore", "--no-owner", "--exit-on-error", "-d", database.name(), dump);
    assertThat(database.cli().run("run")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.query(users)).isEqualTo(before);
  }
}

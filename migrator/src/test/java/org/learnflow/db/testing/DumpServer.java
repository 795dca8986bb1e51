package org.learnflow.db.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.learnflow.db.ExitCode;

/**
 * A server whose pg_dump is installed too; the embedded binaries have none.
 *
 * @param bin directory of its programs
 */
public record DumpServer(OwnServer server, Path bin) implements AutoCloseable {
  /** Starts one, or skips the tests where none is installed. */
  public static DumpServer start(Path directory) throws IOException {
    List<Path> found = new ArrayList<>();
    if (Files.isDirectory(Path.of("/usr/lib/postgresql"))) {
      try (DirectoryStream<Path> versions =
          Files.newDirectoryStream(Path.of("/usr/lib/postgresql"), "1[5-8]")) {
        for (Path version : versions) {
          if (Files.isExecutable(version.resolve("bin/initdb"))
              && Files.isExecutable(version.resolve("bin/pg_dump"))) {
            found.add(version.resolve("bin"));
          }
        }
      }
    }
    if (found.isEmpty()) {
      System.out.println("backup and restore not tested: no /usr/lib/postgresql/*/bin/pg_dump");
    }
    assumeTrue(!found.isEmpty(), "no server with pg_dump is installed");
    return new DumpServer(OwnServer.start(directory, found.getFirst()), found.getFirst());
  }

  /** A database with schema and all seeds. */
  public TestDatabase seeded() {
    TestDatabase database = server.database();
    assertThat(database.cli().with("LEARNFLOW_DB_SEEDS", "reference,sample").run("run"))
        .exited(ExitCode.OK);
    return database;
  }

  /** The program for a database, with pg_dump of the server's version. */
  public Cli cli(TestDatabase database) {
    return database.cli().with("LEARNFLOW_DB_PG_DUMP_DIR", bin.toString());
  }

  /** Names of all databases. */
  public static List<String> databases(TestDatabase database) throws java.sql.SQLException {
    return database.query(PostgresServer.ADMIN, "SELECT datname FROM pg_database ORDER BY 1");
  }

  /** The same, asked in another database, for while this one may be renamed. */
  public static List<String> databasesOf(TestDatabase database) throws java.sql.SQLException {
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
        Statement statement = admin.createStatement();
        ResultSet row = statement.executeQuery("SELECT datname FROM pg_database")) {
      List<String> names = new ArrayList<>();
      while (row.next()) {
        names.add(row.getString(1));
      }
      return names;
    }
  }

  /** Stops and deletes it. */
  @Override
  public void close() {
    server.close();
  }
}

package org.learnflow.db.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.programs.LocalPrograms;
import org.learnflow.db.programs.PostgresPrograms;

/**
 * The shared server of a version with pg_dump and pg_restore of the same; the embedded binaries
 * have none.
 *
 * @param major its version
 * @param bin directory of these programs
 * @param directory where password files go
 */
public record DumpServer(int major, Path bin, Path directory) {
  private static final int OLDEST = 15;

  /** That of the oldest version. */
  public static DumpServer oldest(Path directory) {
    return of(OLDEST, directory);
  }

  /** That of a version; skips the test where its programs are not here. */
  public static DumpServer of(int major, Path directory) {
    Optional<Path> found = programs(major);
    String without =
        "no pg_dump of PostgreSQL %d is here; make test-java brings it".formatted(major);
    if (found.isEmpty()) {
      System.out.println("not tested: " + without);
    }
    assumeTrue(found.isPresent(), without);
    return new DumpServer(major, found.orElseThrow(), directory);
  }

  /** Where make puts pg_dump, pg_restore and psql of a version. */
  static Path brought(int major) {
    return TestFiles.repository().resolve("tools/bin/postgresql-%d/bin".formatted(major));
  }

  /** What make has put there, else what is installed. */
  private static Optional<Path> programs(int major) {
    return LocalPrograms.find(
            Optional.of(brought(major)), PostgresPrograms.PG_DUMP, found -> found == major)
        .or(() ->
            LocalPrograms.find(
                Optional.empty(), PostgresPrograms.PG_DUMP, found -> found == major));
  }

  /** A database on it that does not exist yet. */
  public TestDatabase database() {
    return TestDatabase.on(PostgresServers.shared(major), passwords());
  }

  /** The same database of another server, with owner and services' role, empty. */
  public TestDatabase counterpart(TestDatabase other) {
    return TestDatabase.named(
            PostgresServers.shared(major),
            other.name(),
            other.owner(),
            other.service(),
            passwords())
        .withRoles();
  }

  private Path passwords() {
    try {
      return Files.createTempDirectory(directory, "passwords-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A database with schema and all seeds. */
  public TestDatabase seeded() {
    return seeded(database());
  }

  /** Gives a database schema and all seeds. */
  public static TestDatabase seeded(TestDatabase database) {
    assertThat(database.cli().with("LEARNFLOW_DB_SEEDS", "reference,sample").run("run"))
        .exited(ExitCode.OK);
    return database;
  }

  /** A table with so many rows of 65 bytes. */
  public static void fill(TestDatabase database, int rows) throws java.sql.SQLException {
    database.execute(
        database.owner(),
        "CREATE TABLE bulk AS SELECT i AS id, md5(i::text) AS body FROM generate_series(1, %d) i"
            .formatted(rows));
  }

  /** The program for a database, with pg_dump and pg_restore of this version. */
  public Cli cli(TestDatabase database) {
    return database.cli().with("LEARNFLOW_DB_PG_DUMP_DIR", bin.toString());
  }

  /** Dumps a database into {@code folder}. */
  public Path backup(TestDatabase database, Path folder) {
    Path file = folder.resolve("dump");
    assertThat(cli(database).run("backup", file.toString())).exited(ExitCode.OK);
    return file;
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
}

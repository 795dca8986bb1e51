package org.learnflow.db.testing;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.EmbeddedBinaries;
import org.learnflow.db.connect.EmbeddedServer;
import org.learnflow.db.connect.PasswordDirectory;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.postgresql.PostgreSQLContainer;

/**
 * Servers shared by all tests of this run, one for each major version: containers where Docker
 * answers, else the embedded binaries.
 */
public final class PostgresServers {
  /** The version that tests use unless they ask for another: the chart's. */
  public static final int DEFAULT_MAJOR = 17;

  private static final Path BINARIES =
      Path.of(System.getProperty("postgresql.directory", "target/postgresql"));
  private static final Logger TESTCONTAINERS = Logger.getLogger("org.testcontainers");
  private static final Map<Integer, PostgresServer> RUNNING = new ConcurrentHashMap<>();

  private PostgresServers() {}

  /** A shared server of that major version, started when first asked for. */
  public static PostgresServer shared(int major) {
    return RUNNING.computeIfAbsent(major, PostgresServers::start);
  }

  private static PostgresServer start(int major) {
    // That there is no Docker is said in one line, below.
    TESTCONTAINERS.setLevel(Level.OFF);
    PostgresServer server =
        DockerClientFactory.instance().isDockerAvailable() ? container(major) : embedded(major);
    System.out.println("PostgreSQL for tests: " + server.description());
    return server;
  }

  @SuppressWarnings("resource") // removed by Testcontainers when this run ends
  private static PostgresServer container(int major) {
    Password password = PasswordDirectory.generate();
    PostgreSQLContainer container =
        new PostgreSQLContainer("postgres:" + major)
            .withUsername(PostgresServer.ADMIN)
            .withPassword(password.value());
    container.start();
    return new PostgresServer(
        container.getHost(),
        container.getMappedPort(5432),
        password,
        "postgres:" + major + " by Testcontainers");
  }

  private static PostgresServer embedded(int major) {
    Path directory = BINARIES.resolve("shared-" + major + "-" + ProcessHandle.current().pid());
    EmbeddedServer server =
        dedicated(directory, major, List.of("fsync = off", "max_connections = 200"));
    int port = server.start(List.of(), Progress.SILENT);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stopAndDelete(server, directory)));
    return new PostgresServer(
        "127.0.0.1",
        port,
        server.passwords().getOrCreate(PostgresServer.ADMIN),
        "embedded binaries of version " + major + " (no Docker answers)");
  }

  private static void stopAndDelete(EmbeddedServer server, Path directory) {
    server.stop("immediate");
    TestFiles.deleteRecursively(directory);
  }

  /** A server of a test's own, which it starts, stops and breaks as it likes; not started yet. */
  public static EmbeddedServer dedicated(Path directory, int major, List<String> settings) {
    return new EmbeddedServer(directory, binaries(major), settings);
  }

  /** Directory with the programs of an embedded PostgreSQL. */
  public static Path binaries(int major) {
    return EmbeddedBinaries.unpack(
        BINARIES.resolve(major + ".jar"), BINARIES.resolve("unpacked-" + major));
  }
}

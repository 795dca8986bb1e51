package org.learnflow.db.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.EmbeddedServer;

/**
 * A server of a test class's own, which it stops, breaks and reconfigures as it likes; always on
 * the same port.
 */
public final class OwnServer implements AutoCloseable {
  private final Path directory;
  private final EmbeddedServer server;
  private final int port;

  private OwnServer(Path directory, EmbeddedServer server) {
    this.directory = directory;
    this.server = server;
    this.port = server.start(List.of(), Progress.SILENT);
  }

  /**
   * Makes and starts a server.
   *
   * @param directory new, or at least without a server
   * @param settings lines of postgresql.conf
   */
  public static OwnServer start(Path directory, int major, String... settings) {
    List<String> lines = new java.util.ArrayList<>(List.of("fsync = off"));
    lines.addAll(List.of(settings));
    return new OwnServer(directory, PostgresServers.dedicated(directory, major, lines));
  }

  /** As tests of shared servers know it. */
  public PostgresServer server() {
    return new PostgresServer(
        "127.0.0.1",
        port,
        server.passwords().getOrCreate(PostgresServer.ADMIN),
        "a server of a test's own");
  }

  /** A database on it that does not exist yet; its password files go beside the server. */
  public TestDatabase database() {
    try {
      return TestDatabase.on(server(), Files.createTempDirectory(directory, "test-"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts it again. */
  public void start() {
    int again = server.start(List.of(), Progress.SILENT);
    if (again != port) {
      throw new IllegalStateException("somebody took port " + port);
    }
  }

  /** Stops it: fast ends sessions in order, immediate is a crash. */
  public void stop(String mode) {
    server.stop(mode);
  }

  /** Asks it to shut down once the last session has ended, and does not wait for that. */
  public void stopOnceIdle() {
    ProcessHandle.of(Long.parseLong(lines(data().resolve("postmaster.pid")).getFirst().strip()))
        .orElseThrow()
        .destroy();
  }

  /** Adds a line to its settings, in force after the next start. */
  public void set(String line) {
    try {
      Files.writeString(data().resolve("postgresql.conf"), line + "\n", StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Its data directory. */
  public Path data() {
    return directory.resolve("data");
  }

  /** All that it has logged. */
  public List<String> log() {
    return lines(directory.resolve("server.log"));
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Stops and deletes it. */
  @Override
  public void close() {
    stop("immediate");
    TestFiles.deleteRecursively(directory);
  }
}

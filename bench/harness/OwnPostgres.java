package harness;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Cached;
import lib.Failure;
import lib.Programs;

/** A PostgreSQL of our own with the settings that initdb gives it, stopped at the end. */
final class OwnPostgres {
  private static final boolean ROOT = "root".equals(System.getProperty("user.name"));
  private static final String PASSWORD = "bench";

  private final Path folder;

  private OwnPostgres(Path folder) {
    this.folder = folder;
  }

  static Database start() throws IOException, InterruptedException {
    var server = new OwnPostgres(Files.createTempDirectory("learnflow-db-bench-postgresql"));
    return server.initializeAndStart();
  }

  private Database initializeAndStart() throws IOException, InterruptedException {
    var passwordFile = Files.writeString(folder.resolve("password"), PASSWORD);
    if (ROOT) {
      var postgres =
          folder.getFileSystem().getUserPrincipalLookupService().lookupPrincipalByName("postgres");
      Files.setOwner(passwordFile, postgres);
      Files.setOwner(folder, postgres);
    }
    run(
        "initdb",
        "--username=postgres",
        "--pwfile=" + passwordFile,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--pgdata=" + data());
    int port = freePort();
    Runtime.getRuntime().addShutdownHook(new Thread(this::stop));
    run(
        "pg_ctl",
        "--pgdata=" + data(),
        "--log=" + folder.resolve("log"),
        "--options=-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s"
            .formatted(port, folder),
        "--wait",
        "start");
    return new Database("127.0.0.1", port, "postgres", PASSWORD, "postgres");
  }

  private void stop() {
    try {
      run("pg_ctl", "--pgdata=" + data(), "--mode=immediate", "--wait", "stop");
    } catch (IOException | InterruptedException | Failure e) {
      System.err.println("could not stop PostgreSQL: " + e.getMessage());
      return;
    }
    Cached.delete(folder);
  }

  private Path data() {
    return folder.resolve("data");
  }

  private void run(String program, String... arguments) throws IOException, InterruptedException {
    var command = new ArrayList<String>();
    if (ROOT) {
      command.addAll(List.of("runuser", "-u", "postgres", "--"));
    }
    command.add(Postgres.program(program).toString());
    command.addAll(List.of(arguments));
    Programs.run(new ProcessBuilder(command).directory(folder.toFile()));
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}

package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import lib.Cached;
import lib.Failure;
import lib.Programs;
import org.learnflow.db.certificates.Pair;

/** A PostgreSQL of our own with the settings that initdb gives it, stopped at the end. */
final class OwnPostgres {
  private static final boolean ROOT = "root".equals(System.getProperty("user.name"));
  private static final String PASSWORD = "bench";

  private final Path folder;

  private OwnPostgres(Path folder) {
    this.folder = folder;
  }

  static Database start() throws IOException, InterruptedException {
    return create().initializeAndStart("");
  }

  /** The same with a certificate, for clients that ask for TLS. */
  static Database startWithTls(Pair pair) throws IOException, InterruptedException {
    var server = create();
    var certificate = Files.writeString(server.folder.resolve("tls.crt"), pair.certificate());
    var key =
        Files.createFile(
            server.folder.resolve("tls.key"),
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(key, pair.key());
    give(certificate);
    give(key);
    return server.initializeAndStart(
        " -c ssl=on -c ssl_cert_file=%s -c ssl_key_file=%s".formatted(certificate, key));
  }

  private static OwnPostgres create() throws IOException {
    return new OwnPostgres(Files.createTempDirectory("learnflow-db-bench-postgresql"));
  }

  /** PostgreSQL does not run as root. */
  private static void give(Path path) throws IOException {
    if (ROOT) {
      var users = path.getFileSystem().getUserPrincipalLookupService();
      Files.setOwner(path, users.lookupPrincipalByName("postgres"));
    }
  }

  private Database initializeAndStart(String settings) throws IOException, InterruptedException {
    give(Files.writeString(folder.resolve("password"), PASSWORD));
    give(folder);
    run(
        "initdb",
        "--username=postgres",
        "--pwfile=" + folder.resolve("password"),
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--pgdata=" + data());
    int port = Ports.free();
    Runtime.getRuntime().addShutdownHook(new Thread(this::stop));
    run(
        "pg_ctl",
        "--pgdata=" + data(),
        "--log=" + folder.resolve("log"),
        "--options=-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s%s"
            .formatted(port, folder, settings),
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
}

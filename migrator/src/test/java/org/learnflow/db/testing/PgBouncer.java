package org.learnflow.db.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** PgBouncer before a server, on 127.0.0.1. */
public final class PgBouncer implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String HOW = "make tools/bin/pgbouncer puts it there, on Debian and Ubuntu";

  private final Process process;
  private final int port;

  private PgBouncer(Process process, int port) {
    this.process = process;
    this.port = port;
  }

  /** Where the program is; Debian has it where only root looks. */
  private static Optional<Path> program() {
    Path cached = TestFiles.repository().resolve("tools/bin/pgbouncer");
    return Stream.concat(
            Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
                .map(directory -> Path.of(directory, "pgbouncer")),
            Stream.of(Path.of("/usr/sbin/pgbouncer"), cached))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Settings that keep it from tracking prepared statements, which it does from 1.21 on. */
  public static String[] withoutPreparedStatements() {
    String[] version =
        Programs.run(Map.of(), List.of(program().orElseThrow().toString(), "--version"))
            .out()
            .lines()
            .findFirst()
            .orElseThrow()
            .replaceAll("[^0-9.]", "")
            .split("\\.", -1);
    return Integer.parseInt(version[0]) > 1 || Integer.parseInt(version[1]) >= 21
        ? new String[] {"max_prepared_statements = 0"}
        : new String[0];
  }

  /** Skips the test, with a line that says why, where there is no PgBouncer. */
  public static void require() {
    if (program().isEmpty()) {
      System.out.println("not tried with PgBouncer: there is none here (" + HOW + ")");
    }
    assumeTrue(program().isPresent(), "there is no PgBouncer");
  }

  /**
   * Starts one for a database's owner and services.
   *
   * @param folder for its files
   * @param poolMode session or transaction
   * @param settings more lines of its configuration
   */
  public static PgBouncer before(
      TestDatabase database, Path folder, String poolMode, String... settings) throws SQLException {
    try {
      int port = LocalPorts.free();
      List<String> users = new ArrayList<>();
      for (String role : List.of(database.owner(), database.service(), PostgresServer.ADMIN)) {
        String password =
            role.equals(PostgresServer.ADMIN)
                ? database.server().adminPassword().value()
                : database.password(role).value();
        users.add(
            "\"%s\" \"%s\"".formatted(role.replace("\"", "\"\""), password.replace("\"", "\"\"")));
      }
      Path userFile = Files.write(folder.resolve("users.txt"), users);
      Path configuration =
          Files.writeString(
              folder.resolve("pgbouncer.ini"),
              """
              [databases]
              * = host=%s port=%d
              [pgbouncer]
              listen_addr = 127.0.0.1
              listen_port = %d
              unix_socket_dir =
              auth_type = scram-sha-256
              auth_file = %s
              pool_mode = %s
              default_pool_size = 5
              %s
              """
                  .formatted(
                      database.server().host(),
                      database.server().port(),
                      port,
                      userFile,
                      poolMode,
                      String.join("\n", settings)));
      List<String> command = new ArrayList<>();
      if ("root".equals(System.getProperty("user.name"))) {
        // It does not run as root.
        command.addAll(List.of("unshare", "--user"));
      }
      command.addAll(List.of(program().orElseThrow().toString(), configuration.toString()));
      PgBouncer pooler =
          new PgBouncer(
              new ProcessBuilder(command)
                  .redirectErrorStream(true)
                  .redirectOutput(folder.resolve("pgbouncer.log").toFile())
                  .start(),
              port);
      Eventually.within(
          PATIENCE, "PgBouncer answers, see " + folder, () -> LocalPorts.answers(port));
      return pooler;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where it listens, on 127.0.0.1. */
  public int port() {
    return port;
  }

  @Override
  public void close() {
    process.destroyForcibly();
    process.onExit().join();
  }
}

package org.learnflow.db.connect;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;

/**
 * A local PostgreSQL server in a directory, for trying things out. It keeps running when the
 * program ends, listens only on 127.0.0.1 and asks for passwords. Directory: {@code data/}, {@code
 * passwords/}, {@code server.log}.
 */
public final class EmbeddedServer {
  /** The admin role that initdb creates. */
  public static final String ADMIN = "postgres";

  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Path directory;
  private final Path bin;
  private final List<String> settings;

  /**
   * A server in {@code directory}.
   *
   * @param bin directory of {@code initdb}, {@code pg_ctl} and {@code postgres}
   * @param settings lines that initialising adds to postgresql.conf
   */
  public EmbeddedServer(Path directory, Path bin, List<String> settings) {
    this.directory = directory.toAbsolutePath();
    this.bin = bin.toAbsolutePath();
    this.settings = List.copyOf(settings);
  }

  /** The server of {@code --embedded DIR}: binaries from the class path, also in DIR. */
  public static EmbeddedServer in(Path directory) {
    Path jar = EmbeddedBinaries.jarOnClassPath();
    String name = String.valueOf(jar.getFileName()).replaceFirst("\\.jar$", "");
    return new EmbeddedServer(
        directory,
        EmbeddedBinaries.unpack(jar, directory.toAbsolutePath().resolve(name)),
        List.of());
  }

  /** Whether a server was initialised in {@code directory} before. */
  public static boolean existsIn(Path directory) {
    return Files.exists(directory.resolve("data").resolve("PG_VERSION"));
  }

  /** The generated passwords of this server. */
  public PasswordDirectory passwords() {
    return new PasswordDirectory(directory.resolve("passwords"));
  }

  /**
   * Initialises the server if it is new and starts it if it is stopped; eight callers at once get
   * the same server.
   *
   * @param roles roles that get a password in {@link #passwords()}, besides the admin
   * @return the port it listens on
   */
  public int start(List<String> roles, Progress progress) {
    try {
      Files.createDirectories(directory);
      try (FileChannel lock =
              FileChannel.open(
                  directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          var _ = lock.lock()) {
        refuseWhereRootCannotBeLeft();
        passwords().getOrCreate(ADMIN);
        roles.forEach(role -> passwords().getOrCreate(role));
        if (!existsIn(directory)) {
          progress.line("wait", "creating an embedded PostgreSQL in " + directory);
          try (var _ = Ongoing.begin(progress, "wait", "creating it", LIMIT)) {
            initialise();
          }
        }
        if (!isRunning()) {
          progress.line("wait", "starting the embedded PostgreSQL");
          try (var _ = Ongoing.begin(progress, "wait", "starting PostgreSQL", LIMIT)) {
            startServer();
          }
        }
        return port();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("starting PostgreSQL in " + directory, e);
    }
  }

  /** Stops the server, ending its sessions; does nothing if it is stopped. */
  public void stop(String mode) {
    if (isRunning()) {
      pgCtl("stop", "-m", mode);
    }
  }

  /** Knows the disk that the data are on. */
  public Hosting hosting() {
    return new Hosting() {
      @Override
      public OptionalLong freeBytes() {
        try {
          return OptionalLong.of(Files.getFileStore(data()).getUsableSpace());
        } catch (IOException e) {
          return OptionalLong.empty();
        }
      }
    };
  }

  private Path data() {
    return directory.resolve("data");
  }

  private void initialise() throws IOException {
    // Not in place: PG_VERSION exists before the initialisation ends, and it can be killed.
    Path fresh = Files.createTempDirectory(directory, "initialising-");
    run(
        List.of(
            bin.resolve("initdb").toString(),
            "--pgdata=" + fresh,
            "--username=" + ADMIN,
            "--pwfile=" + passwords().file(ADMIN),
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync"));
    List<String> lines =
        new ArrayList<>(List.of("listen_addresses = '127.0.0.1'", "unix_socket_directories = ''"));
    lines.addAll(settings);
    Files.write(fresh.resolve("postgresql.conf"), lines, StandardOpenOption.APPEND);
    Files.move(fresh, data());
  }

  private boolean isRunning() {
    return Files.exists(data().resolve("postmaster.pid")) && exitCode(pgCtlCommand("status")) == 0;
  }

  private void startServer() throws IOException {
    // The same port again if it is free, so that a connection string that was shown stays valid.
    Path portFile = directory.resolve("port");
    int port = Files.exists(portFile) ? Integer.parseInt(Files.readString(portFile).strip()) : 0;
    port = freePort(port);
    Files.writeString(portFile, port + "\n");
    pgCtl("start", "-o", "-p " + port);
  }

  private int port() throws IOException {
    // Fourth line of postmaster.pid, see PostgreSQL's src/include/utils/pidfile.h.
    return Integer.parseInt(Files.readAllLines(data().resolve("postmaster.pid")).get(3).strip());
  }

  private static int freePort(int preferred) throws IOException {
    try (ServerSocket socket = new ServerSocket(preferred, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      if (preferred == 0) {
        throw e;
      }
      return freePort(0);
    }
  }

  private void pgCtl(String... arguments) {
    run(pgCtlCommand(arguments));
  }

  private List<String> pgCtlCommand(String... arguments) {
    List<String> command = new ArrayList<>(List.of(bin.resolve("pg_ctl").toString()));
    command.addAll(List.of(arguments));
    command.addAll(
        List.of(
            "-D",
            data().toString(),
            "-l",
            directory.resolve("server.log").toString(),
            "-w",
            "-t",
            String.valueOf(LIMIT.toSeconds())));
    return command;
  }

  private void run(List<String> command) {
    if (exitCode(command) != 0) {
      throw Failure.of(ExitCode.FAILED, "PostgreSQL command failed: " + command.getFirst())
          .where(directory.resolve("server.log") + " and " + directory.resolve("command.log"))
          .next("read these logs, or remove " + directory + " to start over");
    }
  }

  private void refuseWhereRootCannotBeLeft() {
    if (isRoot() && exitCode(List.of("true")) != 0) {
      throw Failure.of(
              ExitCode.FAILED,
              "PostgreSQL does not run as root, and this machine does not allow user namespaces")
          .state("nothing was started")
          .next("run the command as another user");
    }
  }

  private static boolean isRoot() {
    return "root".equals(System.getProperty("user.name"));
  }

  /**
   * PostgreSQL refuses to run as root; in a separate user namespace ({@code unshare --user}) root
   * is the user nobody, and its files belong to nobody as well.
   */
  private int exitCode(List<String> command) {
    List<String> whole = new ArrayList<>();
    if (isRoot()) {
      whole.addAll(List.of("unshare", "--user"));
    }
    whole.addAll(command);
    ProcessBuilder builder = new ProcessBuilder(whole);
    // Files, not pipes: the server inherits them and would keep a pipe open.
    builder.redirectErrorStream(true);
    builder.redirectOutput(
        ProcessBuilder.Redirect.appendTo(directory.resolve("command.log").toFile()));
    builder.redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")));
    builder.environment().put("LC_ALL", "C");
    try {
      Process process = builder.start();
      if (!process.waitFor(LIMIT.toSeconds() + 10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return -1;
      }
      return process.exitValue();
    } catch (IOException e) {
      throw new UncheckedIOException("running " + whole.getFirst(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return -1;
    }
  }
}

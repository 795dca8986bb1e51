package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.LocalPorts;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.ServerTls;
import org.learnflow.db.testing.TestFiles;

/** How files/start.sh of the chart starts PostgreSQL, in every shell that an image may have. */
@EnabledOnOs(OS.LINUX)
class StartScriptTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String PASSWORD = "quote ' and space";
  private static final int KILLS = 20;

  @TempDir private Path folder = Path.of("");
  private int port;
  private Path data = Path.of("");
  private final List<Process> started = new ArrayList<>();

  @BeforeEach
  void prepare() throws IOException {
    port = LocalPorts.free();
    data = folder.resolve("volume/data");
    for (String directory : List.of("volume", "conf", "start", "socket")) {
      Files.createDirectory(folder.resolve(directory));
    }
    TestFiles.write(folder.resolve("password"), PASSWORD + "\n");
    TestFiles.write(
        folder.resolve("start/start.sh"),
        TestFiles.read(TestFiles.repository().resolve("charts/learnflow-db/files/start.sh")));
    TestFiles.write(
        folder.resolve("start/postgresql.conf"),
        """
        listen_addresses = '127.0.0.1'
        port = %d
        unix_socket_directories = '%s'
        max_connections = 20
        fsync = off
        include_dir = 'conf.d'
        """
            .formatted(port, folder.resolve("socket")));
    TestFiles.write(
        folder.resolve("start/pg_hba.conf"), "host all all 127.0.0.1/32 scram-sha-256\n");
  }

  @AfterEach
  void stop() {
    started.forEach(process -> {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    });
  }

  /** The pod of a first start may be killed at any moment. */
  @Test
  void aFirstStartThatIsKilledBeginsAgain() throws Exception {
    long start = System.nanoTime();
    Process whole = run("sh", true);
    awaitLogin();
    long length = System.nanoTime() - start;
    kill(whole);

    long seed = Long.getLong("seed", System.nanoTime());
    Random random = new Random(seed);
    int met = 0;
    TestFiles.deleteRecursively(data);
    for (int i = 0; i < KILLS; i++) {
      Process killed = run("sh", true);
      Thread.sleep(Duration.ofNanos(random.nextLong(length)));
      kill(killed);
      boolean unfinished = Files.exists(folder.resolve("volume/data.unfinished"));
      met += unfinished ? 1 : 0;
      if (Files.exists(data)) {
        assertThat(unfinished).as("-Dseed=%d, kill %d", seed, i).isFalse();
        Process again = run("sh", true);
        awaitLogin();
        kill(again);
        TestFiles.deleteRecursively(data);
      }
    }
    Process last = run("sh", true);
    awaitLogin();
    assertThat(folder.resolve("volume/data.unfinished")).doesNotExist();
    kill(last);
    System.out.printf("start.sh: -Dseed=%d, %d of %d kills met initdb%n", seed, met, KILLS);
    assertThat(met).as("-Dseed=%d", seed).isGreaterThanOrEqualTo(KILLS / 4);
  }

  /** As that image leaves it: no configuration beside the data, open to the volume's group. */
  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void theVolumeOfBitnamisImageIsRead(String shell) throws Exception {
    Process before = run("sh", false);
    awaitLogin();
    execute("CREATE TABLE kept AS SELECT 42 AS answer");
    signal(before, "INT");
    Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwxrwx---"));
    TestFiles.write(data.resolve("postmaster.pid"), ProcessHandle.current().pid() + "\n");
    assertThat(data.resolve("postgresql.conf")).doesNotExist();
    TestFiles.write(folder.resolve("password"), "another\n");

    Process after = run(shell, false);
    awaitLogin();
    assertThat(query("SELECT answer FROM kept")).isEqualTo("42");
    assertThat(query("SHOW hba_file")).isEqualTo(folder.resolve("conf/pg_hba.conf").toString());
    signal(after, "TERM");
  }

  @EverySupportedVersion
  void whatItMakesIsUtf8AndWantsThePassword(int major) throws Exception {
    Process server = run("sh", false, major, Map.of("POSTGRES_INITDB_ARGS", "--data-checksums"));
    awaitLogin();
    assertThat(query("SHOW server_encoding")).isEqualTo("UTF8");
    assertThat(query("SHOW data_checksums")).isEqualTo("on");
    assertThatThrownBy(() -> connect("wrong").close())
        .hasMessageContaining("password authentication failed");
    signal(server, "INT");
  }

  /** With which the program finds an empty database, and not a wrong password. */
  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void ownerAndDatabaseAreThereFromTheFirstStart(String shell) throws Exception {
    String password = "o'wn\\er \"''$(x) é";
    TestFiles.write(folder.resolve("owner-password"), password + "\n");
    Process server =
        run(
            shell,
            false,
            PostgresServers.DEFAULT_MAJOR,
            Map.of(
                "POSTGRES_USER",
                "the\"owner",
                "POSTGRES_PASSWORD_FILE",
                folder.resolve("owner-password").toString(),
                "POSTGRES_DATABASE",
                "learn flow"));
    awaitLogin();
    try (Connection owner =
            DriverManager.getConnection(
                "jdbc:postgresql://127.0.0.1:%d/learn%%20flow".formatted(port),
                "the\"owner",
                password);
        Statement statement = owner.createStatement()) {
      statement.execute("CREATE TABLE public.mine ()");
    }
    assertThat(
            query("SELECT rolcreatedb AND NOT rolsuper FROM pg_roles WHERE rolname = 'the\"owner'"))
        .isEqualTo("t");
    assertThat(folder.resolve("conf/populate.sql")).doesNotExist();
    assertThat(folder.resolve("log")).content().doesNotContain("wn\\er");
    signal(server, "INT");
  }

  /** Whatever signal the image names, sessions do not hold it up. */
  @ParameterizedTest
  @ValueSource(strings = {"TERM", "INT", "QUIT"})
  void itsSignalIsAFastShutdown(String signal) throws Exception {
    Process server = run("sh", false);
    awaitLogin();
    try (Connection open = connect(PASSWORD)) {
      assertThat(open.isValid(5)).isTrue();
      signal(server, signal);
    }
    assertThat(folder.resolve("log")).content().contains("received fast shutdown request");
  }

  /** Kubernetes replaces all files of a Secret at once, by a link. */
  @Test
  void aCertificateIsAwaitedAndLoadedAgainWhenItChanges() throws Exception {
    Path mounted = folder.resolve("tls");
    ServerTls first = ServerTls.in(Files.createDirectory(folder.resolve("first")));
    ServerTls second = ServerTls.in(Files.createDirectory(folder.resolve("second")));
    Path configuration = folder.resolve("start/postgresql.conf");
    TestFiles.write(
        configuration,
        TestFiles.read(configuration)
            + "ssl = on\nssl_cert_file = '%1$s/tls.crt'\nssl_key_file = '%1$s/tls.key'\n"
                .formatted(mounted));
    Process server =
        run("sh", false, PostgresServers.DEFAULT_MAJOR, Map.of("TLS_DIR", mounted.toString()));
    Eventually.within(
        PATIENCE,
        "it waits",
        () ->
            TestFiles.read(folder.resolve("log")).contains("waiting for the server's certificate"));
    mount(mounted, first);
    Eventually.within(PATIENCE, "the first certificate", () -> isShown(first));
    String start = query("SELECT pg_postmaster_start_time()");
    mount(mounted, second);
    Eventually.within(PATIENCE, "the second certificate", () -> isShown(second));
    assertThat(isShown(first)).isFalse();
    assertThat(query("SELECT pg_postmaster_start_time()")).isEqualTo(start);
    signal(server, "TERM");
  }

  private void mount(Path link, ServerTls tls) throws IOException {
    Path next = Files.createSymbolicLink(folder.resolve("next"), tls.directory());
    Files.move(next, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private boolean isShown(ServerTls tls) {
    String url =
        "jdbc:postgresql://127.0.0.1:%d/postgres?sslmode=verify-full&sslrootcert=%s"
            .formatted(port, tls.authority());
    try (Connection connection = DriverManager.getConnection(url, "postgres", PASSWORD)) {
      return connection.isValid(5);
    } catch (SQLException e) {
      return false;
    }
  }

  /** As a pod that is still ending, while another one of the same volume starts on its node. */
  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void aSecondServerWaitsForTheEndOfTheFirst(String shell) throws Exception {
    Process first = run(shell, false);
    awaitLogin();
    Path log = folder.resolve("log");
    Files.move(log, folder.resolve("log.first"));
    Process second = run(shell, false);
    Eventually.within(
        PATIENCE,
        "it waits",
        () -> TestFiles.read(log).contains("another server still uses " + data));
    assertThat(query("SELECT 1")).isEqualTo("1");
    signal(first, "TERM");
    awaitLogin();
    assertThat(log).content().doesNotContain("was not properly shut down");
    signal(second, "TERM");
  }

  /** A folder stands for a file that belongs to somebody else, since root may write any file. */
  @Test
  void aVolumeThatCannotBeLockedIsUsedAllTheSame() throws Exception {
    Files.createDirectory(folder.resolve("volume/start.lock"));
    Process server = run("sh", false);
    awaitLogin();
    assertThat(folder.resolve("log")).content().contains("start.lock cannot be written");
    signal(server, "TERM");
  }

  @Test
  void extendedConfigurationAndArgumentsWin() throws Exception {
    Files.createDirectories(folder.resolve("volume/conf/conf.d"));
    TestFiles.write(folder.resolve("volume/conf/conf.d/override.conf"), "max_connections = 30\n");
    TestFiles.write(folder.resolve("conf/left-over"), "of a container before");
    Process server = run("sh", false);
    awaitLogin();
    assertThat(query("SHOW max_connections")).isEqualTo("30");
    assertThat(query("SHOW work_mem")).isEqualTo("5MB");
    assertThat(folder.resolve("conf/left-over")).doesNotExist();
    signal(server, "INT");
  }

  /** From PostgreSQL 16. */
  @EverySupportedVersion
  void connectionsAreReservedForTheOwner(int major) throws Exception {
    assertThat(reserved(major, "max_connections = 100")).isEqualTo(major < 16 ? "-" : "10");
  }

  @ParameterizedTest
  @CsvSource({"max_connections = 49, 0", "reserved_connections = 4, 4"})
  void aServerWithFewConnectionsKeepsThemAndTheValuesWin(String line, String reserved)
      throws Exception {
    assertThat(reserved(PostgresServers.DEFAULT_MAJOR, "max_connections = 100\n" + line))
        .isEqualTo(reserved);
  }

  private String reserved(int major, String lines) throws Exception {
    Files.createDirectories(folder.resolve("volume/conf/conf.d"));
    TestFiles.write(folder.resolve("volume/conf/conf.d/override.conf"), lines + "\n");
    Process server = run("sh", false, major, Map.of());
    awaitLogin();
    String reserved = query("SELECT coalesce(current_setting('reserved_connections', true), '-')");
    signal(server, "INT");
    return reserved;
  }

  @Test
  void aFolderWithSomethingElseIsLeftAsItIs() throws Exception {
    Files.createDirectory(data);
    TestFiles.write(data.resolve("precious"), "theirs");
    Process refused = run("sh", false);
    assertThat(refused.waitFor()).isEqualTo(1);
    assertThat(data.resolve("precious")).hasContent("theirs");
    assertThat(folder.resolve("log"))
        .content()
        .contains(data + " is neither empty nor a data directory");
  }

  @Test
  void aFailedInitdbLeavesNothingThatCounts() throws Exception {
    Process failed =
        run(
            "sh",
            false,
            PostgresServers.DEFAULT_MAJOR,
            Map.of("POSTGRES_INITDB_ARGS", "--no-such-option"));
    assertThat(failed.waitFor()).isEqualTo(1);
    assertThat(folder.resolve("log")).content().contains("start: initdb failed, see above");
    assertThat(data).doesNotExist();
  }

  private Process run(String shell, boolean alone) throws IOException {
    return run(shell, alone, PostgresServers.DEFAULT_MAJOR, Map.of());
  }

  /**
   * Starts it.
   *
   * @param alone whether everything that it starts dies with it, as in a container
   */
  private Process run(String shell, boolean alone, int major, Map<String, String> environment)
      throws IOException {
    // A shell that started these tests in the background has made their processes ignore INT and
    // QUIT.
    List<String> command =
        new ArrayList<>(List.of("env", "--default-signal=INT,QUIT", "unshare", "--user"));
    if (alone) {
      command.addAll(List.of("--pid", "--fork", "--kill-child"));
    }
    List<String> words = List.of(shell.split(" ", -1));
    assumeTrue(Programs.onPath(words.getFirst()), shell);
    command.addAll(words);
    command.addAll(List.of(folder.resolve("start/start.sh").toString(), "-c", "work_mem=5MB"));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder
        .environment()
        .putAll(
            Map.of(
                "PATH",
                PostgresServers.binaries(major).toAbsolutePath() + ":" + System.getenv("PATH"),
                "PGDATA",
                data.toString(),
                "POSTGRESQL_VOLUME_DIR",
                folder.resolve("volume").toString(),
                "POSTGRESQL_CONF_DIR",
                folder.resolve("conf").toString(),
                "POSTGRES_POSTGRES_PASSWORD_FILE",
                folder.resolve("password").toString()));
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("log").toFile());
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private static void kill(Process process) throws InterruptedException {
    process.destroyForcibly();
    // The last process of a container is gone a moment after its first.
    Thread.sleep(Duration.ofMillis(50));
    assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
  }

  /** Sends it a signal, and expects the end that Kubernetes does. */
  private static void signal(Process process, String signal) throws InterruptedException {
    Programs.run(Map.of(), List.of("kill", "-" + signal, String.valueOf(process.pid())));
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).as("it ends").isTrue();
    assertThat(process.exitValue()).isZero();
  }

  private void awaitLogin() throws SQLException {
    Eventually.within(
        PATIENCE,
        "a login",
        () -> {
          try {
            connect(PASSWORD).close();
            return true;
          } catch (SQLException e) {
            return false;
          }
        });
  }

  private Connection connect(String password) throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:%d/postgres".formatted(port), "postgres", password);
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = connect(PASSWORD);
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private String query(String sql) throws SQLException {
    try (Connection connection = connect(PASSWORD);
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getString(1);
    }
  }
}

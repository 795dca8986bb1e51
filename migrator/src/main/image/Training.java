import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import lib.Programs;
import org.learnflow.db.Progress;
import org.learnflow.db.certificates.Authorities;
import org.learnflow.db.certificates.Pair;
import org.learnflow.db.connect.EmbeddedServer;

/**
 * Trains an AOT cache: runs the commands against an embedded PostgreSQL and an answering Kubernetes
 * API. The cache fits only the runtime and the jar files that it was trained with.
 */
final class Training {
  private static final String CACHE = "learnflow-db.aot";
  static final String MAIN = "org.learnflow.db.cli.Main";

  /** Runs all commands: the JVM keeps what one process has loaded. */
  private static final String REHEARSAL = "org.learnflow.db.cli.Rehearsal";

  /** After each command. */
  private static final String END = ",";

  /**
   * Whose classes the cache has: first with work to do, then as most of them run, with none. The
   * help, below, describes, and loads, all commands.
   */
  private static final List<String> COMMANDS =
      List.of(
          "run -v",
          "run",
          "reconcile",
          "verify --lock-timeout 5s",
          "connection",
          "connection --output json",
          "status",
          "plan",
          "drift",
          "wait");

  /** The first hook's, for a release of its own: all is made the first time, and found after that. */
  static final String ENSURE =
      "credentials ensure --release training --credentials-secret training-credentials"
          + " --tls-secret training-tls --tls-name localhost --stateful-set training --data-claim none";

  private static final List<String> WITHOUT_DATABASE =
      List.of("--version", "--help", ENSURE, ENSURE);

  /**
   * Otherwise each start compiles what the training has compiled, which takes longer than it gains:
   * most commands end before.
   */
  private static final String UNLOCK = "-XX:+UnlockDiagnosticVMOptions";

  private static final String NOT_COMPILED = "-XX:-AOTRecordTraining";

  private Training() {}

  /**
   * The cache of the program on a laptop, which works with an embedded database, and with one of a
   * cluster.
   *
   * <p>Class path: dist/lib/learnflow-db.jar and dist/lib/embedded/*. Arguments: DIST, where the
   * cache is left, and WORK (a directory for the training run, created again). Where no such run is
   * possible, the program starts without a cache, and the reason is in WORK.log.
   */
  public static void main(String[] arguments) throws IOException {
    Path dist = Path.of(arguments[0]).toAbsolutePath();
    Path work = Path.of(arguments[1]).toAbsolutePath();
    Files.deleteIfExists(dist.resolve(CACHE));
    System.err.println("build    a trial run, which makes later starts faster");
    try {
      trainProgram(dist, work);
    } catch (Exception e) {
      Path log = Path.of(work + ".log");
      try (PrintWriter reason = new PrintWriter(Files.newBufferedWriter(log))) {
        e.printStackTrace(reason);
      }
      System.err.println("the start is not sped up: no trial run was possible, see " + log);
    }
  }

  private static void trainProgram(Path dist, Path work)
      throws IOException, InterruptedException, GeneralSecurityException {
    Staging.delete(work);
    Files.createDirectories(work);
    Path database = work.resolve("postgresql");
    try (TrainingKubernetesApi kubernetes = new TrainingKubernetesApi(work)) {
      Map<String, String> environment = new HashMap<>(kubernetes.outsideEnvironment());
      environment.put("LEARNFLOW_DB_PUBLISH_TO", "kubernetes");
      environment.put("LEARNFLOW_DB_RELEASE", "learnflow-db");
      environment.put("LEARNFLOW_DB_SEEDS", "reference,sample");
      rehearse(
          environment,
          List.of("--embedded", database.toString()),
          Programs.jdk("java"),
          "@" + dist.resolve("jvm.options"),
          "-XX:AOTCacheOutput=" + dist.resolve(CACHE),
          UNLOCK,
          NOT_COMPILED,
          "-cp",
          // As in its launcher.
          dist.resolve("lib/learnflow-db.jar") + ":" + dist.resolve("lib/embedded/*"));
      kubernetes.checkPublished();
    } finally {
      EmbeddedServer.in(database).stop("immediate");
    }
  }

  /**
   * The cache of the image, which works as the Job in the cluster does, over TLS. Roles are made
   * before, so that the run that is recorded finds them, as all runs but the first do.
   *
   * @param home directory of jre, lib, jvm.options, migrations and seeds
   * @param work directory for the database
   */
  static void train(Path home, Path work)
      throws IOException, InterruptedException, GeneralSecurityException, SQLException {
    Path cache = home.resolve(CACHE);
    EmbeddedServer server = EmbeddedServer.in(work.resolve("postgresql"));
    try (TrainingKubernetesApi kubernetes = new TrainingKubernetesApi(work)) {
      int port = server.start(List.of("learnflow_owner", "learnflow_user"), Progress.SILENT);
      Map<String, String> environment = environment(server, kubernetes);
      List<String> database =
          List.of(
              "--database",
              "postgresql://learnflow_owner@127.0.0.1:%d/learnflow?sslmode=verify-full&sslrootcert=%s&channel_binding=require"
                  .formatted(port, encrypt(port, server, Files.createDirectory(work.resolve("tls")))));
      run(environment, java(home, "-XX:AOTMode=off", MAIN, "roles", database.getFirst(), database.getLast()));
      rehearse(environment, database, java(home, "-XX:AOTCacheOutput=" + cache, UNLOCK, NOT_COMPILED));
      kubernetes.checkPublished();
      new StartCheck(java(home, "-XX:AOTMode=on", "-XX:AOTCache=" + cache), environment, database, work)
          .check();
    } finally {
      server.stop("immediate");
    }
  }

  private static String[] java(Path home, String... more) {
    List<String> command =
        new ArrayList<>(
            List.of(
                home.resolve("jre/bin/java").toString(),
                "@" + home.resolve("jvm.options"),
                "-cp",
                home.resolve("lib/learnflow-db.jar").toString()));
    command.addAll(List.of(more));
    return command.toArray(String[]::new);
  }

  private static void rehearse(
      Map<String, String> environment, List<String> database, String... java)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(java));
    command.add(REHEARSAL);
    for (String rehearsed : COMMANDS) {
      command.addAll(List.of(rehearsed.split(" ", -1)));
      command.addAll(database);
      command.add(END);
    }
    for (String rehearsed : WITHOUT_DATABASE) {
      command.addAll(List.of(rehearsed.split(" ", -1)));
      command.add(END);
    }
    run(environment, command.toArray(String[]::new));
  }

  private static void run(Map<String, String> environment, String... command)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    Programs.run(builder);
  }

  /** Gives the server a certificate, and returns that of its authority. */
  private static Path encrypt(int port, EmbeddedServer server, Path folder)
      throws IOException, SQLException {
    Authorities authorities = Authorities.create(Optional.empty(), Instant.now());
    Pair pair = authorities.issue(List.of("127.0.0.1"), Instant.now());
    Path certificate = Files.writeString(folder.resolve("tls.crt"), pair.certificate());
    Path key = folder.resolve("tls.key");
    Files.createFile(
        key, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(key, pair.key());
    String url = "jdbc:postgresql://127.0.0.1:%d/postgres".formatted(port);
    String password = Files.readString(server.passwords().file(EmbeddedServer.ADMIN)).strip();
    try (Connection admin = DriverManager.getConnection(url, EmbeddedServer.ADMIN, password);
        Statement statement = admin.createStatement()) {
      statement.execute("ALTER SYSTEM SET ssl_cert_file = '%s'".formatted(certificate));
      statement.execute("ALTER SYSTEM SET ssl_key_file = '%s'".formatted(key));
      statement.execute("ALTER SYSTEM SET ssl = on");
      statement.execute("ALTER SYSTEM SET log_connections = on");
      statement.execute("SELECT pg_reload_conf()");
    }
    return Files.writeString(folder.resolve("ca.crt"), authorities.bundle());
  }

  private static Map<String, String> environment(EmbeddedServer server, TrainingKubernetesApi kubernetes) {
    Map<String, String> environment = new HashMap<>(kubernetes.environment());
    environment.put("LEARNFLOW_DB_PASSWORD_FILE", passwordFile(server, "learnflow_owner"));
    environment.put("LEARNFLOW_DB_ADMIN_USER", EmbeddedServer.ADMIN);
    environment.put("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", passwordFile(server, EmbeddedServer.ADMIN));
    environment.put("LEARNFLOW_DB_APP_PASSWORD_FILE", passwordFile(server, "learnflow_user"));
    environment.put("LEARNFLOW_DB_SEEDS", "reference,sample");
    environment.put("LEARNFLOW_DB_PUBLISH_TO", "kubernetes");
    environment.put("LEARNFLOW_DB_RELEASE", "learnflow-db");
    environment.put("LEARNFLOW_DB_STATEFUL_SET", TrainingKubernetesApi.STATEFUL_SET);
    return environment;
  }

  private static String passwordFile(EmbeddedServer server, String role) {
    return server.passwords().file(role).toString();
  }
}

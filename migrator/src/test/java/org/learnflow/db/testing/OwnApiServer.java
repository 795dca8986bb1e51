package org.learnflow.db.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A kube-apiserver with its etcd for this run of tests, without controllers and nodes, where the
 * programs of the test cluster are in the cache and Debian's etcd is installed.
 */
final class OwnApiServer {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Tests speak as an administrator; that of a server on this machine's loopback is no secret. */
  private static final String TOKEN = "test";

  private final Path directory;
  private final Path program;

  private OwnApiServer(Path directory, Path program) {
    this.directory = directory;
    this.program = program;
  }

  /** Starts one, until this process ends; none where it cannot be had. Returns its kubeconfig. */
  static Optional<Path> start() {
    Optional<Path> program = program();
    if (program.isEmpty() || !Programs.onPath("etcd") || !Certificates.canBeMade()) {
      return Optional.empty();
    }
    try {
      Path directory = Files.createTempDirectory("learnflow-db-api");
      return Optional.of(new OwnApiServer(directory, program.get()).run());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Optional<Path> program() {
    Path cache =
        Path.of(
            Optional.ofNullable(System.getenv("XDG_CACHE_HOME"))
                .filter(value -> !value.isEmpty())
                .orElse(System.getProperty("user.home") + "/.cache"),
            "learnflow-db");
    if (!Files.isDirectory(cache)) {
      return Optional.empty();
    }
    try (Stream<Path> files =
        Files.find(
            cache,
            4,
            (path, attributes) ->
                attributes.isRegularFile()
                    && path.endsWith("kube-apiserver")
                    && !path.toString().contains("unfinished"))) {
      return files.sorted().reduce((_, last) -> last);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path run() throws IOException {
    Certificates certificates = Certificates.in(directory);
    int store = LocalPorts.free();
    int peers = LocalPorts.free();
    int port = LocalPorts.free();
    String storeUrl = "http://127.0.0.1:" + store;
    String peerUrl = "http://127.0.0.1:" + peers;
    TestFiles.write(directory.resolve("tokens.csv"), TOKEN + ",test,test,system:masters\n");
    Process etcd =
        start(
            "etcd",
            "etcd",
            "--data-dir=" + directory.resolve("etcd"),
            "--unsafe-no-fsync",
            "--listen-client-urls=" + storeUrl,
            "--advertise-client-urls=" + storeUrl,
            "--listen-peer-urls=" + peerUrl,
            "--initial-advertise-peer-urls=" + peerUrl,
            "--initial-cluster=default=" + peerUrl);
    Process api =
        start(
            "kube-apiserver",
            program.toString(),
            "--etcd-servers=" + storeUrl,
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--secure-port=" + port,
            "--service-cluster-ip-range=10.98.0.0/24",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
            "--token-auth-file=" + directory.resolve("tokens.csv"),
            "--tls-cert-file=" + directory.resolve("server.crt"),
            "--tls-private-key-file=" + directory.resolve("server.key"),
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=" + directory.resolve("server.key"),
            "--service-account-signing-key-file=" + directory.resolve("server.key"));
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(() -> {
              end(api);
              end(etcd);
              TestFiles.deleteRecursively(directory);
            }));
    Path kubeconfig =
        TestFiles.write(
            directory.resolve("kubeconfig"),
            """
            apiVersion: v1
            kind: Config
            current-context: test
            clusters:
            - {name: test, cluster: {server: "https://127.0.0.1:%d", certificate-authority: %s}}
            users: [{name: test, user: {token: %s}}]
            contexts: [{name: test, context: {cluster: test, user: test}}]
            """
                .formatted(port, certificates.authority(), TOKEN));
    awaitReady(port, api);
    return kubeconfig;
  }

  private Process start(String name, String... command) throws IOException {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(new File(directory.toFile(), name + ".log"))
        .start();
  }

  private void awaitReady(int port, Process api) {
    List<String> ask =
        List.of(
            "curl",
            "-fsS",
            "--cacert",
            directory.resolve("ca.crt").toString(),
            "https://127.0.0.1:" + port + "/readyz");
    try {
      Eventually.within(
          PATIENCE,
          "kube-apiserver is ready, see " + directory,
          () -> api.isAlive() && Programs.run(Map.of(), ask).exitCode() == 0);
    } catch (SQLException e) {
      throw new IllegalStateException("no SQL here", e);
    }
  }

  private static void end(Process process) {
    process.destroyForcibly();
    process.onExit().join();
  }
}

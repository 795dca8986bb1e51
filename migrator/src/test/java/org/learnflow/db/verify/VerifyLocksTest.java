package org.learnflow.db.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Looking at a database is in nobody's way, and nobody is in its way for long. */
@ExtendWith(PostgresExtension.class)
class VerifyLocksTest {
  private static final Duration SOON = Duration.ofSeconds(8);

  private static final String WAITING =
      """
      SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE NOT l.granted AND l.relation = '%s'::regclass AND a.application_name = 'learnflow-db'
      """;

  /** What CREATE INDEX holds while it runs, and what ALTER TABLE holds. */
  @ParameterizedTest
  @ValueSource(strings = {"SHARE", "ACCESS EXCLUSIVE"})
  void aLockOfOthersIsANoteAndNotUnhealthy(String mode, TestDatabase database) throws Exception {
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE curriculum IN %s MODE".formatted(mode));
      CompletableFuture<CliResult> verifying = database.cli().runInBackground("verify");
      long start = System.nanoTime();
      database.awaitRow(WAITING.formatted("public.curriculum"));
      CliResult result = verifying.join();
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(SOON);
      assertThat(result).exited(ExitCode.OK).answers("healthy");
      assertThat(result.out())
          .contains("! rights: ", "locked by another session", "public.curriculum");
    }
  }

  /** The limit of all waits is one for all services. */
  @Test
  void manyServicesDoNotWaitOneAfterTheOther(TestDatabase database, @TempDir Path directory)
      throws Exception {
    List<String> tables =
        List.of("users", "progress", "curriculum", "exercises", "code_executions", "submissions");
    StringBuilder rights = new StringBuilder("service,relation,privileges,columns\n");
    List<String> services = new ArrayList<>();
    for (int i = 1; i <= 12; i++) {
      services.add("{\"name\": \"s%d\", \"role\": \"%s_s%d\"}".formatted(i, database.service(), i));
      TestFiles.write(directory.resolve("service-s%d-password".formatted(i)), "secret-" + i);
      for (String table : tables) {
        rights.append("s%d,%s,SELECT,\n".formatted(i, table));
      }
    }
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_SERVICES", services.toString())
            .with("LEARNFLOW_DB_SERVICE_PASSWORDS", directory.toString())
            .with(
                "LEARNFLOW_DB_SERVICE_RIGHTS",
                TestFiles.write(directory.resolve("services.csv"), rights.toString()).toString());
    assertThat(cli.run("run")).exited(ExitCode.OK);
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute(
          "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE".formatted(String.join(", ", tables)));
      long start = System.nanoTime();
      CliResult result = cli.run("verify");
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(SOON);
      assertThat(result).exited(ExitCode.OK).answers("healthy");
      assertThat(result.out())
          .containsPattern("! rights: .*_s1\\) can run 0 .*locked by another session: .*and 1 more")
          .containsPattern(
              "! rights: .*_s12\\) can run 0 .*locked by another session: .*and 1 more");
    }
  }

  @Test
  void whatLooksAtDriftSaysThatALockIsInTheWay(TestDatabase database) throws Exception {
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE curriculum, compat.users IN ACCESS EXCLUSIVE MODE");
      CliResult status = database.cli().run("status", "--lock-timeout", "300ms");
      assertThat(status).exited(ExitCode.OK);
      assertThat(status.out())
          .contains("Drift:       unknown, because another session holds a lock on a table");
      assertThat(database.cli().run("drift", "--lock-timeout", "300ms"))
          .exited(ExitCode.FAILED)
          .says("drift got no lock within lock_timeout", "pg_locks", "--lock-timeout");
      assertThat(database.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
    }
  }

  /** A session that wants two tables, and has the one that verify asks for. */
  @Test
  void nobodyMeetsItInADeadlock(TestDatabase database) throws Exception {
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("LOCK TABLE users IN SHARE MODE");
      CompletableFuture<CliResult> verifying = database.cli().runInBackground("verify");
      database.awaitRow(WAITING.formatted("public.users"));
      // Verify has looked at this one before.
      long start = System.nanoTime();
      statement.execute("LOCK TABLE curriculum, exercises IN SHARE MODE");
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofMillis(900));
      assertThat(verifying.join()).exited(ExitCode.OK).answers("healthy");
    }
  }

  /** It answers until verify asks for a plan, and then never again. */
  @Test
  void aServerThatStopsAnsweringIsToldWithinTheTimeout(TestDatabase database) throws Exception {
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
    try (FreezingProxy proxy = new FreezingProxy(database.server().port(), "EXPLAIN")) {
      long start = System.nanoTime();
      CliResult result =
          database
              .cli()
              .with(
                  "LEARNFLOW_DB_DATABASE",
                  database.uri().replace(":" + database.server().port(), ":" + proxy.port()))
              .run("verify", "--timeout", "3s");
      Duration took = Duration.ofNanos(System.nanoTime() - start);
      assertThat(proxy.isFrozen()).isTrue();
      assertThat(result).exited(ExitCode.FAILED);
      assertThat(result.lastLine()).startsWith("unhealthy: ").contains("3 s");
      assertThat(took).isBetween(Duration.ofSeconds(2), Duration.ofSeconds(5));
    }
  }

  /** A Kubernetes API that takes connections and says nothing. */
  @Test
  void anApiThatDoesNotAnswerIsToldWithinTheTimeout(TestDatabase database, @TempDir Path folder)
      throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Path config =
          TestFiles.write(
              folder.resolve("kubeconfig"),
              """
              apiVersion: v1
              kind: Config
              current-context: c
              contexts: [{name: c, context: {cluster: c, user: u}}]
              clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
              users: [{name: u, user: {token: t}}]
              """
                  .formatted(silent.getLocalPort()));
      long start = System.nanoTime();
      CliResult result =
          database
              .cli()
              .without("LEARNFLOW_DB_DATABASE")
              .without("LEARNFLOW_DB_PASSWORD_FILE")
              .with("KUBECONFIG", config.toString())
              .start("verify", "--release", "r", "--timeout", "3s")
              .await();
      Duration took = Duration.ofNanos(System.nanoTime() - start);
      assertThat(result).exited(ExitCode.FAILED);
      assertThat(result.lastLine()).startsWith("unhealthy: release: ").contains("3 s");
      // The API is waited for 10 s; a process begins within some.
      assertThat(took).isLessThan(Duration.ofSeconds(9));
    }
  }

  /** Passes everything on until the client says a word; from then on nothing, both ways. */
  private static final class FreezingProxy implements AutoCloseable {
    private final ServerSocket listening;
    private final int target;
    private final String word;
    private final AtomicBoolean frozen = new AtomicBoolean();
    private final CountDownLatch end = new CountDownLatch(1);

    FreezingProxy(int target, String word) throws IOException {
      this.listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
      this.target = target;
      this.word = word;
      Thread.ofVirtual().start(this::accept);
    }

    int port() {
      return listening.getLocalPort();
    }

    boolean isFrozen() {
      return frozen.get();
    }

    private void accept() {
      try {
        while (true) {
          Socket client = listening.accept();
          Socket server = new Socket(InetAddress.getLoopbackAddress(), target);
          Thread.ofVirtual().start(() -> pass(client, server, true));
          Thread.ofVirtual().start(() -> pass(server, client, false));
        }
      } catch (IOException e) {
        // It was closed.
      }
    }

    private void pass(Socket from, Socket to, boolean listens) {
      byte[] buffer = new byte[1 << 16];
      try (from;
          to) {
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
          if (listens && new String(buffer, 0, n, StandardCharsets.ISO_8859_1).contains(word)) {
            frozen.set(true);
          }
          if (frozen.get()) {
            end.await();
          }
          out.write(buffer, 0, n);
        }
      } catch (IOException e) {
        // One of both is gone.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void close() {
      end.countDown();
      try {
        listening.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}

package org.learnflow.db.connect;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.LocalPorts;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Waiting tells "not yet" from "never": it ends as soon as it is clear which, and says why. */
@ExtendWith(PostgresExtension.class)
class WaitingTest {
  /** A limit for what must not wait for a --timeout of a minute. */
  private static final Duration AT_ONCE = Duration.ofSeconds(4);

  @Test
  void aClosedPortIsReportedAsRefusedWhenTheTimeoutIsOver(TestDatabase database) throws Exception {
    Cli cli = at(database, "127.0.0.1", LocalPorts.free());
    Timed timed = timed(() -> cli.run("wait", "--timeout", "1s"));
    assertThat(timed.result())
        .exited(ExitCode.NOT_REACHED)
        .says("refused", "within 1 s", "state: nothing was changed", "--timeout");
    assertThat(timed.took()).isBetween(Duration.ofMillis(300), Duration.ofSeconds(2));
  }

  @Test
  void anUnknownHostIsNamedAndTheTimeoutIsKept(TestDatabase database) throws Exception {
    Cli cli = at(database, "no-such-host.invalid", 5432);
    Timed timed = timed(() -> cli.run("wait", "--timeout", "1s"));
    assertThat(timed.result())
        .exited(ExitCode.NOT_REACHED)
        .says("the host name no-such-host.invalid is unknown", "check the host name");
    assertThat(timed.took()).isLessThan(AT_ONCE);
  }

  @Test
  void aHostNameThatAppearsInDnsAfterAMomentIsFound(TestDatabase database, @TempDir Path directory)
      throws Exception {
    Path hosts = TestFiles.write(directory.resolve("hosts"), "127.0.0.1 other.invalid\n");
    Cli.Running running =
        at(database.withRoles(), "postgres.postgres.svc.invalid", database.server().port())
            .with("JAVA_TOOL_OPTIONS", "-Djdk.net.hosts.file=" + hosts)
            .start("wait", "--timeout", "30s");
    running.awaitOnStderr("is unknown");
    TestFiles.write(hosts, database.server().host() + " postgres.postgres.svc.invalid\n");
    Timed timed = timed(running::await);
    assertThat(timed.result()).exited(ExitCode.OK);
    assertThat(timed.took()).isLessThan(AT_ONCE);
  }

  @Test
  void aPortThatAcceptsButNeverAnswersDoesNotOutlastTheTimeout(TestDatabase database)
      throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Cli cli = at(database, "127.0.0.1", silent.getLocalPort());
      Timed timed = timed(() -> cli.run("wait", "--timeout", "1s"));
      assertThat(timed.result()).exited(ExitCode.NOT_REACHED);
      assertThat(timed.took()).isLessThan(Duration.ofSeconds(3));
    }
  }

  /** Another program's port, or a Service of another program. */
  @ParameterizedTest
  @ValueSource(strings = {"prefer", "require", "disable"})
  void aHostThatDoesNotSpeakPostgresqlIsReportedAtOnce(String mode, TestDatabase database)
      throws Exception {
    AtomicInteger met = new AtomicInteger();
    try (ServerSocket web = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> answerHttp(web, met));
      Cli cli =
          database
              .cli()
              .with(
                  "LEARNFLOW_DB_DATABASE",
                  "postgresql://%s@127.0.0.1:%d/%s?sslmode=%s"
                      .formatted(database.owner(), web.getLocalPort(), database.name(), mode));
      Timed timed = timed(() -> cli.run("wait", "--timeout", "60s"));
      assertThat(timed.result())
          .exited(ExitCode.USAGE)
          .says(
              "the server does not speak PostgreSQL's protocol",
              "nothing was changed",
              "externalDatabase.host");
      assertThat(timed.took()).isLessThan(AT_ONCE);
    }
    assertThat(met.get()).as("answers").isPositive();
  }

  private static void answerHttp(ServerSocket web, AtomicInteger met) {
    while (!web.isClosed()) {
      try (Socket client = web.accept()) {
        client.getInputStream().readNBytes(8);
        // Before it answers: the one who asks may have ended before this goes on.
        met.incrementAndGet();
        client
            .getOutputStream()
            .write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".getBytes(US_ASCII));
        client.shutdownOutput();
        client.getInputStream().readAllBytes();
      } catch (IOException e) {
        // Closed by one side or the other.
      }
    }
  }

  @Test
  void aWrongPasswordIsReportedAtOnce(TestDatabase database, @TempDir Path directory)
      throws Exception {
    database.withRoles();
    Path wrong = TestFiles.write(directory.resolve("wrong"), "not-the-password");
    Timed timed =
        timed(() ->
            database
                .cli()
                .with("LEARNFLOW_DB_PASSWORD_FILE", wrong.toString())
                .run("wait", "--timeout", "60s"));
    assertThat(timed.result())
        .exited(ExitCode.CREDENTIALS_REFUSED)
        .says("password authentication failed", "SQLSTATE 28P01", "--password-file")
        .doesNotSay("not-the-password");
    assertThat(timed.took()).isLessThan(AT_ONCE);
  }

  @Test
  void aMissingPasswordIsReportedAtOnce(TestDatabase database) throws Exception {
    database.withRoles();
    Timed timed =
        timed(() ->
            database.cli().without("LEARNFLOW_DB_PASSWORD_FILE").run("wait", "--timeout", "60s"));
    assertThat(timed.result())
        .exited(ExitCode.CREDENTIALS_REFUSED)
        .says("no password was provided", "--password-file, PGPASSWORD or DATABASE_URL");
    assertThat(timed.took()).isLessThan(AT_ONCE);
  }

  @Test
  void aMissingDatabaseIsNotDeployedUntilAdminCredentialsLetItBeMade(
      TestDatabase database, @TempDir Path directory) throws Exception {
    database.withRoles();
    dropDatabase(database);
    Cli withoutAdmin =
        database
            .cli()
            .without("LEARNFLOW_DB_ADMIN_USER")
            .with("LEARNFLOW_DB_PUBLISH_TO", "file:" + directory.resolve("env"));
    for (String command : new String[] {"wait", "run", "migrate", "seed", "publish", "status"}) {
      assertThat(withoutAdmin.run(command))
          .exited(ExitCode.NOT_DEPLOYED)
          .says(
              "database " + database.name() + " does not exist", "SQLSTATE 3D000", "--admin-user");
    }
    assertThat(database.cli().run("run")).exited(ExitCode.OK).answers("healthy");
  }

  @Test
  void aReadOnlyDatabaseIsNotUsed(TestDatabase database) throws Exception {
    database.withRoles();
    database.execute(
        PostgresServer.ADMIN,
        "ALTER DATABASE %s SET default_transaction_read_only = on".formatted(database.name()));
    assertThat(database.cli().run("migrate", "--timeout", "0"))
        .exited(ExitCode.NOT_REACHED)
        .says("it is read-only (default_transaction_read_only is on)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "roles",
        "wait",
        "migrate",
        "migrate --dry-run",
        "seed",
        "publish",
        "status"
      })
  void everyCommandRefusesPostgres14(String command, @TempDir Path directory) {
    TestDatabase database = onPostgres14(directory);
    Cli cli = database.cli().with("LEARNFLOW_DB_PUBLISH_TO", "file:" + directory.resolve("env"));
    assertThat(cli.run(command.split(" ", -1)))
        .exited(ExitCode.REFUSED)
        .says(
            "PostgreSQL 14 is not supported (supported: 15 to 18)",
            "nothing was changed",
            "newer PostgreSQL server");
  }

  @Test
  void verifySaysThatPostgres14IsUnhealthy(@TempDir Path directory) {
    assertThat(onPostgres14(directory).cli().run("verify"))
        .exited(ExitCode.FAILED)
        .answers("unhealthy: reachable: PostgreSQL 14 is not supported (supported: 15 to 18)");
  }

  /** The superuser as owner of the maintenance database, since no role can be made there. */
  private static TestDatabase onPostgres14(Path directory) {
    PostgresServer server = PostgresServers.shared(14);
    TestDatabase made = TestDatabase.on(server, directory);
    return new TestDatabase(
        server, "postgres", PostgresServer.ADMIN, made.service(), made.passwords());
  }

  static void dropDatabase(TestDatabase database) throws Exception {
    try (var connection = database.connect(PostgresServer.ADMIN, "postgres");
        var statement = connection.createStatement()) {
      statement.execute("DROP DATABASE " + database.name());
    }
  }

  private static Cli at(TestDatabase database, String host, int port) {
    return database
        .cli()
        .with(
            "LEARNFLOW_DB_DATABASE",
            "postgresql://%s@%s:%d/%s".formatted(database.owner(), host, port, database.name()));
  }

  private record Timed(CliResult result, Duration took) {}

  private static Timed timed(Callable<CliResult> work) throws Exception {
    long start = System.nanoTime();
    CliResult result = work.call();
    return new Timed(result, Duration.ofNanos(System.nanoTime() - start));
  }
}

package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Certificates;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** TLS as sslmode asks for it, or an error at once that says it is about TLS. */
class TlsTest {
  @TempDir private static Path directory;
  private static Certificates certificates;
  private static OwnServer server;
  private static TestDatabase database;

  @BeforeAll
  static void start() throws Exception {
    assumeTrue(Certificates.canBeMade(), "skipped: there is no openssl to make certificates with");
    certificates = Certificates.in(Files.createDirectory(directory.resolve("certificates")));
    server =
        OwnServer.start(
            directory.resolve("server"), PostgresServers.DEFAULT_MAJOR, certificates.settings());
    database = server.database().withRoles();
  }

  @AfterAll
  static void stop() {
    if (server != null) {
      server.close();
    }
  }

  @Test
  void aServerWithoutTlsIsNotUsedWhereTlsIsRequired(@TempDir Path passwords) {
    TestDatabase plain =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), passwords)
            .withRoles();
    assertFailsAtOnce(
        with(plain, plain.server().host(), "sslmode=require"), "does not support SSL", "require");
  }

  /** It needs TLS, so that a session without it tells that the parameter has an effect. */
  @Test
  void channelBindingIsRequiredWhereTheUriRequiresIt() {
    assertThat(
            with(
                    database,
                    "127.0.0.1",
                    "sslmode=require&channel_binding=require&application_name=x&connect_timeout=9"
                        + "&target_session_attrs=read-write&keepalives=1")
                .run("wait"))
        .exited(ExitCode.OK);
    CliResult without =
        with(database, "127.0.0.1", "sslmode=disable&channel_binding=require")
            .run("wait", "--timeout", "2s");
    assertThat(without.exitCode()).as(without.all()).isNotZero();
    assertThat(without).says("Channel Binding is required");
    assertThat(with(database, "127.0.0.1", "sslmode=disable").run("wait")).exited(ExitCode.OK);
  }

  @ParameterizedTest
  @ValueSource(strings = {"verify-ca", "verify-full"})
  void aServerThatTheAuthorityDidNotSignIsRefused(String mode, @TempDir Path other) {
    Certificates wrong = Certificates.in(other);
    assertFailsAtOnce(
        with(database, "127.0.0.1", "sslmode=" + mode + "&sslrootcert=" + wrong.authority()),
        "trust anchors",
        mode);
  }

  @Test
  void aServerCertificateForAnotherHostIsRefusedByVerifyFullOnly() {
    String trusted = "&sslrootcert=" + certificates.authority();
    assertFailsAtOnce(
        with(database, "localhost", "sslmode=verify-full" + trusted), "localhost", "verify-full");
    assertThat(with(database, "localhost", "sslmode=verify-ca" + trusted).run("wait"))
        .exited(ExitCode.OK);
  }

  @Test
  void aCertificateThatHasExpiredIsRefusedAtOnce(@TempDir Path other) throws Exception {
    Certificates expired = Certificates.in(other).expired();
    try (OwnServer late =
        OwnServer.start(
            directory.resolve("late"), PostgresServers.DEFAULT_MAJOR, expired.settings())) {
      assertFailsAtOnce(
          with(
              late.database(),
              "127.0.0.1",
              "sslmode=verify-full&sslrootcert=" + expired.authority()),
          "certificate_expired",
          "verify-full");
    }
  }

  /** The authority that the user trusts is the server's own certificate, but for another name. */
  @Test
  void aServerThatSignedItsOwnCertificateIsRefusedAtOnce(@TempDir Path other) throws Exception {
    Certificates own = Certificates.in(other);
    Files.copy(own.authority(), other.resolve("server.crt"), StandardCopyOption.REPLACE_EXISTING);
    Files.copy(
        other.resolve("ca.key"), other.resolve("server.key"), StandardCopyOption.REPLACE_EXISTING);
    try (OwnServer alone =
        OwnServer.start(
            directory.resolve("alone"), PostgresServers.DEFAULT_MAJOR, own.settings())) {
      TestDatabase its = alone.database();
      assertFailsAtOnce(
          with(its, "127.0.0.1", "sslmode=verify-full&sslrootcert=" + certificates.authority()),
          "trust anchors",
          "verify-full");
      assertFailsAtOnce(
          with(its, "127.0.0.1", "sslmode=verify-full&sslrootcert=" + own.authority()),
          "127.0.0.1",
          "verify-full");
    }
  }

  /** A server that goes down, or a load balancer before one, ends the handshake. */
  @Test
  void aHandshakeThatBreaksOffIsTriedAgain() throws Exception {
    AtomicInteger met = new AtomicInteger();
    try (ServerSocket breaking = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
      Thread.ofVirtual().start(() -> breakOff(breaking, met));
      assertThat(
              with(
                      new TestDatabase(
                          new PostgresServer(
                              "127.0.0.1",
                              breaking.getLocalPort(),
                              database.server().adminPassword(),
                              "breaks off"),
                          database.name(),
                          database.owner(),
                          database.service(),
                          database.passwords()),
                      "127.0.0.1",
                      "sslmode=verify-full&sslrootcert=" + certificates.authority())
                  .run("wait", "--timeout", "2s"))
          .exited(ExitCode.NOT_REACHED)
          .says("the database was not reached within");
    }
    assertThat(met.get()).as("handshakes").isGreaterThan(1);
  }

  private static void breakOff(ServerSocket breaking, AtomicInteger met) {
    while (!breaking.isClosed()) {
      try (Socket client = breaking.accept()) {
        client.getInputStream().readNBytes(8); // SSLRequest
        client.getOutputStream().write('S');
        client.getInputStream().readNBytes(16); // what ClientHello begins with
        met.incrementAndGet();
      } catch (IOException e) {
        // Closed by one side or the other.
      }
    }
  }

  @Test
  void anAddressThatTheServerDoesNotLetInIsNoWrongPassword() throws Exception {
    Path file = server.data().resolve("pg_hba.conf");
    String rules = TestFiles.read(file);
    try {
      rule(file, rules.replaceAll("(?m)^host ", "hostssl "), "pg_hba.conf");
      CliResult refused = with(database, "127.0.0.1", "sslmode=disable").run("wait");
      assertThat(refused)
          .exited(ExitCode.CREDENTIALS_REFUSED)
          .says(
              "the server rejected this address: no pg_hba.conf entry",
              "SQLSTATE 28000",
              "sslmode=require")
          .doesNotSay("--password-file");
    } finally {
      rule(file, rules, "");
    }
  }

  /** Waits until the server says so without TLS; nothing where it lets it in. */
  private static void rule(Path file, String rules, String said) throws Exception {
    TestFiles.write(file, rules);
    database.query(PostgresServer.ADMIN, "SELECT pg_reload_conf()");
    Eventually.within(
        Duration.ofSeconds(30),
        "the rules are in force",
        () -> {
          CliResult result =
              with(database, "127.0.0.1", "sslmode=disable").run("wait", "--timeout", "60s");
          return said.isEmpty() ? result.exitCode() == 0 : result.err().contains(said);
        });
  }

  @Test
  void aRootCertificateThatIsNotThereIsNamedWithWhereAReleaseHasItFrom() {
    Path missing = directory.resolve("not-there.crt");
    assertThat(
            with(database, "127.0.0.1", "sslmode=verify-full&sslrootcert=" + missing)
                .run("run", "--timeout", "60s"))
        .exited(ExitCode.USAGE)
        .says(
            "the file that sslrootcert names does not exist",
            missing.toString(),
            "externalDatabase.ca.existingSecret",
            "externalDatabase.ca.key");
  }

  @Test
  void aRootCertificateThatIsNoneIsNamed() {
    Path none = TestFiles.write(directory.resolve("no-certificate"), "nothing of the kind\n");
    assertFailsAtOnce(
        with(database, "127.0.0.1", "sslmode=verify-full&sslrootcert=" + none),
        none.toString(),
        "verify-full");
  }

  @Test
  void theRightAuthorityIsTrustedInEveryStepAndPublishedWithTheConnection() throws Exception {
    Cli cli =
        with(database, "127.0.0.1", "sslmode=verify-full&sslrootcert=" + certificates.authority());
    assertThat(cli.run("run", "--publish-to", "file:" + directory.resolve("env")))
        .exited(ExitCode.OK)
        .answers("healthy");
    assertThat(directory.resolve("env"))
        .content()
        .contains(
            "/" + database.name() + "?sslmode=verify-full\n",
            "PGSSLMODE=verify-full\n",
            "PGSSLROOTCERT=" + directory.resolve("env.crt") + "\n");
    assertThat(database.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        .as("the server offers TLS to whoever prefers it")
        .containsExactly("t");
    String pem = Files.readString(certificates.authority());
    assertThat(directory.resolve("env.crt")).hasContent(pem);
    assertThat(cli.run("connection", "--output", "json").out())
        .contains("\"ca.crt\":\"" + pem.replace("\n", "\\n") + "\"");
  }

  @Test
  void psqlTrustsItWithWhatWasPublished() {
    assumeTrue(Programs.onPath("psql"), "there is no psql; make test-java brings it");
    Path env = directory.resolve("psql.env");
    Cli cli =
        with(database, "127.0.0.1", "sslmode=verify-full&sslrootcert=" + certificates.authority());
    assertThat(cli.run("run", "--publish-to", "file:" + env)).exited(ExitCode.OK);
    CliResult psql =
        Programs.run(
            Map.of(),
            List.of(
                "sh",
                "-c",
                "set -a; . \"$1\"; psql -XAtc 'SELECT ssl FROM pg_stat_ssl WHERE pid ="
                    + " pg_backend_pid()' \"$DATABASE_URL\"",
                "sh",
                env.toString()));
    assertThat(psql.out()).isEqualTo("t\n");
  }

  private static void assertFailsAtOnce(Cli cli, String reason, String mode) {
    long start = System.nanoTime();
    assertThat(cli.run("wait", "--timeout", "60s"))
        .exited(ExitCode.REFUSED)
        .says("error: TLS failed: ", reason, "with sslmode " + mode, "sslrootcert");
    assertThat((System.nanoTime() - start) / 1e9).as("seconds").isLessThan(5);
    CliResult verified = cli.run("verify", "--timeout", "60s");
    assertThat(verified).exited(ExitCode.FAILED);
    assertThat(verified.lastLine()).startsWith("unhealthy: reachable: TLS failed: ");
  }

  private static Cli with(TestDatabase database, String host, String parameters) {
    return database
        .cli()
        .with(
            "LEARNFLOW_DB_DATABASE",
            "postgresql://%s@%s:%d/%s?%s"
                .formatted(
                    database.owner(), host, database.server().port(), database.name(), parameters));
  }
}

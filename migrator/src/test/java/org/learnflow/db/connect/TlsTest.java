package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
import org.learnflow.db.testing.OwnServer;
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
        .contains("/" + database.name() + "?sslmode=verify-full\n", "PGSSLMODE=verify-full\n");
    assertThat(database.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        .as("the server offers TLS to whoever prefers it")
        .containsExactly("t");
    String pem = Files.readString(certificates.authority());
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
            Map.of("PGSSLROOTCERT", certificates.authority().toString()),
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
        .exited(ExitCode.FAILED)
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

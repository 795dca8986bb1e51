package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.certificates.Pair;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.ServerTls;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** A server with the certificates that the program issues: renewed, expired, wrong. */
class ServerCertificateTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  @TempDir private static Path directory;
  private static ServerTls tls;
  private static OwnServer server;
  private static TestDatabase database;
  private static String rules;

  @BeforeAll
  static void start() throws Exception {
    tls = ServerTls.in(Files.createDirectory(directory.resolve("tls")));
    server =
        OwnServer.start(directory.resolve("server"), PostgresServers.DEFAULT_MAJOR, tls.settings());
    database = server.database();
    rules = TestFiles.read(server.data().resolve("pg_hba.conf"));
    assertThat(verifying("127.0.0.1").run("run")).exited(ExitCode.OK);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @AfterEach
  void showAGoodOneAgain() throws Exception {
    TestFiles.write(server.data().resolve("pg_hba.conf"), rules);
    load(issued(Duration.ZERO));
  }

  private static Cli verifying(String host) {
    return with(host, "sslmode=verify-full&channel_binding=require&sslrootcert=" + tls.authority());
  }

  private static Cli with(String host, String parameters) {
    return database
        .cli()
        .with(
            "LEARNFLOW_DB_DATABASE",
            "postgresql://%s@%s:%d/%s?%s"
                .formatted(
                    database.owner(), host, database.server().port(), database.name(), parameters));
  }

  private static Pair issued(Duration later) {
    return tls.authorities().issue(ServerTls.NAMES, Instant.now().plus(later));
  }

  /** Writes it, and waits until the server shows it after a reload. */
  private static void load(Pair pair) throws SQLException {
    tls.show(pair);
    reload();
    Eventually.within(LIMIT, "the server shows the certificate", () -> isShown(pair));
  }

  private static void reload() throws SQLException {
    database.query(PostgresServer.ADMIN, "SELECT pg_reload_conf()");
  }

  private static boolean isShown(Pair pair) {
    try {
      byte[] shown = probe().certificates().certificates().getFirst().getEncoded();
      byte[] wanted =
          Base64.getMimeDecoder().decode(pair.certificate().replaceAll("-----[A-Z ]+-----", ""));
      return Arrays.equals(shown, wanted);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static TlsProbe probe() {
    return new TlsProbe(
        new DatabaseAddress(
            "127.0.0.1",
            database.server().port(),
            database.name(),
            database.owner(),
            SslMode.REQUIRE,
            Optional.empty()),
        true);
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "localhost"})
  void itIsVerifiedUnderEachOfItsNamesWithTls13(String host) {
    CliResult verified = verifying(host).run("verify");
    assertThat(verified).exited(ExitCode.OK).answers("healthy");
    assertThat(verified.out())
        .containsPattern(
            "✓ tls: TLSv1.3 with TLS_\\S+; certificate valid for 364 more days; authority valid for"
                + " 3649 more days\n");
    assertThat(verifying(host).run("status").out()).contains("TLS:         TLSv1.3 with TLS_");
  }

  /** In days from now on. */
  @ParameterizedTest
  @CsvSource({"-400, certificate_expired", "2, certificate"})
  void onlyACertificateThatIsValidNowIsAccepted(int days, String reason) throws Exception {
    load(issued(Duration.ofDays(days)));
    assertThat(verifying("127.0.0.1").run("wait", "--timeout", "20s"))
        .exited(ExitCode.REFUSED)
        .says("TLS failed: ", reason, "sslmode verify-full");
    CliResult unverified = with("127.0.0.1", "sslmode=require").run("verify");
    assertThat(unverified).exited(ExitCode.OK);
    assertThat(unverified.out())
        .contains(
            days < 0 ? "not verified, expired on " : "not verified, valid only from ",
            "clients that verify it are rejected; next: renew the certificate on the server");
  }

  /** The program's clock is behind, or ahead of, the one that the certificate was issued by. */
  @ParameterizedTest
  @ValueSource(ints = {-1, 1})
  void clocksThatDifferByAnHourDoNotMatter(int hours) throws Exception {
    load(issued(Duration.ofHours(hours)));
    assertThat(verifying("127.0.0.1").run("wait")).exited(ExitCode.OK);
  }

  @Test
  void aCertificateForAnotherNameIsRefused() throws Exception {
    load(tls.authorities().issue(List.of("other.example"), Instant.now()));
    assertThat(verifying("localhost").run("wait", "--timeout", "20s"))
        .exited(ExitCode.REFUSED)
        .says("TLS failed: ", "localhost");
  }

  /** The hook renews it, and the server shows the old one for up to a minute. */
  @Test
  void aReleasesOwnServerHasTimeToShowARenewedCertificate() throws Exception {
    load(tls.authorities().issue(List.of("other.example"), Instant.now()));
    DatabaseAddress address =
        new DatabaseAddress(
            "localhost",
            database.server().port(),
            database.name(),
            database.owner(),
            SslMode.VERIFY_FULL,
            Optional.of(tls.authority()));
    Optional<Password> password = Optional.of(database.password(database.owner()));
    Hosting own =
        new Hosting() {
          @Override
          public boolean renewsCertificate() {
            return true;
          }
        };
    List<String> told = new CopyOnWriteArrayList<>();
    Readiness readiness =
        new Readiness(
            new Connector(LIMIT, LIMIT).dataSource(address, password),
            address,
            password,
            LIMIT,
            new Progress() {
              @Override
              public void line(String step, String text) {
                told.add(text);
              }

              @Override
              public void update(String step, String text) {}
            },
            own);
    CompletableFuture<Connection> awaited = CompletableFuture.supplyAsync(readiness::await);
    Eventually.within(
        LIMIT, "it was refused", () -> String.join("", told).contains("TLS failed: "));
    load(issued(Duration.ZERO));
    try (Connection connection = awaited.join()) {
      assertThat(connection.isValid(5)).isTrue();
    }
  }

  @Test
  void whatEndsSoonIsAWarning() throws Exception {
    load(issued(Duration.ofDays(-300)));
    CliResult verified = verifying("127.0.0.1").run("verify");
    assertThat(verified).exited(ExitCode.OK).answers("healthy");
    assertThat(verified.out())
        .containsPattern(
            "! tls: .*; certificate valid for 6[45] more days; authority .*; next: renew the certificate on the server\n");
  }

  @Test
  void aServerThatIsNotVerifiedIsAWarning() {
    assertThat(with("127.0.0.1", "sslmode=require").run("verify").out())
        .containsPattern(
            "! tls: .*certificate, not verified, .*next: verify it: sslmode=verify-full");
    assertThat(with("127.0.0.1", "sslmode=prefer").run("verify").out())
        .doesNotContain(" tls: ", "plaintext");
  }

  @Test
  void verifySaysWhetherClientsWithoutTlsAreRefused() throws Exception {
    assertThat(verifying("127.0.0.1").run("verify").out())
        .contains("! plaintext: the server accepts connections without TLS; next: write hostssl");
    TestFiles.write(
        server.data().resolve("pg_hba.conf"), rules.replaceAll("(?m)^host ", "hostssl "));
    reload();
    Eventually.within(
        LIMIT, "the rules are in force", () -> probe().plainText() == TlsProbe.PlainText.REFUSED);
    CliResult refused = verifying("127.0.0.1").run("verify");
    assertThat(refused).exited(ExitCode.OK).answers("healthy");
    assertThat(refused.out()).contains("✓ plaintext: refused\n");
    TestFiles.write(server.data().resolve("pg_hba.conf"), rules);
    reload();
    Eventually.within(
        LIMIT, "the rules are in force", () -> probe().plainText() == TlsProbe.PlainText.ACCEPTED);
  }

  /** PostgreSQL keeps what it has loaded; only a start fails. */
  @ParameterizedTest
  @ValueSource(strings = {"another key", "no key"})
  void aKeyThatDoesNotFitIsNotLoaded(String what) throws Exception {
    Pair good = issued(Duration.ZERO);
    load(good);
    long before = refusals();
    tls.show(
        new Pair(
            issued(Duration.ZERO).certificate(),
            what.equals("no key") ? "" : issued(Duration.ZERO).key()));
    reload();
    Eventually.within(LIMIT, "the server reports it", () -> refusals() > before);
    assertThat(isShown(good)).isTrue();
    assertThat(verifying("127.0.0.1").run("wait")).exited(ExitCode.OK);
  }

  private static long refusals() {
    return server.log().stream()
        .filter(line -> line.contains("SSL configuration was not reloaded"))
        .count();
  }

  @Test
  void aRenewedCertificateIsLoadedUnderAnOpenSession() throws Exception {
    try (Connection open = database.connect(database.owner());
        var statement = open.createStatement()) {
      load(issued(Duration.ofDays(-100)));
      load(issued(Duration.ZERO));
      statement.execute("SELECT 1");
    }
    assertThat(verifying("127.0.0.1").run("verify").out()).contains("valid for 364 more days");
  }

  @Test
  void aCertificateIsRenewedDuringAMigration() throws Exception {
    TestDatabase fresh = server.database().withRoles();
    Path migrations = directory.resolve("migrations");
    TestFiles.write(
        migrations.resolve("V1__wait.sql"),
        "CREATE TABLE t (id int);\nSELECT pg_advisory_xact_lock(21);\n");
    TestFiles.write(migrations.resolve("V2__more.sql"), "INSERT INTO t VALUES (1);\n");
    CompletableFuture<CliResult> run;
    try (Connection lock = fresh.connect(PostgresServer.ADMIN);
        var statement = lock.createStatement()) {
      statement.execute("SELECT pg_advisory_lock(21)");
      run =
          fresh
              .cli()
              .with(
                  "LEARNFLOW_DB_DATABASE",
                  fresh.uri() + "?sslmode=verify-full&sslrootcert=" + tls.authority())
              .with("LEARNFLOW_DB_MIGRATIONS", migrations.toString())
              .with("LEARNFLOW_DB_LOCK_TIMEOUT", "60s")
              .runInBackground("migrate");
      fresh.awaitRow(
          "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 21 AND NOT granted");
      load(issued(Duration.ZERO));
    }
    assertThat(run.join()).exited(ExitCode.OK);
    assertThat(fresh.query("SELECT id FROM t")).containsExactly("1");
  }

  /** LDAP, RADIUS and PAM ask for it in the same way. */
  @Test
  void aPasswordInClearIsSentToAVerifiedServerOnly() throws Exception {
    TestFiles.write(
        server.data().resolve("pg_hba.conf"),
        "host all %s all password\n%s".formatted(database.owner(), rules));
    reload();
    Eventually.within(
        LIMIT,
        "the rule is in force",
        () ->
            with("127.0.0.1", "sslmode=require")
                .run("wait", "--timeout", "5s")
                .err()
                .contains("asks for the password in clear text"));
    for (String mode : List.of("disable", "prefer", "require")) {
      assertThat(with("127.0.0.1", "sslmode=" + mode).run("wait", "--timeout", "20s"))
          .exited(ExitCode.REFUSED)
          .says(
              "the server asks for the password in clear text, and its certificate is not verified",
              "the password was not sent",
              "sslmode=verify-full and sslrootcert=FILE",
              "externalDatabase.sslmode and externalDatabase.ca",
              "scram-sha-256");
    }
    String trusted = "&sslrootcert=" + tls.authority();
    assertThat(with("127.0.0.1", "sslmode=verify-full" + trusted).run("wait")).exited(ExitCode.OK);
    assertThat(verifying("127.0.0.1").run("wait", "--timeout", "2s").exitCode())
        .as("channel_binding=require needs SCRAM")
        .isNotZero();
  }

  @Test
  void aServerWithOldTlsOnlyIsRefused(@TempDir Path other) {
    ServerTls old = ServerTls.in(other);
    try (OwnServer outdated =
        OwnServer.start(
            directory.resolve("outdated"),
            PostgresServers.DEFAULT_MAJOR,
            "ssl = on",
            "ssl_min_protocol_version = 'TLSv1'",
            "ssl_max_protocol_version = 'TLSv1.1'",
            "ssl_ciphers = 'ALL:@SECLEVEL=0'",
            "ssl_cert_file = '" + other.resolve("tls.crt") + "'",
            "ssl_key_file = '" + other.resolve("tls.key") + "'")) {
      TestDatabase its = outdated.database();
      assertThat(
              its.cli()
                  .with(
                      "LEARNFLOW_DB_DATABASE",
                      its.uri() + "?sslmode=verify-full&sslrootcert=" + old.authority())
                  .run("wait", "--timeout", "20s"))
          .exited(ExitCode.REFUSED)
          .says("TLS failed: ");
    }
  }
}

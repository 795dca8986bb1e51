package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PgBouncer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.StandInPooler;
import org.learnflow.db.testing.TestDatabase;

/**
 * A connection pooler between the program and the server is refused at once: a session's settings
 * and locks would be those of whoever comes next.
 */
class PoolerTest {
  private static final Duration AT_ONCE = Duration.ofSeconds(10);

  @TempDir private static Path directory;
  private static TestDatabase database;

  @BeforeAll
  static void makeRoles() {
    database = another();
  }

  private static TestDatabase another() {
    try {
      return TestDatabase.on(
              PostgresServers.shared(PostgresServers.DEFAULT_MAJOR),
              Files.createTempDirectory(directory, "passwords"))
          .withRoles();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "roles",
        "migrate",
        "migrate --dry-run",
        "seed",
        "verify",
        "status",
        "rollback --to 001 --yes",
        "plan",
        "reconcile",
        "drift"
      })
  void everyCommandRefusesAPooler(String command) throws Exception {
    try (StandInPooler pooler = StandInPooler.before(database.server())) {
      refuses(through(pooler.port()), command);
    }
    assertThat(database.query("SELECT to_regclass('flyway_schema_history') IS NULL"))
        .containsExactly("t");
  }

  /** A service may ask so whether the database behind its pooler is there. */
  @Test
  void waitingAsksThroughAPooler() {
    try (StandInPooler pooler = StandInPooler.before(database.server())) {
      assertThat(through(pooler.port()).run("wait")).exited(ExitCode.OK);
    }
  }

  @Test
  void withoutAdminCredentialsToo() {
    try (StandInPooler pooler = StandInPooler.before(database.server())) {
      refuses(through(pooler.port()).without("LEARNFLOW_DB_ADMIN_USER"), "run");
    }
  }

  /** As it is configured by default, and as it lets our settings through without obeying them. */
  @ParameterizedTest
  @ValueSource(strings = {"session", "transaction"})
  void pgBouncerIsRefusedInBothModes(String mode, @TempDir Path folder) throws Exception {
    PgBouncer.require();
    for (String settings : new String[] {"", "ignore_startup_parameters = options"}) {
      try (PgBouncer pooler = PgBouncer.before(database, folder, mode, settings)) {
        CliResult refused = refuses(through(pooler.port()), "run");
        assertThat(refused.err().contains("unsupported startup parameter"))
            .isEqualTo(settings.isEmpty());
        // Several at once end as well.
        Stream.generate(() -> through(pooler.port()).runInBackground("run"))
            .limit(4)
            .toList()
            .forEach(running -> assertThat(running.join()).exited(ExitCode.REFUSED));
      }
    }
  }

  private static CliResult refuses(Cli cli, String command) {
    long start = System.nanoTime();
    CliResult result = cli.with("LEARNFLOW_DB_TIMEOUT", "60s").run(command.split(" ", -1));
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    if (command.equals("verify")) {
      assertThat(result).exited(ExitCode.FAILED);
      assertThat(result.lastLine())
          .startsWith(
              "unhealthy: reachable: the connection goes through a connection pooler, such as PgBouncer");
    } else {
      assertThat(result)
          .exited(ExitCode.REFUSED)
          .says(
              "the connection goes through a connection pooler, such as PgBouncer",
              "nothing was changed",
              "connect directly to PostgreSQL",
              "-rw");
    }
    assertThat(took).isLessThan(AT_ONCE);
    return result;
  }

  private static Cli through(int port) {
    return database
        .cli()
        .with(
            "LEARNFLOW_DB_DATABASE",
            "postgresql://%s@127.0.0.1:%d/%s".formatted(database.owner(), port, database.name()));
  }

  /** The migrator goes past it, and services through it. */
  @ParameterizedTest
  @ValueSource(strings = {"session", "transaction"})
  void servicesGoThroughPgBouncer(String mode, @TempDir Path folder) throws Exception {
    PgBouncer.require();
    try (PgBouncer pooler =
        PgBouncer.before(database, folder, mode, PgBouncer.withoutPreparedStatements())) {
      Cli cli =
          database
              .cli()
              .with("LEARNFLOW_DB_POOLER_HOST", "127.0.0.1")
              .with("LEARNFLOW_DB_POOLER_PORT", String.valueOf(pooler.port()));
      Path file = folder.resolve("connection.env");
      CliResult published = cli.run("run", "--publish-to", "file:" + file);
      assertThat(published).exited(ExitCode.OK);
      assertThat(published.err()).doesNotContain("warning");
      assertThat(cli.run("verify").out())
          .contains(
              "✓ pooler: %s can log in at 127.0.0.1:%d"
                  .formatted(database.service(), pooler.port()));
      assertThat(Files.readString(file))
          .containsPattern("PGPORT=\\W?%d\\b".formatted(pooler.port()));
      Map<String, String> binding =
          new ObjectMapper()
              .readValue(
                  cli.run("connection", "--output", "json", "--show-password").out(),
                  new TypeReference<Map<String, String>>() {});
      assertThat(binding).containsEntry("port", String.valueOf(pooler.port()));
      String uri = binding.getOrDefault("jdbc-uri", "");
      assertThat(uri).contains("prepareThreshold=0");
      prepareAgainAndAgain(uri);
      if (mode.equals("transaction")) {
        assertThatThrownBy(
                () -> prepareAgainAndAgain(uri.replace("prepareThreshold=0", "prepareThreshold=1")))
            .hasMessageContaining("prepared statement");
      }
      assertThat(database.cli().run("wait")).exited(ExitCode.OK);
    }
  }

  /** It may start after the database, so that nothing waits for it. */
  @Test
  void aPoolerThatDoesNotAnswerIsAWarning() {
    TestDatabase other = another();
    Cli cli =
        other
            .cli()
            .with("LEARNFLOW_DB_POOLER_HOST", "127.0.0.1")
            .with("LEARNFLOW_DB_POOLER_PORT", "9");
    String warning = other.service() + " cannot log in at 127.0.0.1:9, which services are given";
    assertThat(cli.run("run")).exited(ExitCode.OK).says("warning: " + warning);
    CliResult verify = cli.run("verify");
    assertThat(verify).exited(ExitCode.OK).answers("healthy");
    assertThat(verify.out()).contains("! pooler: " + warning);
  }

  @Test
  void replicasThatDoNotAnswerAreNone() {
    Cli cli = another().cli().with("LEARNFLOW_DB_READ_HOST", "no-such-host.invalid");
    assertThat(cli.run("run")).exited(ExitCode.OK);
    CliResult verify = cli.run("verify");
    assertThat(verify).exited(ExitCode.OK).answers("healthy");
    assertThat(verify.out())
        .contains("✓ replicas: ", "services that read use the primary meanwhile");
  }

  /** In two sessions of the client, whose transactions take turns in those of the server. */
  private static void prepareAgainAndAgain(String uri) throws Exception {
    try (Connection first = DriverManager.getConnection(uri);
        Connection second = DriverManager.getConnection(uri)) {
      for (int i = 0; i < 8; i++) {
        for (Connection connection : List.of(first, second)) {
          try (PreparedStatement statement =
              connection.prepareStatement("SELECT count(*) FROM users WHERE id > ?")) {
            statement.setLong(1, i);
            statement.executeQuery().next();
          }
        }
      }
    }
  }
}

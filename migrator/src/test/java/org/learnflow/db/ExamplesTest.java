package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.ServerTls;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * The services of examples/ verify the server: each connects with what is published, and refuses a
 * server whose certificate another authority has signed.
 */
class ExamplesTest {
  private static final Path EXAMPLES = TestFiles.repository().resolve("examples");
  private static final Path DRIVERS = TestFiles.repository().resolve("tools/bin/drivers");
  private static final String IS_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

  @TempDir private static Path directory;
  private static OwnServer server;
  private static ServerTls tls;
  private static ServerTls other;
  private static Map<String, String> published;
  private static String jdbc;

  @BeforeAll
  static void publish() throws Exception {
    tls = ServerTls.in(Files.createDirectory(directory.resolve("tls")));
    other = ServerTls.in(Files.createDirectory(directory.resolve("other")));
    server =
        OwnServer.start(directory.resolve("server"), PostgresServers.DEFAULT_MAJOR, tls.settings());
    TestDatabase database = server.database();
    Path file = directory.resolve("connection.env");
    Cli cli =
        database
            .cli()
            .with(
                "LEARNFLOW_DB_DATABASE",
                "postgresql://%s@localhost:%d/%s?sslmode=verify-full&sslrootcert=%s"
                    .formatted(
                        database.owner(),
                        database.server().port(),
                        database.name(),
                        tls.authority()));
    assertThat(cli.run("run", "--publish-to", "file:" + file)).exited(ExitCode.OK);
    published =
        Files.readAllLines(file).stream()
            .map(line -> line.split("=", 2))
            .collect(Collectors.toMap(words -> words[0], words -> words[1].replace("'", "")));
    assertThat(published).containsEntry("PGSSLMODE", "verify-full");
    jdbc =
        new ObjectMapper()
            .readTree(cli.run("connection", "--show-password", "--output", "json").out())
            .path("jdbc-uri")
            .asText();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  /** How a service asks whether its session is encrypted, in the words of its language. */
  record Example(String name, List<String> command) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Example> examples() {
    return Stream.of(
        new Example(
            "progress-service",
            List.of(
                "python3",
                "-c",
                """
                import asyncio, asyncpg, progress
                async def ask():
                    async with asyncpg.create_pool(min_size=1, max_size=5, timeout=10, command_timeout=10) as pool:
                        print(await pool.fetchval("%s"))
                asyncio.run(ask())
                """
                    .formatted(IS_TLS))),
        new Example(
            "sqlalchemy",
            List.of(
                "python3",
                "-c",
                """
                from database import engine
                with engine.connect() as connection:
                    print(connection.exec_driver_sql("%s").scalar())
                """
                    .formatted(IS_TLS))),
        new Example(
            "node",
            List.of(
                "node",
                "-e",
                """
                const pool = require("%s/node/database.js");
                pool.query("%s").then(result => { console.log(result.rows[0].ssl); return pool.end(); });
                """
                    .formatted(EXAMPLES, IS_TLS))));
  }

  /** As the pods have it: the certificate in a file, and as text. */
  private static CliResult ask(Example example, ServerTls trusted) {
    Map<String, String> environment = new HashMap<>(published);
    environment.put("PGSSLROOTCERT", trusted.authority().toString());
    environment.put("DATABASE_CA_CERT", TestFiles.read(trusted.authority()));
    environment.put(
        "PYTHONPATH",
        "%s:%s".formatted(DRIVERS.resolve("python"), EXAMPLES.resolve(example.name())));
    environment.put("PYTHONDONTWRITEBYTECODE", "1");
    environment.put("NODE_PATH", DRIVERS.resolve("node/node_modules").toString());
    return Programs.run(environment, example.command());
  }

  @ParameterizedTest
  @MethodSource("examples")
  void aServiceVerifiesTheServer(Example example) {
    assumeThat(DRIVERS).as("the drivers: make tools/bin/drivers").exists();
    assertThat(ask(example, tls).out().strip()).isIn("True", "true");
    CliResult refused = ask(example, other);
    assertThat(refused.exitCode()).as(refused.out()).isNotZero();
    assertThat(refused.out())
        .containsPattern("(?i)certificate.verify.failed|unable to (verify|get).*certificate");
  }

  @Test
  void springVerifiesTheServer() throws Exception {
    Matcher url =
        Pattern.compile("value: \\$\\(JDBC_URI\\)(&\\S*sslrootcert=)/tls/ca.crt")
            .matcher(TestFiles.read(EXAMPLES.resolve("spring/deployment.yaml")));
    assertThat(url.find()).isTrue();
    try (var connection = DriverManager.getConnection(jdbc + url.group(1) + tls.authority());
        var answer = connection.createStatement().executeQuery(IS_TLS)) {
      assertThat(answer.next() && answer.getBoolean(1)).isTrue();
    }
    assertThatThrownBy(() -> DriverManager.getConnection(jdbc + url.group(1) + other.authority()))
        .hasMessageContaining("SSL")
        .hasStackTraceContaining("CertPath");
  }
}

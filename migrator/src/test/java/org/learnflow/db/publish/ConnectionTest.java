package org.learnflow.db.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.PercentEncoding;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Every published form of the connection connects, whatever the password holds. */
class ConnectionTest {
  private static final String PASSWORD = "~'\"\\ %41+:/@?#[]&=$`!*(),;<>|^{}-_.ü²€";
  private static final String WHO = "SELECT current_user || ' in ' || current_database()";

  @TempDir private static Path directory;
  private static TestDatabase database;
  private static Path env;

  @BeforeAll
  static void deploy() {
    TestDatabase plain =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    TestFiles.write(plain.passwords().file(plain.service()), PASSWORD + "\n");
    database =
        new TestDatabase(
            plain.server(),
            "my db/ü?#" + plain.name(),
            plain.owner(),
            plain.service(),
            plain.passwords());
    env = directory.resolve("connection.env");
    assertThat(cli().run("run", "--publish-to", "file:" + env)).exited(ExitCode.OK);
  }

  private static Cli cli() {
    return database
        .cli()
        .with(
            "LEARNFLOW_DB_DATABASE",
            "postgresql://%s@%s:%d/%s"
                .formatted(
                    database.owner(),
                    database.server().host(),
                    database.server().port(),
                    PercentEncoding.encode(database.name())));
  }

  private static Map<String, String> binding(String... options) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("connection", "--output", "json"));
    arguments.addAll(List.of(options));
    return new ObjectMapper()
        .readValue(
            cli().run(arguments.toArray(String[]::new)).out(),
            new TypeReference<Map<String, String>>() {});
  }

  private static String expected() {
    return database.service() + " in " + database.name();
  }

  @Test
  void psqlConnectsWithTheEnvFile() {
    assumePsql();
    for (String command : List.of("psql -XAtc \"$1\" \"$DATABASE_URL\"", "psql -XAtc \"$1\"")) {
      CliResult psql =
          Programs.run(
              Map.of(),
              List.of("sh", "-c", "set -a; . \"$2\"; " + command, "sh", WHO, env.toString()));
      assertThat(psql.out().strip()).isEqualTo(expected());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"uri", "fqdn-uri"})
  void psqlConnectsWithEachUri(String key) throws Exception {
    assumePsql();
    String uri = binding("--show-password").getOrDefault(key, "");
    CliResult psql = Programs.run(Map.of(), List.of("psql", "-XAtc", WHO, uri));
    assertThat(psql.out().strip()).isEqualTo(expected());
  }

  @Test
  void psqlConnectsWithThePgpassFile() throws Exception {
    assumePsql();
    Map<String, String> binding = binding("--show-password");
    Path pgpass = directory.resolve("pgpass");
    Files.writeString(pgpass, binding.getOrDefault("pgpass", ""));
    Files.setPosixFilePermissions(pgpass, PosixFilePermissions.fromString("rw-------"));
    CliResult psql =
        Programs.run(
            Map.of(
                "PGPASSFILE", pgpass.toString(),
                "PGHOST", binding.getOrDefault("host", ""),
                "PGPORT", binding.getOrDefault("port", ""),
                "PGDATABASE", binding.getOrDefault("database", ""),
                "PGUSER", binding.getOrDefault("username", "")),
            List.of("psql", "-wXAtc", WHO));
    assertThat(psql.out().strip()).isEqualTo(expected());
  }

  private static void assumePsql() {
    assumeTrue(Programs.onPath("psql"), "skipped: there is no psql on the PATH");
  }

  @ParameterizedTest
  @ValueSource(strings = {"jdbc-uri", "fqdn-jdbc-uri"})
  void pgjdbcConnectsWithEachUri(String key) throws Exception {
    try (var connection =
            DriverManager.getConnection(binding("--show-password").getOrDefault(key, ""));
        var statement = connection.createStatement();
        var rows = statement.executeQuery(WHO)) {
      rows.next();
      assertThat(rows.getString(1)).isEqualTo(expected());
    }
  }

  /** No replica answers, and the primary does; with replicas: e2e's CloudNativePgTest. */
  @Test
  void readersAreGivenReplicasFirst() throws Exception {
    assumePsql();
    Map<String, String> binding = binding("--show-password", "--read-host", "replicas.invalid");
    assertThat(binding).containsEntry("read-host", "replicas.invalid");
    String uri = binding.getOrDefault("read-uri", "");
    assertThat(uri)
        .contains("@replicas.invalid:%d,".formatted(database.server().port()))
        .contains("target_session_attrs=prefer-standby");
    CliResult psql = Programs.run(Map.of(), List.of("psql", "-XAtc", WHO, uri));
    assertThat(psql.out().strip()).isEqualTo(expected());
    String jdbc = binding.getOrDefault("read-jdbc-uri", "");
    assertThat(jdbc).contains("targetServerType=preferSecondary");
    try (var connection = DriverManager.getConnection(jdbc);
        var statement = connection.createStatement();
        var rows = statement.executeQuery(WHO)) {
      rows.next();
      assertThat(rows.getString(1)).isEqualTo(expected());
    }
    String masked =
        cli().run("connection", "--output", "json", "--read-host", "replicas.invalid").out();
    assertThat(masked).contains("read-uri").doesNotContain(binding.getOrDefault("password", "?"));
    Path file = directory.resolve("read.env");
    cli().run("publish", "--read-host", "replicas.invalid", "--publish-to", "file:" + file);
    assertThat(Files.readString(file))
        .contains("PGHOST_READ=", "DATABASE_READ_URL=")
        .contains("prefer-standby");
    assertThat(binding("--show-password")).doesNotContainKeys("read-host", "read-uri");
  }

  @Test
  void theMigratorItselfConnectsWithThePublishedDatabaseUrl() throws Exception {
    String uri = binding("--show-password").getOrDefault("uri", "");
    assertThat(new Cli(Map.of("DATABASE_URL", uri)).run("wait")).exited(ExitCode.OK);
  }

  @Test
  void theConnectionIsSixLinesWithThePasswordMaskedInBothPlaces() {
    String place =
        "%s:%d/%s"
            .formatted(
                database.server().host(),
                database.server().port(),
                PercentEncoding.encode(database.name()));
    String lines =
        """
        Host: %s
        Port: %d
        Database: %s
        User: %s
        Password: <plain>
        Connection String: postgresql://%s:<encoded>@%s
        """
            .formatted(
                database.server().host(),
                database.server().port(),
                database.name(),
                database.service(),
                database.service(),
                place);
    assertThat(cli().run("connection").out())
        .isEqualTo(lines.replace("<plain>", "********").replace("<encoded>", "********"));
    assertThat(cli().run("connection", "--show-password").out())
        .isEqualTo(
            lines
                .replace("<plain>", PASSWORD)
                .replace("<encoded>", PercentEncoding.encode(PASSWORD)));
  }

  @Test
  void jsonHasAllKeysOfTheBindingMaskedUnlessThePasswordIsAskedFor() throws Exception {
    Map<String, String> shown = binding("--show-password");
    Map<String, String> masked = binding();
    assertThat(shown)
        .containsOnlyKeys(
            "type",
            "provider",
            "host",
            "port",
            "database",
            "username",
            "password",
            "uri",
            "sslmode",
            "user",
            "dbname",
            "pgpass",
            "jdbc-uri",
            "fqdn-uri",
            "fqdn-jdbc-uri");
    assertThat(masked).containsOnlyKeys(shown.keySet());
    for (String key :
        List.of("password", "uri", "pgpass", "jdbc-uri", "fqdn-uri", "fqdn-jdbc-uri")) {
      assertThat(masked.get(key)).contains("********").isNotEqualTo(shown.get(key));
    }
    Stream.of("type", "provider", "host", "port", "database", "username", "user", "dbname")
        .forEach(key -> assertThat(masked.get(key)).isEqualTo(shown.get(key)));
    assertThat(masked.toString())
        .doesNotContain(PASSWORD, PercentEncoding.encode(PASSWORD), "ü²€", "%C2%B2");
  }

  @Test
  void sslmodeIsInUrisOnlyWhereItIsNotTheDefault() {
    for (String mode : List.of("disable", "allow", "require", "verify-ca", "verify-full")) {
      CliResult shown = at("?sslmode=" + mode).run("connection", "--output", "json");
      assertThat(shown.out())
          .contains(
              "/d?sslmode=" + mode + "\"",
              "&sslmode=" + mode + "\"",
              "\"sslmode\":\"" + mode + "\"");
    }
    for (String none : List.of("", "?sslmode=prefer")) {
      assertThat(at(none).run("connection", "--output", "json").out())
          .contains("/d\"", "\"sslmode\":\"prefer\"")
          .doesNotContain("sslmode=");
    }
  }

  @Test
  void anIpv6HostIsInBracketsInUrisOnly() {
    CliResult shown =
        at("").with("LEARNFLOW_DB_DATABASE", "postgresql://o@[::1]/d").run("connection");
    assertThat(shown.out())
        .contains("Host: ::1\n", "postgresql://learnflow_user:********@[::1]:5432/d\n");
  }

  @Test
  void withoutTheServicesPasswordThereIsNothingToShow() {
    assertThat(new Cli(Map.of("LEARNFLOW_DB_DATABASE", "postgresql://o@h/d")).run("connection"))
        .exited(ExitCode.USAGE)
        .says("the service role's password is unknown", "--app-password-file");
  }

  private static Cli at(String parameters) {
    return new Cli(
        Map.of(
            "LEARNFLOW_DB_DATABASE",
            "postgresql://o@h/d" + parameters,
            "LEARNFLOW_DB_APP_PASSWORD_FILE",
            database.passwords().file(database.service()).toString()));
  }
}

package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.learnflow.db.connect.PasswordDirectory;
import org.learnflow.db.connect.PercentEncoding;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.OddNames;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Whatever PostgreSQL takes as a name, every command takes; all else is refused in words. */
class NamesTest {
  private static final String WHO = "SELECT current_user || ' in ' || current_database()";
  private static final int CASES = 6;
  private static final int ADOPTED_CASES = 2;
  private static final int RESTORED_CASES = 3;

  /** Another one each time; {@code -Dnames.seed=N} repeats one. */
  private static final long SEED =
      Long.getLong("names.seed", ThreadLocalRandom.current().nextLong(1_000_000));

  @TempDir private Path directory = Path.of("");

  @BeforeAll
  static void tellSeed() {
    System.out.println("NamesTest: -Dnames.seed=" + SEED);
  }

  /**
   * Names of one case.
   *
   * @param password of the services
   */
  record Names(
      String database, String owner, String service, String schema, String table, String password) {
    static Names of(OddNames names) {
      return new Names(
          names.next(), names.next(), names.next(), names.next(), names.next(), names.next());
    }
  }

  static Stream<Names> names() {
    return names(0, CASES);
  }

  static Stream<Names> namesToAdopt() {
    return names(1, ADOPTED_CASES);
  }

  static Stream<Names> namesToRestore() {
    return names(2, RESTORED_CASES);
  }

  private static Stream<Names> names(int kind, int cases) {
    OddNames names = new OddNames(SEED + kind);
    return Stream.concat(
        Stream.of(
            new Names("order", "AppOwner", "user", "Group", "select", "p"),
            new Names("--yes", "--help", "--", "-h", "--database=x", "-")),
        Stream.generate(() -> Names.of(names)).limit(cases - 2L));
  }

  private TestDatabase database(PostgresServer server, Names names) {
    TestDatabase database =
        TestDatabase.named(server, names.database, names.owner, names.service, directory);
    TestFiles.write(database.passwords().file(names.service), names.password + "\n");
    return database;
  }

  /** Version 2 adds a column to version 1's table. */
  private Cli cli(TestDatabase database, Names names) {
    String schema = OddNames.quoted(names.schema);
    String table = schema + "." + OddNames.quoted(names.table);
    String other = OddNames.quoted(names.database);
    MigrationDirectory migrations =
        new MigrationDirectory(directory.resolve("migrations"))
            .with(
                "V001__one.sql",
                "CREATE SCHEMA " + schema + ";",
                "CREATE TABLE %s (%s int PRIMARY KEY, %s text);"
                    .formatted(table, other, OddNames.quoted(names.owner)),
                "CREATE INDEX ON %s (%s);".formatted(table, OddNames.quoted(names.owner)),
                "CREATE SEQUENCE %s.%s;".formatted(schema, other),
                "CREATE TABLE public.%s (id int PRIMARY KEY, name text NOT NULL UNIQUE);"
                    .formatted(OddNames.quoted(names.table)),
                "CREATE TABLE \"Users\" (\"Id\" int PRIMARY KEY);",
                "CREATE TABLE \"no columns\" ();",
                "CREATE TABLE \"my-refs\" (id int PRIMARY KEY, %1$s int NOT NULL REFERENCES %2$s (%1$s) ON DELETE CASCADE);"
                    .formatted(other, table))
            .with(
                "U001__one.sql",
                "DROP TABLE \"Users\", \"no columns\", \"my-refs\";",
                "DROP TABLE public.%s;".formatted(OddNames.quoted(names.table)),
                "DROP SCHEMA %s CASCADE;".formatted(schema))
            .with(
                "V002__two.sql",
                "ALTER TABLE %s ADD COLUMN %s int DEFAULT 7;"
                    .formatted(table, OddNames.quoted(names.schema)))
            .with(
                "U002__two.sql",
                "ALTER TABLE %s DROP COLUMN %s;".formatted(table, OddNames.quoted(names.schema)));
    Path seeds = directory.resolve("seeds");
    TestFiles.write(
        seeds.resolve("reference/01_rows.sql"),
        "INSERT INTO %s VALUES (1, 'one'), (2, 'two') ON CONFLICT DO NOTHING;\n".formatted(table));
    TestFiles.write(seeds.resolve("reference/02_Users.csv"), "Id (key)\n1\n");
    csv(
        seeds,
        "03_" + schema + "." + table(names),
        List.of(other + " (key)", owner(names)),
        "2,two");
    csv(seeds, "04_" + table(names), List.of("id (key)", "name"), "1,one");
    csv(
        seeds,
        "05_my-refs",
        List.of("id (key)", "%s -> %s.%1$s".formatted(other, table)),
        "1,1",
        "2,2");
    return migrations
        .cli(database)
        .with("LEARNFLOW_DB_SEEDS_DIR", seeds.toString())
        .with("LEARNFLOW_DB_SEEDS", "reference");
  }

  private static String table(Names names) {
    return OddNames.quoted(names.table);
  }

  private static String owner(Names names) {
    return OddNames.quoted(names.owner);
  }

  /** A seed file, if its name can be that of a file. */
  private static void csv(Path seeds, String name, List<String> header, String... rows) {
    String file = name + ".csv";
    if (!file.contains("/") && file.getBytes(StandardCharsets.UTF_8).length <= 255) {
      String cells =
          header.stream()
              .map(cell -> '"' + cell.replace("\"", "\"\"") + '"')
              .collect(Collectors.joining(","));
      TestFiles.write(
          seeds.resolve("reference").resolve(file), cells + "\n" + String.join("\n", rows) + "\n");
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyCommandTakesThem(Names names) throws Exception {
    TestDatabase database = database(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), names);
    Cli cli = cli(database, names);
    Path env = directory.resolve("connection.env");
    List<List<String>> commands =
        List.of(
            List.of("roles"),
            List.of("wait"),
            List.of("plan"),
            List.of("run", "--publish-to", "file:" + env),
            List.of("verify"),
            List.of("status"),
            List.of("drift"),
            List.of("rollback", "--to", "1", "--dry-run"),
            List.of("rollback", "--to", "1", "--yes", "--no-backup"),
            List.of("migrate", "--dry-run"),
            List.of("migrate"),
            List.of("seed", "--seed-mode", "update", "--force"),
            List.of("drift"),
            List.of("reconcile"),
            List.of("publish", "--publish-to", "file:" + env),
            List.of("run"));
    for (List<String> command : commands) {
      CliResult result = cli.run(command.toArray(String[]::new));
      assertThat(result.exitCode()).as("%s%s", command, result.all()).isZero();
    }
    assertThat(database.query("SELECT version || installed_by FROM flyway_schema_history"))
        .contains("002" + names.owner);
    assertThat(database.query(names.service, rows(names))).containsExactly("2");
    assertThat(database.query("SELECT count(*) FROM \"my-refs\"")).containsExactly("2");
    assertThat(database.query("SELECT name FROM public." + table(names)))
        .isEqualTo(names.table.contains("/") ? List.of() : List.of("one"));
    assertThat(cli.run("rollback", "--to", "none", "--yes", "--no-backup")).exited(ExitCode.OK);
    assertPublished(cli, names, env);
  }

  private static String rows(Names names) {
    return "SELECT count(*) FROM %s.%s"
        .formatted(OddNames.quoted(names.schema), OddNames.quoted(names.table));
  }

  /** What was published connects, in each of its forms. */
  private void assertPublished(Cli cli, Names names, Path env) throws Exception {
    String expected = names.service + " in " + names.database;
    CliResult connection = cli.run("connection", "--show-password", "--output", "json");
    Map<String, String> binding =
        new ObjectMapper().readValue(connection.out(), new TypeReference<Map<String, String>>() {});
    for (String key : List.of("jdbc-uri", "fqdn-jdbc-uri")) {
      try (Connection session = DriverManager.getConnection(binding.getOrDefault(key, ""));
          var row = session.createStatement().executeQuery(WHO)) {
        row.next();
        assertThat(row.getString(1)).as(key).isEqualTo(expected);
      }
    }
    if (!Programs.onPath("psql")) {
      return;
    }
    Path pgpass = directory.resolve("pgpass");
    Files.writeString(pgpass, binding.getOrDefault("pgpass", ""));
    Files.setPosixFilePermissions(pgpass, PosixFilePermissions.fromString("rw-------"));
    Map<String, String> byPgpass =
        Map.of(
            "PGPASSFILE", pgpass.toString(),
            "PGHOST", binding.getOrDefault("host", ""),
            "PGPORT", binding.getOrDefault("port", ""),
            "PGUSER", binding.getOrDefault("user", ""),
            "PGDATABASE", binding.getOrDefault("dbname", ""));
    assertThat(psql(byPgpass, List.of())).as("pgpass").isEqualTo(expected);
    for (String key : List.of("uri", "fqdn-uri")) {
      assertThat(psql(Map.of(), List.of(binding.getOrDefault(key, ""))))
          .as(key)
          .isEqualTo(expected);
    }
    for (String argument : List.of("", " \"$DATABASE_URL\"")) {
      CliResult result =
          Programs.run(
              Map.of(),
              List.of(
                  "sh",
                  "-c",
                  "set -a; . \"$2\"; psql -XAtc \"$1\"" + argument,
                  "sh",
                  WHO,
                  env.toString()));
      assertThat(result.out().strip()).as("env file" + argument).isEqualTo(expected.strip());
    }
  }

  private static String psql(Map<String, String> environment, List<String> arguments) {
    List<String> command = new ArrayList<>(List.of("psql", "-XAtc", WHO));
    command.addAll(arguments);
    return Programs.run(environment, command).out().replaceFirst("\n\\z", "");
  }

  @ParameterizedTest
  @MethodSource("namesToAdopt")
  void aDatabaseOfThemIsAdopted(Names names) throws Exception {
    TestDatabase database =
        database(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), names).withRoles();
    Cli cli = cli(database, names);
    database.execute(
        names.owner, TestFiles.read(directory.resolve("migrations").resolve("V001__one.sql")));
    assertThat(cli.run("adopt", "--baseline", "1")).exited(ExitCode.OK);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("drift")).exited(ExitCode.OK);
  }

  @ParameterizedTest
  @MethodSource("namesToRestore")
  void aDumpOfThemIsMadeAndRestored(Names names) throws Exception {
    DumpServer server = DumpServer.oldest(directory);
    TestDatabase database = database(PostgresServers.shared(server.major()), names);
    Cli cli = cli(database, names).with("LEARNFLOW_DB_PG_DUMP_DIR", server.bin().toString());
    String file = directory.resolve("dump").toString();
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(cli.run("backup", file)).exited(ExitCode.OK);
    database.execute(
        names.owner,
        "DELETE FROM %s.%s".formatted(OddNames.quoted(names.schema), OddNames.quoted(names.table)));
    assertThat(cli.run("restore", file, "--replace", "--yes")).exited(ExitCode.OK);
    assertThat(database.query(names.service, rows(names))).containsExactly("2");
    assertThat(cli.run("verify")).exited(ExitCode.OK);
    assertThat(cli.run("restore", "--drop-old", "--yes").lastLine()).startsWith("dropped: ");
    assertThat(cli.run("drift")).exited(ExitCode.OK);
    assertThat(cli.run("rollback", "--to", "1", "--yes", "--backup", file + "2"))
        .exited(ExitCode.OK);
  }

  /** Nothing is cut, and all say it in the same words. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | it has 64 bytes, but PostgreSQL allows at most 63
          üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü                                 | it has 64 bytes, but PostgreSQL allows at most 63
          😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀                                             | it has 64 bytes, but PostgreSQL allows at most 63
          a%0Ab                                                            | it contains the control character U+000A
          a%7F                                                             | it contains the control character U+007F
          a%C2%85                                                          | it contains the control character U+0085
          a%E2%80%A8                                                       | it contains the control character U+2028
          m%EF%BF%BDller                                                   | a character was lost because of the locale: set LC_ALL=C.UTF-8
          """)
  void whatPostgresqlWouldCutOrNobodyCanTypeIsRefused(String encoded, String why) {
    PostgresServer server = PostgresServers.shared(PostgresServers.DEFAULT_MAJOR);
    String name = PercentEncoding.decode(encoded);
    List<TestDatabase> all =
        List.of(
            TestDatabase.named(server, name, "o", "s", directory),
            TestDatabase.named(server, "d", name, "s", directory),
            TestDatabase.named(server, "d", "o", "s", directory));
    List<Cli> clis =
        List.of(
            all.get(0).cli(),
            all.get(1).cli(),
            all.get(2).cli().with("LEARNFLOW_DB_APP_USER", name),
            all.get(2).cli().with("LEARNFLOW_DB_ADMIN_USER", name));
    List<String> uses = List.of("database", "owner", "service role", "admin");
    for (int i = 0; i < clis.size(); i++) {
      for (String command :
          List.of("run", "roles", "verify", "connection", "status", "restore --drop-old")) {
        assertThat(clis.get(i).run(command.split(" ", -1)))
            .exited(ExitCode.USAGE)
            .says("cannot be the %s: %s".formatted(uses.get(i), why), "nothing was changed");
      }
    }
  }

  @Test
  void aPasswordFileIsInItsDirectoryWhateverTheRole() {
    PasswordDirectory passwords = new PasswordDirectory(directory);
    for (String role : List.of("../x", "a/b", "..", ".", "/x", "ü", "plain_name")) {
      assertThat(passwords.file(role).normalize().getParent()).isEqualTo(directory);
    }
    assertThat(passwords.file("learnflow_user")).hasFileName("learnflow_user");
  }
}

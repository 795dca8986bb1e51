package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * What commands print with {@code --output json} has the keys that docs/reference/json.md shows.
 */
public class JsonDocumentsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern EXAMPLE =
      Pattern.compile(
          "^## (?<name>.+)\n(?s:.*?)^```json\n(?<json>(?s:.*?))^```", Pattern.MULTILINE);

  @TempDir private static Path directory;
  private static final Map<String, JsonNode> EXAMPLES = new LinkedHashMap<>();
  private static final Map<String, JsonNode> OUTPUTS = new LinkedHashMap<>();

  /** Runs each command at a moment at which it has something to tell. */
  @BeforeAll
  static void runAllCommands() throws Exception {
    EXAMPLES.putAll(examples());
    TestDatabase database = on("first");
    Cli cli = cli(database);
    record("errors", cli, "wait");
    record("roles", cli, "roles");
    record("wait", cli, "wait");
    record("migrate --dry-run", cli, "migrate", "--dry-run");
    cli.run("migrate", "--target", "4");
    record("plan", cli, "plan");
    record("migrate", cli, "migrate");
    record("seed", cli, "seed");
    record("verify", cli, "verify");
    record("publish", cli, "publish", "--publish-to", "file:" + directory.resolve("env0"));
    record("connection", cli, "connection");
    database.execute(
        database.owner(),
        "INSERT INTO learnflow_db.backups (kind, name, bytes, sha256, schema_version)"
            + " VALUES ('file', 'a.dump', 1, 'x', '009')");
    database.execute(
        database.owner(),
        "INSERT INTO learnflow_db.drills (dump, seconds, schema_version, table_count, row_count, failure)"
            + " VALUES ('a.dump', 1, '009', 1, 1, '')");
    database.execute(
        database.owner(),
        "INSERT INTO learnflow_db.offsite_copies (dump, uri, bytes, failure)"
            + " VALUES ('a.dump', 's3://backups/a.dump', 1, '')");
    record("status", cli, "status");
    record("report", cli, "report", directory.resolve("report.html").toString());
    record("reconcile", cli, "reconcile");
    database.execute(database.owner(), "ALTER TABLE users ALTER role SET DEFAULT 'teacher'");
    record("drift", cli, "drift");
    database.execute(
        database.owner(),
        """
        INSERT INTO flyway_schema_history SELECT 99, '099', 'failed', 'SQL', 'V099__failed.sql', 0, installed_by, installed_on, 0, false
        FROM flyway_schema_history LIMIT 1
        """);
    record("rollback --dry-run", cli, "rollback", "--to", "6", "--dry-run");
    record("rollback", cli, "rollback", "--to", "6", "--yes", "--no-backup");
    TestDatabase foreign = on("foreign").withRoles();
    foreign.execute(
        foreign.owner(), TestFiles.read(TestFiles.migrations().resolve("V001__create_users.sql")));
    record("adopt", cli(foreign), "adopt", "--baseline", "001");
    record("run", cli(on("second")), "run", "--publish-to", "file:" + directory.resolve("env"));
  }

  /** The documents in docs/reference/json.md by their headings. */
  public static Map<String, JsonNode> examples() throws JsonProcessingException {
    Map<String, JsonNode> found = new LinkedHashMap<>();
    Matcher examples =
        EXAMPLE.matcher(TestFiles.read(TestFiles.repository().resolve("docs/reference/json.md")));
    while (examples.find()) {
      found.put(examples.group("name"), JSON.readTree(examples.group("json")));
    }
    return found;
  }

  private static TestDatabase on(String name) {
    return TestDatabase.on(
        PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory.resolve(name));
  }

  private static Cli cli(TestDatabase database) {
    return database
        .cli()
        .with("LEARNFLOW_DB_OUTPUT", "json")
        .with("LEARNFLOW_DB_SEEDS", "reference,sample");
  }

  private static void record(String name, Cli cli, String... arguments) throws Exception {
    String out = cli.run(arguments).out();
    assertThat(out.lines()).as(name + " prints one line").hasSize(1);
    OUTPUTS.put(name, JSON.readTree(out));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "reconcile",
        "roles",
        "wait",
        "migrate",
        "migrate --dry-run",
        "plan",
        "rollback",
        "rollback --dry-run",
        "seed",
        "verify",
        "publish",
        "connection",
        "status",
        "report",
        "drift",
        "adopt",
        "errors"
      })
  void theDocumentedKeysAreTheRealOnes(String name) throws JsonProcessingException {
    JsonNode example = EXAMPLES.getOrDefault(name, JSON.nullNode());
    JsonNode output = OUTPUTS.getOrDefault(name, JSON.nullNode());
    assertThat(paths(output)).as(output.toString()).isEqualTo(paths(example));
    assertThat(List.copyOf(output.properties()).stream().map(Map.Entry::getKey))
        .as("in the documented order")
        .containsExactlyElementsOf(example.properties().stream().map(Map.Entry::getKey).toList());
  }

  @Test
  void backupAndRestoreToo() throws Exception {
    DumpServer server = DumpServer.oldest(directory);
    TestDatabase database = server.database().withRoles();
    Cli cli = server.cli(database).with("LEARNFLOW_DB_OUTPUT", "json");
    cli.run("migrate", "--target", "1");
    database.execute(
        PostgresServer.ADMIN,
        "ALTER DATABASE %s SET statement_timeout = '60s'".formatted(database.name()));
    String file = directory.resolve("dump").toString();
    record("backup", cli, "backup", file);
    record("restore", cli, "restore", file, "--yes");
    record("restore --drill", cli, "restore", "--drill", file);
    record("restore --drop-old", cli, "restore", "--drop-old", "--yes");
    for (String name : List.of("backup", "restore --drill", "restore", "restore --drop-old")) {
      theDocumentedKeysAreTheRealOnes(name);
    }
  }

  /** The names of stages stand in the code where their results are made. */
  @Test
  void everyStageIsDocumented() throws Exception {
    Pattern made =
        Pattern.compile(
            "(?:StageResult(?:\\.\\w+)?\\(|look\\w*\\(|String (?:name|STAGE) =)\\s*\"(?<name>[a-z]+)\"");
    Set<String> stages = new TreeSet<>();
    Path sources = TestFiles.repository().resolve("migrator/src/main/java/org/learnflow/db");
    for (String folder : List.of("verify", "cli")) {
      try (Stream<Path> files = Files.list(sources.resolve(folder))) {
        for (Path file : files.toList()) {
          Matcher names = made.matcher(TestFiles.read(file));
          while (names.find()) {
            stages.add(names.group("name"));
          }
        }
      }
    }
    assertThat(stages).contains("reachable", "backup", "drift", "login", "pod", "published");
    Matcher documented =
        Pattern.compile("^The stages are (?<names>(?s:.*?))\n\n", Pattern.MULTILINE)
            .matcher(TestFiles.read(TestFiles.repository().resolve("docs/reference/json.md")));
    assertThat(documented.find()).isTrue();
    assertThat(
            Pattern.compile("`([a-z]+)`")
                .matcher(documented.group("names"))
                .results()
                .map(found -> found.group(1)))
        .containsAll(stages)
        .allMatch(name -> stages.contains(name) || name.equals("run"));
  }

  @Test
  void everyCommandIsDocumented() {
    assertThat(EXAMPLES.keySet()).containsAll(OptionsTest.commands().collect(Collectors.toSet()));
  }

  @Test
  void aRunThatIsNotHealthyPrintsTheSameDocument(@TempDir Path other) throws Exception {
    TestDatabase database = on("third");
    Cli cli = cli(database);
    cli.run("run");
    database.execute(database.owner(), "DELETE FROM curriculum");
    JsonNode output =
        JSON.readTree(cli.run("run", "--publish-to", "file:" + other.resolve("x")).out());
    assertThat(output.at("/verification/status").asText()).isEqualTo("unhealthy");
    assertThat(output.at("/published").asText()).isEmpty();
    assertThat(paths(EXAMPLES.getOrDefault("run", JSON.nullNode()))).containsAll(paths(output));
  }

  /**
   * The keys with the kinds of their values, such as {@code /seeds[]/set STRING}; of the elements
   * of an array only the fullest counts, and an empty array may hold anything.
   */
  public static Set<String> paths(JsonNode node) {
    Set<String> paths = new TreeSet<>();
    add("", node, paths);
    return paths;
  }

  private static void add(String path, JsonNode node, Set<String> paths) {
    if (node.isObject()) {
      node.properties().forEach(entry -> add(path + "/" + entry.getKey(), entry.getValue(), paths));
    } else if (node.isArray()) {
      paths.add(path + "[]");
      List<JsonNode> elements = new ArrayList<>();
      node.forEach(elements::add);
      elements.stream()
          .max(Comparator.comparingInt(element -> paths(element).size()))
          .filter(JsonNode::isObject)
          .ifPresent(element -> add(path + "[]", element, paths));
    } else {
      paths.add(path + " " + node.getNodeType());
    }
  }
}

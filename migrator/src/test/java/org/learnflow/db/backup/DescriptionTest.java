package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** The description beside a dump, as somebody else left it: the words say what is wrong with it. */
class DescriptionTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  @TempDir private static Path directory = Path.of("");

  @SuppressWarnings("NullAway.Init")
  private static TestDatabase database;

  private static Path dump = Path.of("");
  private static String whole = "";

  @BeforeAll
  static void aDump() throws Exception {
    DumpServer server = DumpServer.oldest(directory);
    database = server.database().migrated();
    database.execute(
        database.owner(), "ALTER DATABASE %s SET work_mem = '5MB'".formatted(database.name()));
    dump = server.backup(database, directory);
    whole = Files.readString(BackupDescription.path(dump));
  }

  static List<String> keys() {
    return List.of(
        "format",
        "program",
        "server",
        "pgDump",
        "database",
        "schemaVersion",
        "started",
        "finished",
        "bytes",
        "sha256",
        "databaseBytes",
        "settings",
        "roles");
  }

  private static CliResult restoreWith(String description) {
    TestFiles.write(BackupDescription.path(dump), description);
    return database.cli().run("restore", dump.toString(), "--replace", "--yes");
  }

  private static void assertDamaged(String description) {
    assertThat(restoreWith(description))
        .exited(ExitCode.REFUSED)
        .says(
            "the description of the dump is damaged: ",
            "where: " + BackupDescription.path(dump),
            "state: the database was not changed",
            "next:  copy it again");
  }

  @ParameterizedTest
  @MethodSource("keys")
  void aPartThatIsMissingOrOfAnotherShapeIsNamed(String key) throws Exception {
    ObjectNode missing = (ObjectNode) JSON.readTree(whole);
    assertThat(missing.remove(key)).isNotNull();
    assertDamaged(missing.toString());
    List<ObjectNode> wrong = new ArrayList<>();
    for (String value : List.of("null", "{\"a\": 1}", "[null]", "[[]]")) {
      ObjectNode document = (ObjectNode) JSON.readTree(whole);
      document.set(key, JSON.readTree(value));
      wrong.add(document);
    }
    for (ObjectNode document : wrong) {
      assertDamaged(document.toString());
    }
    if (!key.equals("format")) {
      assertThat(restoreWith(missing.toString())).says(key);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "null", "[]", "1", "\"x\"", "{", "{}", "{} {}", "<html>"})
  void whatIsNoDescriptionIsSaid(String text) {
    assertDamaged(text);
  }

  @Test
  void aZeroByteIsNamed() {
    assertThat(restoreWith("\u0000"))
        .exited(ExitCode.REFUSED)
        .says(
            "contains a zero byte",
            "where: " + BackupDescription.path(dump),
            "state: the database was not changed");
  }

  @Test
  void sizesAndChecksumAreLookedAt() throws Exception {
    for (String key : List.of("bytes", "databaseBytes")) {
      assertDamaged(((ObjectNode) JSON.readTree(whole)).put(key, -1).toString());
      assertDamaged(((ObjectNode) JSON.readTree(whole)).put(key, "many").toString());
    }
    assertDamaged(((ObjectNode) JSON.readTree(whole)).put("sha256", "none").toString());
    assertDamaged(((ObjectNode) JSON.readTree(whole)).put("format", 2).toString());
    assertDamaged(whole.replace("\"work_mem\"", "null"));
  }
}

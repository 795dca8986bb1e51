package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** {@code --seed-mode}, {@code --seeds} and {@code --force}: what a load does to rows it finds. */
@ExtendWith(PostgresExtension.class)
class SeedModeTest {
  private static final String ITEMS =
      """
      name (key),price,note
      Lamp,10.00,bright
      Chair,20.00,
      Table,30.00,round
      """;

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path directory;

  @SuppressWarnings("NullAway.Init")
  private TestDatabase database;

  @SuppressWarnings("NullAway.Init")
  private SeedFolder seeds;

  @BeforeEach
  void threeItems(TestDatabase empty) throws Exception {
    database = empty.withRoles();
    database.execute(
        database.owner(),
        """
        CREATE TABLE items (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
            price numeric(7,2) NOT NULL, note text)
        """);
    seeds = new SeedFolder(database, directory.resolve("seeds")).file("01_items.csv", ITEMS);
  }

  private List<String> items() throws Exception {
    return database.query("SELECT concat_ws(' ', name, price, note) FROM items ORDER BY id");
  }

  /** Someone changes a row, deletes one and adds one. */
  private void change() throws Exception {
    database.execute(
        database.owner(),
        """
        UPDATE items SET price = 11 WHERE name = 'Lamp';
        DELETE FROM items WHERE name = 'Chair';
        INSERT INTO items (name, price) VALUES ('Shelf', 5);
        """);
  }

  @Test
  void skipInsertsWhatIsMissingAndLeavesTheRestAlone() throws Exception {
    seeds.load();
    change();
    CliResult result = seeds.load("--force");
    assertThat(items())
        .containsExactly("Lamp 11.00 bright", "Table 30.00 round", "Shelf 5.00", "Chair 20.00");
    assertThat(result.out())
        .isEqualToIgnoringNewLines("reference: 1 inserted, 0 updated, 2 unchanged");
    assertThat(result.err()).contains("reference/01_items.csv: 1 inserted, 0 updated, 2 unchanged");
  }

  @Test
  void updateAlsoChangesWhatDiffersAndOnlyThat() throws Exception {
    seeds.load();
    change();
    String table = "SELECT xmin FROM items WHERE name = 'Table'";
    List<String> before = database.query(table);
    CliResult result = seeds.load("--force", "--seed-mode", "update");
    assertThat(items())
        .containsExactlyInAnyOrder(
            "Lamp 10.00 bright", "Table 30.00 round", "Shelf 5.00", "Chair 20.00");
    assertThat(result.out())
        .isEqualToIgnoringNewLines("reference: 1 inserted, 1 updated, 1 unchanged");
    assertThat(database.query(table)).as("the transaction that wrote the row").isEqualTo(before);
  }

  @Test
  void updateAlsoSetsToNullAndFromNull() throws Exception {
    seeds.load();
    seeds
        .file("01_items.csv", "name (key),price,note\nLamp,10.00,\nChair,20.00,wood\n")
        .load("--seed-mode", "update");
    assertThat(items())
        .containsExactlyInAnyOrder("Lamp 10.00", "Table 30.00 round", "Chair 20.00 wood");
  }

  @Test
  void updateKeepsColumnsThatAreNotInTheFile() throws Exception {
    seeds.load();
    seeds.file("01_items.csv", "name (key),price\nLamp,12.00\n").load("--seed-mode", "update");
    assertThat(items()).contains("Lamp 12.00 bright");
  }

  @Test
  void updateHasNothingToChangeWhereAllColumnsAreTheKey() throws Exception {
    database.execute(database.owner(), "CREATE TABLE tags (tag text PRIMARY KEY)");
    database.execute(database.owner(), "INSERT INTO tags VALUES ('old')");
    seeds.clear().file("01_tags.csv", "tag (key)\nold\nnew\n");
    assertThat(seeds.load("--seed-mode", "update").out())
        .isEqualToIgnoringNewLines("reference: 1 inserted, 0 updated, 1 unchanged");
  }

  @Test
  void theNumbersOfEveryFileAreReportedAsJson() throws Exception {
    database.execute(database.owner(), "INSERT INTO items (name, price) VALUES ('Lamp', 1)");
    seeds.file("02_items.csv", "name (key),price\nChair,20\nTable,31\nBed,40\nSofa,50\n");
    JsonNode report = seeds.loadAsJson("--seed-mode", "update");
    assertThat(report)
        .hasToString(
            "{\"seeds\":[{\"set\":\"reference\",\"loaded\":true,\"files\":["
                + "{\"file\":\"01_items.csv\",\"inserted\":2,\"updated\":1,\"unchanged\":0},"
                + "{\"file\":\"02_items.csv\",\"inserted\":2,\"updated\":1,\"unchanged\":1}]}]}");
    assertThat(seeds.loadAsJson("--seed-mode", "update"))
        .hasToString("{\"seeds\":[{\"set\":\"reference\",\"loaded\":false,\"files\":[]}]}");
  }

  @Test
  void aSetIsNotLoadedAgainWhileItsFilesStayTheSame() throws Exception {
    seeds.load();
    change();
    List<String> changed = items();
    CliResult result = seeds.load();
    assertThat(result.out()).isEqualToIgnoringNewLines("reference: nothing to do");
    assertThat(result.err()).contains("reference: already loaded, nothing to do");
    assertThat(items()).isEqualTo(changed);
  }

  @Test
  void aSetIsLoadedAgainWhenAFileIsChangedRenamedOrAdded() {
    seeds.load();
    seeds.file("01_items.csv", ITEMS + "Bed,40.00,soft\n");
    assertThat(seeds.load().out())
        .isEqualToIgnoringNewLines("reference: 1 inserted, 0 updated, 3 unchanged");
    seeds.file("02_items.csv", "name (key),price\nSofa,50\n");
    assertThat(seeds.load().out())
        .isEqualToIgnoringNewLines("reference: 1 inserted, 0 updated, 4 unchanged");
    assertThat(seeds.path("02_items.csv").toFile().renameTo(seeds.path("03_items.csv").toFile()))
        .isTrue();
    assertThat(seeds.load().out())
        .isEqualToIgnoringNewLines("reference: 0 inserted, 0 updated, 5 unchanged");
    assertThat(seeds.load().out()).isEqualToIgnoringNewLines("reference: nothing to do");
  }

  @Test
  void whatWasOnlyInsertedIsLoadedAgainWhenUpdateIsAskedFor() throws Exception {
    seeds.load();
    change();
    assertThat(seeds.load("--seed-mode", "update").out())
        .isEqualToIgnoringNewLines("reference: 1 inserted, 1 updated, 1 unchanged");
    assertThat(seeds.load("--seed-mode", "skip").out())
        .as("an update covers a skip")
        .isEqualToIgnoringNewLines("reference: nothing to do");
  }

  @Test
  void setsAreLoadedInTheOrderAskedForAndStayWhenALaterOneFails() throws Exception {
    TestFiles.write(
        seeds.directory().resolve("second/01_items.csv"), "name (key),price\nBed,cheap\n");
    CliResult result = seeds.seed("--seeds", "reference,second");
    assertThat(result.exitCode()).isEqualTo(8);
    assertThat(result.err()).contains("sets before it stay loaded");
    assertThat(items()).hasSize(3);
    assertThat(seeds.load().out()).isEqualToIgnoringNewLines("reference: nothing to do");
  }

  @Test
  void aKeyThatNoIndexMakesUniqueIsMergedAllTheSame() throws Exception {
    database.execute(
        database.owner(),
        """
        CREATE TABLE visits (who text, day date, minutes int);
        INSERT INTO visits VALUES ('ann', '2026-01-01', 5), ('ann', '2026-01-01', 6), ('bob', '2026-01-01', 7);
        """);
    seeds
        .clear()
        .file(
            "01_visits.csv",
            "who (key),day (key),minutes\nann,2026-01-01,9\nbob,2026-01-01,7\ncid,2026-01-01,8\n");
    assertThat(seeds.load("--seed-mode", "update").out())
        .as("two rows of the table have the key of one in the file")
        .isEqualToIgnoringNewLines("reference: 1 inserted, 2 updated, 0 unchanged");
    assertThat(database.query("SELECT who || minutes FROM visits ORDER BY 1"))
        .containsExactly("ann9", "ann9", "bob7", "cid8");
  }

  @Test
  void anUnknownSetIsAMistakeOfTheCaller() {
    for (String name : List.of("other", "../reference", ".", "reference,other")) {
      CliResult result = seeds.seed("--seeds", name);
      assertThat(result.exitCode()).as(name).isEqualTo(2);
      assertThat(result.err())
          .contains("there is no seed set", "nothing was loaded", "--seeds-dir");
    }
  }

  @Test
  void anEmptySetIsAMistakeOfTheCaller() throws Exception {
    CliResult result = seeds.seed("--seeds", "");
    assertThat(result.exitCode()).isEqualTo(2);
    assertThat(result.err()).contains("--seeds is empty", "omit it");
    assertThat(items()).isEmpty();
  }

  @Test
  void anUnknownModeIsAMistakeOfTheCaller() throws Exception {
    CliResult result = seeds.seed("--seed-mode", "replace");
    assertThat(result.exitCode()).isEqualTo(2);
    assertThat(result.err()).contains("--seed-mode");
    assertThat(items()).isEmpty();
  }

  @Test
  void noneIsNoSet() throws Exception {
    assertThat(seeds.load("--seeds", "none").out()).isBlank();
    assertThat(seeds.loadAsJson("--seeds", "none")).hasToString("{\"seeds\":[]}");
    assertThat(items()).isEmpty();
  }

  @Test
  void whatWasLoadedIsNobodysBusinessButTheOwners() throws Exception {
    seeds.load();
    try (Connection owner = database.connect(database.owner());
        Connection service = database.connect(database.service())) {
      assertThat(SeedLedger.read(owner)).containsOnlyKeys("reference");
      assertThat(SeedLedger.read(service)).isEmpty();
    }
  }
}

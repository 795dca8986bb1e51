package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** Seeds for tables with row level security that holds for the owner too. */
@ExtendWith(PostgresExtension.class)
class RowSecuritySeedTest {
  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path directory;

  @SuppressWarnings("NullAway.Init")
  private TestDatabase database;

  @SuppressWarnings("NullAway.Init")
  private SeedFolder seeds;

  @BeforeEach
  void tables(TestDatabase empty) throws Exception {
    database = empty.withRoles();
    database.execute(
        database.owner(),
        """
        CREATE TABLE kinds (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE NOT NULL);
        CREATE TABLE items (name text PRIMARY KEY, kind_id int REFERENCES kinds, price int)
        """);
    seeds =
        new SeedFolder(database, directory.resolve("seeds"))
            .file("01_kinds.csv", "name (key)\nLight\n")
            .file("02_items.csv", "name (key),kind_id -> kinds.name,price\nLamp,Light,1\n");
  }

  private List<String> items() throws Exception {
    return database.query(
        PostgresServer.ADMIN,
        "SELECT i.name || k.name || price FROM items i JOIN kinds k ON k.id = kind_id");
  }

  private void force(String... tables) throws Exception {
    for (String table : tables) {
      database.execute(
          database.owner(),
          "ALTER TABLE %1$s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY".formatted(table));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"kinds", "items"})
  void whatHidesRowsIsNamedWithTheWay(String table) throws Exception {
    force(table);
    assertThat(seeds.seed())
        .exited(ExitCode.SEEDING_FAILED)
        .says(
            "row level security hides rows of public.%s from %s".formatted(table, database.owner()),
            table.equals("kinds") ? "01_kinds.csv" : "02_items.csv",
            "none of this set was loaded",
            "CREATE POLICY",
            "USING (true)");
  }

  /** The rows of a file would be missing once more, and be inserted. */
  @Test
  void aTableThatIsReferredToIsNamedToo() throws Exception {
    seeds.load();
    force("kinds");
    seeds.clear().file("02_items.csv", "name (key),kind_id -> kinds.name,price\nSun,Light,9\n");
    assertThat(seeds.seed())
        .exited(ExitCode.SEEDING_FAILED)
        .says("row level security hides rows of public.kinds", "02_items.csv");
  }

  @ParameterizedTest
  @ValueSource(strings = {"skip", "update"})
  void withAPolicyThatShowsAllTheyAreLoadedAndVerified(String mode) throws Exception {
    force("kinds", "items");
    for (String table : new String[] {"kinds", "items"}) {
      database.execute(
          database.owner(),
          "CREATE POLICY all_for_the_owner ON %s TO %s USING (true)"
              .formatted(table, database.owner()));
    }
    seeds.load("--seed-mode", mode);
    assertThat(items()).containsExactly("LampLight1");
    seeds.file("02_items.csv", "name (key),kind_id -> kinds.name,price\nLamp,Light,2\n");
    seeds.load("--seed-mode", mode);
    assertThat(items()).containsExactly(mode.equals("skip") ? "LampLight1" : "LampLight2");
  }

  @Test
  void loadedRowsThatAreHiddenLaterAreNoReasonToBeUnhealthy() throws Exception {
    seeds.load();
    force("kinds", "items");
    assertThat(seeds.cli().run("verify", "--seeds", "reference").all())
        .contains("seeds")
        .doesNotContain("is empty");
  }
}

package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Seed files in SQL, for what CSV cannot say. */
@ExtendWith(PostgresExtension.class)
class SqlSeedTest {
  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path directory;

  @SuppressWarnings("NullAway.Init")
  private TestDatabase database;

  @SuppressWarnings("NullAway.Init")
  private SeedFolder seeds;

  @BeforeEach
  void table(TestDatabase empty) throws Exception {
    database = empty.withRoles();
    database.execute(database.owner(), "CREATE TABLE items (name text PRIMARY KEY, price int)");
    seeds = new SeedFolder(database, directory.resolve("seeds"));
  }

  private List<String> items() throws Exception {
    return database.query("SELECT name FROM items ORDER BY name");
  }

  private void assertRefused(CliResult result, String... parts) throws Exception {
    assertThat(result.exitCode()).as(result.all()).isEqualTo(8);
    assertThat(result.err()).contains("none of this set was loaded").contains(parts);
    assertThat(items()).isEmpty();
  }

  @Test
  void filesOfBothKindsAreLoadedInTheOrderOfTheirNames() throws Exception {
    seeds
        .file("01_items.csv", "name (key),price\nLamp,1\n")
        .file(
            "02_double.sql",
            "UPDATE items SET price = price * 2; -- all\nUPDATE items SET price = price + 1;")
        .file("03_items.csv", "name (key),price\nChair,5\n")
        .file("04_double.sql", "UPDATE items SET price = price * 2");
    CliResult result = seeds.load();
    assertThat(database.query("SELECT name || price FROM items ORDER BY 1"))
        .containsExactly("Chair10", "Lamp6");
    assertThat(result.err())
        .contains("reference/02_double.sql: 2 inserted, 0 updated, 0 unchanged");
    assertThat(seeds.load().out()).contains("nothing to do");
  }

  @Test
  void aFunctionOrARuleMayHoldSeveralCommands() throws Exception {
    seeds
        .file(
            "01_items.sql",
            """
            CREATE FUNCTION add(item text) RETURNS int LANGUAGE sql BEGIN ATOMIC
              INSERT INTO items VALUES (add.item, CASE WHEN true THEN 1 END);
              SELECT 1;
            END;
            CREATE TABLE log (name text);
            CREATE RULE twice AS ON INSERT TO log DO INSTEAD (
              INSERT INTO items VALUES (new.name);
              INSERT INTO items VALUES (new.name || ' again'));
            (SELECT add('Lamp')) UNION (SELECT 2);
            INSERT INTO log VALUES (e'it\\'s; ok');
            """)
        .load();
    assertThat(items()).containsExactly("Lamp", "it's; ok", "it's; ok again");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          SELECT 1 FROM nowhere                            | 7 | 42P01 | relation "nowhere" does not exist
          INSERT INTO items VALUES ('a', 1)                | 6 | 23505 | Key (name)=(a) already exists
          SELECT 1 / 0                                     | 6 | 22012 | division by zero
          DO $$ BEGIN RAISE EXCEPTION 'own words'; END $$  | 6 | P0001 | own words
          SELEC                                            | 6 | 42601 | syntax error
          SELECT 'never closed                             | 7 | 42601 | unterminated quoted string
          \\set x 1                                         | 6 | ''    | "\\set" is a psql command
          COPY items FROM STDIN                            | 6 | ''    | only psql can read the rows after COPY ... FROM STDIN
          """)
  void aStatementThatFailsIsNamedAndUndoesTheSet(
      String statement, int line, String sqlState, String message) throws Exception {
    seeds
        .file("01_items.csv", "name (key),price\nLamp,1\n")
        .file(
            "02_more.sql",
            """
            -- a comment; with a semicolon
            INSERT INTO items VALUES ('a', 1),
              ('b;
            ', 2);

            %s;
            INSERT INTO items VALUES ('c', 3);
            """
                .formatted(statement.replace(" FROM nowhere", "\nFROM nowhere")));
    assertRefused(
        seeds.seed(),
        seeds.path("02_more.sql")
            + ", line "
            + line
            + (sqlState.isEmpty() ? "" : ", SQLSTATE " + sqlState),
        message);
    seeds.file("02_more.sql", "INSERT INTO items VALUES ('a', 1)").load();
    assertThat(items()).containsExactly("Lamp", "a");
  }

  @ParameterizedTest
  @ValueSource(strings = {"COMMIT", "ROLLBACK", "BEGIN", "END"})
  void aFileThatWouldEndTheTransactionIsRefusedBeforeItRuns(String statement) throws Exception {
    seeds
        .file("01_items.csv", "name (key),price\nLamp,1\n")
        .file("02_more.sql", "INSERT INTO items VALUES ('a', 1);\n\n" + statement + ";\nSELECT 1");
    assertRefused(
        seeds.seed(),
        seeds.path("02_more.sql") + ", line 3",
        "\"" + statement + "\"",
        "one transaction");
  }

  @Test
  void aProcedureCannotEndTheTransactionEither() throws Exception {
    seeds
        .file("01_items.csv", "name (key),price\nLamp,1\n")
        .file("02_more.sql", "DO 'BEGIN COMMIT; END';");
    assertRefused(seeds.seed(), "02_more.sql, line 1, SQLSTATE 2D000");
  }

  @Test
  void whatAFileSetsEndsWithTheFile() throws Exception {
    seeds
        .file(
            "01_dump.sql",
            """
            SET search_path = ''; SET timezone = 'Asia/Tokyo'; SET ROLE %s;
            SELECT pg_catalog.set_config('lock_timeout', '1', false);
            """
                .formatted(database.service()))
        .file("02_items.csv", "name (key),price\nLamp,1\n")
        .file(
            "03_check.sql",
            "INSERT INTO items SELECT current_setting('lock_timeout') || current_user");
    seeds.load();
    assertThat(items()).containsExactly("10s" + database.owner(), "Lamp");
  }

  @Test
  void whatASetLeavesInItsSessionDoesNotReachTheNextOne() throws Exception {
    seeds.file(
        "01_dump.sql", "CREATE TEMP TABLE items (a int); SELECT set_config('a.b', 'c', true)");
    TestFiles.write(
        directory.resolve("seeds/other/01_items.sql"),
        "INSERT INTO items SELECT coalesce(current_setting('a.b', true), 'unset')");
    seeds.load("--seeds", "reference,other");
    assertThat(items()).containsExactly("unset");
  }

  @Test
  void aConstraintThatIsCheckedAtTheEndUndoesTheSet() throws Exception {
    database.execute(
        database.owner(),
        "ALTER TABLE items ADD next text REFERENCES items DEFERRABLE INITIALLY DEFERRED");
    seeds.file("01_items.csv", "name (key),next\nLamp,Chair\nChair,Lamp\n").load();
    database.execute(database.owner(), "DELETE FROM items");
    seeds.file("01_items.csv", "name (key),next\nLamp,Chair\n").file("02_more.sql", "SELECT 1");
    assertRefused(
        seeds.seed("--force"),
        "seed set reference, at its end, SQLSTATE 23503",
        "Key (next)=(Chair)");
  }

  /** A file of 40 MiB in a heap of 40 MiB. */
  @Test
  void aFileIsNotReadWholeIntoMemory() throws Exception {
    String statement = "INSERT INTO items VALUES ('%05d', length('" + "x".repeat(4000) + "'));\n";
    seeds.file("01_items.sql", "");
    try (BufferedWriter file = Files.newBufferedWriter(seeds.path("01_items.sql"))) {
      for (int i = 0; i < 10_000; i++) {
        file.write(statement.formatted(i));
      }
    }
    assertThat(seeds.cli().with("_JAVA_OPTIONS", "-Xmx40m").start("seed").await())
        .exited(ExitCode.OK)
        .answers("reference: 10000 inserted, 0 updated, 0 unchanged");
    assertThat(seeds.load().out()).contains("nothing to do"); // the checksum is that of the file
  }
}

package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;

/** What PostgreSQL prints in other words after a restore is no drift; what was drift still is. */
class RestoredDriftTest {
  /** All that has expressions; varchar with IN is what a dump brings back in other words. */
  private static final String EXPRESSIONS =
      """
      CREATE TYPE mood AS ENUM ('good', 'bad');
      CREATE DOMAIN grade AS varchar(1) CHECK (VALUE IN ('a', 'b', 'c'));
      CREATE FUNCTION is_new(s varchar DEFAULT 'new') RETURNS boolean LANGUAGE sql IMMUTABLE
        RETURN s IN ('new', 'fresh');
      CREATE TABLE item (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        state varchar(10) NOT NULL DEFAULT lower('NEW'::varchar)
          CHECK (state IN ('new', 'old', 'gone')),
        kind char(3) CHECK (kind IN ('abc', 'def')),
        price numeric DEFAULT 1 + 2 * 3 CHECK (price BETWEEN 0 AND 1e3),
        feeling mood CHECK (feeling <> ALL (ARRAY['bad'::mood])),
        day timestamp DEFAULT '2026-01-01 00:00:00',
        is_old boolean GENERATED ALWAYS AS (state IN ('old', 'gone')) STORED,
        during int4range,
        EXCLUDE USING gist (during WITH &&) WHERE (price > 0.5));
      CREATE INDEX item_live ON item (lower(state), (price * 2)) WHERE state IN ('new', 'old');
      CREATE VIEW live AS SELECT id, CASE WHEN state IN ('new', 'old') THEN 1 ELSE 0 END AS n
        FROM item WHERE state NOT IN ('gone') WITH LOCAL CHECK OPTION;
      CREATE MATERIALIZED VIEW counted AS
        SELECT state, count(*) FILTER (WHERE kind IN ('abc', 'def')) AS n FROM item GROUP BY ROLLUP (state);
      CREATE RULE no_gone AS ON DELETE TO item WHERE old.state IN ('gone', 'old') DO INSTEAD NOTHING;
      CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
      CREATE TRIGGER changed AFTER UPDATE ON item FOR EACH ROW
        WHEN (new.state IN ('new', 'old') AND old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION nothing();
      ALTER TABLE item ENABLE ROW LEVEL SECURITY;
      CREATE POLICY seen ON item USING (state IN ('new', 'old')) WITH CHECK (kind NOT IN ('xyz'));
      CREATE TABLE part (state varchar(10), n int) PARTITION BY LIST (lower(state));
      CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a', 'b');
      CREATE TABLE part_rest PARTITION OF part DEFAULT;
      CREATE TABLE span (day timestamptz) PARTITION BY RANGE (day);
      CREATE TABLE span_a PARTITION OF span FOR VALUES FROM (MINVALUE) TO ('2026-01-01 00:00:00+00');
      CREATE STATISTICS item_statistics ON lower(state), kind FROM item;
      """;

  @TempDir private static Path passwords;

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void whatHadNoDriftHasNoneAndWhatHadStillHas(
      int major, @TempDir Path directory, @TempDir Path folder) throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.database().withRoles();
    MigrationDirectory migrations =
        new MigrationDirectory(directory).with("V001__expressions.sql", EXPRESSIONS);
    Cli cli = server.cli(database).with("LEARNFLOW_DB_MIGRATIONS", migrations.path().toString());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(cli.run("drift")).exited(ExitCode.OK).answers("no drift");
    Path clean = folder.resolve("clean");
    assertThat(cli.run("backup", clean.toString())).exited(ExitCode.OK);
    assertThat(cli.run("drift")).exited(ExitCode.OK).answers("no drift");

    database.execute(
        database.owner(),
        """
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
        CREATE INDEX by_hand ON item (kind);
        ALTER TABLE item DROP CONSTRAINT item_kind_check,
          ADD CONSTRAINT item_kind_check CHECK (kind IN ('abc', 'def', 'ghi'))
        """);
    List<String> drift = summaries(cli);
    assertThat(drift)
        .contains("added index public.by_hand", "changed constraint public.item.item_kind_check");
    Path drifted = folder.resolve("drifted");
    assertThat(cli.run("backup", drifted.toString())).exited(ExitCode.OK);

    migrations.with("V002__more.sql", "CREATE TABLE more (s varchar CHECK (s IN ('a', 'b')));");
    assertThat(cli.run("restore", clean.toString(), "--replace", "--yes")).exited(ExitCode.OK);
    assertThat(summaries(cli)).isEmpty();
    assertThat(cli.run("restore", drifted.toString(), "--replace", "--yes")).exited(ExitCode.OK);
    assertThat(summaries(cli)).isEqualTo(drift);
    assertThat(
            database.query(
                "SELECT count(*) FROM learnflow_db.catalogs, jsonb_object_keys(expected) k WHERE k LIKE '%in the dump%'"))
        .containsExactly("0");

    // A dump that says nothing of drift.
    assertThat(cli.run("drift", "--accept-all", "--yes")).exited(ExitCode.OK);
    Path plain = folder.resolve("plain");
    assertThat(
            Programs.run(
                Map.of("PGPASSWORD", database.password(database.owner()).value()),
                List.of(
                    server.bin().resolve("pg_dump").toString(),
                    "--format=custom",
                    "--file=" + plain,
                    database.uri())))
        .exited(ExitCode.OK);
    assertThat(cli.run("restore", plain.toString(), "--replace", "--yes", "--trust-dump"))
        .exited(ExitCode.OK);
    assertThat(summaries(cli)).isEmpty();
  }

  @Test
  void aMissingRoleOfTheServicesIsSaidBeforeTheDumpIsLoaded(@TempDir Path folder) throws Exception {
    DumpServer server = DumpServer.of(17, passwords);
    TestDatabase database = server.database().migrated();
    Path file = server.backup(database, folder);
    Cli cli = server.cli(database).with("LEARNFLOW_DB_APP_USER", "nobody_" + database.name());
    for (String more : List.of("--trust-dump", "--no-acl")) {
      assertThat(cli.run("restore", file.toString(), "--replace", "--yes", more))
          .exited(ExitCode.REFUSED)
          .says(
              "role nobody_" + database.name(),
              "does not exist on this server",
              "learnflow-db roles",
              "nothing was changed")
          .doesNotSay("loading into");
    }
  }

  private static List<String> summaries(Cli cli) {
    return cli.run("drift")
        .out()
        .lines()
        .filter(line -> line.matches("(added|removed|changed) .*"))
        .toList();
  }
}

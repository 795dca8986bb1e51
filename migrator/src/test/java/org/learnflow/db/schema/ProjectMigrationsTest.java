package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.roles.ServiceRights;
import org.learnflow.db.testing.CatalogSnapshot;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * The project's own migrations: their undo scripts, and what the schema promises to its services.
 */
@ExtendWith(PostgresExtension.class)
class ProjectMigrationsTest {

  @Test
  void everyMigrationHasAWayBackAndEveryWayBackItsMigration() {
    List<String> forward = names('V');
    assertThat(forward).isNotEmpty();
    assertThat(names('U')).isEqualTo(forward);
  }

  @Test
  void undoingAllLeavesNothingAndDoingAllAgainGivesTheSameSchema(TestDatabase database)
      throws Exception {
    database.withRoles();
    CatalogSnapshot empty = CatalogSnapshot.of(database);
    assertThat(database.cli().run("migrate")).exited(ExitCode.OK);
    CatalogSnapshot migrated = CatalogSnapshot.of(database);
    assertThat(migrated.lines()).hasSizeGreaterThan(100);

    for (String name : names('U').reversed()) {
      Path undo = TestFiles.migrations().resolve("U" + name);
      database.execute(database.owner(), Files.readString(undo));
    }
    assertThat(CatalogSnapshot.of(database).lines()).isEqualTo(empty.lines());

    database.execute(database.owner(), "DELETE FROM flyway_schema_history");
    assertThat(database.cli().run("migrate")).exited(ExitCode.OK);
    assertThat(CatalogSnapshot.of(database).lines()).isEqualTo(migrated.lines());
  }

  @Test
  void eachWayBackUndoesItsOwnMigrationOnly(TestDatabase database) throws Exception {
    database.withRoles();
    // What schema_migrations reads; Flyway makes it before the first migration.
    database.execute(
        database.owner(),
        "CREATE TABLE flyway_schema_history (version text, installed_on timestamp, success boolean)");
    for (String name : names('V')) {
      Path directory = TestFiles.migrations();
      String forward = Files.readString(directory.resolve("V" + name));
      String back = Files.readString(directory.resolve("U" + name));
      CatalogSnapshot before = CatalogSnapshot.of(database);
      database.execute(database.owner(), forward);
      assertThat(CatalogSnapshot.of(database)).isNotEqualTo(before);
      database.execute(database.owner(), back);
      assertThat(CatalogSnapshot.of(database).lines()).as(name).isEqualTo(before.lines());
      database.execute(database.owner(), forward);
    }
  }

  @Test
  void everyTableIsReadByAService(TestDatabase database) throws Exception {
    database.migrated();
    Set<String> read = new TreeSet<>();
    rights()
        .byService()
        .values()
        .forEach(rights ->
            rights.stream()
                .filter(right -> right.privilege().equals("SELECT"))
                .forEach(right -> read.add(right.relation().replace("\"", ""))));
    List<String> tables =
        database.query(
            """
            SELECT schemaname || '.' || tablename FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'learnflow_db')
              AND tablename <> 'flyway_schema_history' ORDER BY 1
            """);
    assertThat(tables).hasSizeGreaterThan(5);
    assertThat(tables)
        .allSatisfy(table ->
            assertThat(read)
                .as(
                    "no service may read %1$s: add a line to migrations/services.csv, such as"
                        + " reporting,%1$s,SELECT,",
                    table)
                .contains(table));
  }

  private static ServiceRights rights() {
    return ServiceRights.read(TestFiles.migrations().resolve(ServiceRights.FILE));
  }

  /** Also that all tables and columns in it exist. */
  @Test
  void eachServiceGetsWhatIsWrittenForIt(TestDatabase database, @TempDir Path directory)
      throws Exception {
    Set<String> services = rights().byService().keySet();
    for (String service : services) {
      TestFiles.write(
          directory.resolve("service-%s-password".formatted(service)), "secret" + service);
    }
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_SERVICE_PASSWORDS", directory.toString())
            .with(
                "LEARNFLOW_DB_SERVICE_RIGHTS",
                TestFiles.migrations().resolve(ServiceRights.FILE).toString())
            .with(
                "LEARNFLOW_DB_SERVICES",
                services.stream()
                    .map(service ->
                        "{\"name\": \"%1$s\", \"role\": \"%2$s_%1$s\"}"
                            .formatted(service, database.service()))
                    .collect(Collectors.joining(", ", "[", "]")));
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(cli.run("verify").out())
        .contains(
            services.stream()
                .map(service -> "✓ rights: service %s (".formatted(service))
                .toArray(String[]::new));

    Path wrong = directory.resolve("services.csv");
    TestFiles.write(
        wrong,
        TestFiles.read(TestFiles.migrations().resolve(ServiceRights.FILE))
            + "debug,honours,SELECT,\ndebug,users,UPDATE,nickname\n");
    assertThat(cli.with("LEARNFLOW_DB_SERVICE_RIGHTS", wrong.toString()).run("verify").lastLine())
        .isEqualTo(
            "unhealthy: rights: services.csv gives rights on what does not exist: public.honours"
                + " (service debug), public.users.nickname (service debug); next: correct or"
                + " remove these lines in migrations/services.csv");
  }

  @Test
  void everyForeignKeyHasAnIndexThatStartsWithItsColumns(TestDatabase database) throws Exception {
    database.migrated();
    assertThat(
            database.query(
                """
                SELECT k.conname FROM pg_constraint k
                WHERE k.contype = 'f' AND NOT EXISTS (
                  SELECT FROM pg_index i
                  WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
                    AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
                """))
        .isEmpty();
    assertThat(database.query("SELECT conname FROM pg_constraint WHERE contype = 'f'"))
        .isNotEmpty();
  }

  @Test
  void everyTableViewAndColumnHasAComment(TestDatabase database) throws Exception {
    database.migrated();
    assertThat(
            database.query(
                """
                SELECT c.oid::regclass || coalesce('.' || a.attname, '')
                FROM pg_class c LEFT JOIN LATERAL (
                  SELECT attname, attnum FROM pg_attribute
                  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                  UNION ALL SELECT NULL, 0) a ON true
                WHERE c.relkind IN ('r', 'p', 'v', 'm')
                  AND c.relnamespace IN ('public'::regnamespace, 'compat'::regnamespace)
                  AND c.relname <> 'flyway_schema_history'
                  AND coalesce(btrim(CASE a.attnum WHEN 0 THEN obj_description(c.oid, 'pg_class')
                                                   ELSE col_description(c.oid, a.attnum) END), '') = ''
                """))
        .isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          Progress: progress of a user              | public | SELECT * FROM progress WHERE user_id = 1                                       | user_id
          Progress: the same by its earlier name    | compat | SELECT * FROM learning_progress WHERE user_id = 1                              | user_id
          Triage: struggles of a user               | public | SELECT * FROM struggle_alerts WHERE user_id = 1 ORDER BY last_detected DESC    | user_id
          Triage: the same by its earlier name      | compat | SELECT * FROM struggles WHERE user_id = 1 ORDER BY last_occurred DESC          | user_id
          Exercise: exercises of a difficulty       | public | SELECT * FROM exercises WHERE difficulty = 'beginner'                          | difficulty
          Exercise: the same by its earlier name    | compat | SELECT * FROM exercises WHERE difficulty_level = 'beginner'                    | difficulty
          Debug: recent executions of a user        | public | SELECT * FROM code_executions WHERE user_id = 1 ORDER BY executed_at DESC LIMIT 10 | user_id
          Debug: the same by its earlier name       | compat | SELECT * FROM code_executions WHERE user_id = 1 ORDER BY executed_at DESC LIMIT 10 | user_id
          """)
  void theLookupsOfTheServicesUseAnIndex(
      String lookup, String schema, String query, String column, TestDatabase database)
      throws Exception {
    database.migrated();
    String plan = String.join("\n", explain(database, schema, query));
    assertThat(plan).as(lookup).containsPattern("Index Cond: \\(" + column + " = ");
    assertThat(plan).as(lookup).doesNotContain("Seq Scan");
    if (query.contains("LIMIT")) {
      assertThat(plan).as("the newest come first from the index").doesNotContain("Sort");
    }
  }

  @Test
  void schemaMigrationsTellsTheRightTimeWhereverTheMigratorRan(TestDatabase database)
      throws SQLException {
    Cli elsewhere = database.withRoles().cli().with("TZ", "Pacific/Kiritimati");
    assertThat(elsewhere.start("migrate").await()).exited(ExitCode.OK);
    assertThat(
            database.query(
                "SELECT version FROM schema_migrations"
                    + " WHERE abs(extract(epoch FROM now() - applied_at)) > 60"))
        .isEmpty();
  }

  /** The plan for tables that are still empty: whatever an index can do is left to it. */
  private static List<String> explain(TestDatabase database, String schema, String query)
      throws SQLException {
    for (String setting :
        List.of("search_path = " + schema, "enable_seqscan = off", "enable_sort = off")) {
      database.execute(
          database.owner(), "ALTER ROLE %s SET %s".formatted(database.owner(), setting));
    }
    return database.query("EXPLAIN " + query);
  }

  /** Names of the migrations in order, without their first letter. */
  private static List<String> names(char kind) {
    return ProjectMigrations.files(kind).stream().map(name -> name.substring(1)).toList();
  }
}

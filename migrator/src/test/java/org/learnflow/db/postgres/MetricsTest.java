package org.learnflow.db.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** What the chart's exporter asks, as its role, of what commands have recorded. */
class MetricsTest {
  @TempDir private Path directory;

  private Cli cli(TestDatabase database, String monitoring) throws Exception {
    TestFiles.write(
        directory.resolve("services.json"),
        """
        [{"name": "monitoring", "role": "%s", "connectionLimit": 3, "poolSize": 1, "memberOf": ["pg_monitor"],
          "settings": {"default_transaction_read_only": "on", "search_path": "pg_catalog", "statement_timeout": "10s"}}]
        """
            .formatted(monitoring));
    Path passwords = Files.createDirectory(directory.resolve("service-passwords"));
    TestFiles.write(
        passwords.resolve("service-monitoring-password"), database.password(monitoring).value());
    return database
        .cli()
        .with("LEARNFLOW_DB_SERVICES", directory.resolve("services.json").toString())
        .with("LEARNFLOW_DB_SERVICE_PASSWORDS", passwords.toString());
  }

  /** All metrics, by name and labels, as the role reads them. */
  private static Map<String, Double> metrics(TestDatabase database, String role) throws Exception {
    return metrics(database, role, "RESET statement_timeout");
  }

  private static Map<String, Double> metrics(TestDatabase database, String role, String first)
      throws Exception {
    JsonNode queries =
        new ObjectMapper()
            .valueToTree(
                Serialization.unmarshal(
                    Files.readString(
                        TestFiles.repository().resolve("charts/learnflow-db/files/metrics.yaml")),
                    Map.class));
    Map<String, Double> metrics = new TreeMap<>();
    try (Connection connection = database.connect(role);
        Statement statement = connection.createStatement()) {
      statement.execute(first);
      for (Map.Entry<String, JsonNode> query : queries.properties()) {
        try (ResultSet rows = statement.executeQuery(query.getValue().path("query").asText())) {
          while (rows.next()) {
            read(query.getKey(), query.getValue().path("metrics"), rows, metrics);
          }
        }
      }
    }
    return metrics;
  }

  private static void read(
      String prefix, JsonNode columns, ResultSet rows, Map<String, Double> metrics)
      throws SQLException {
    Map<String, JsonNode> kinds = new TreeMap<>();
    columns.forEach(
        column -> column.properties().forEach(kind -> kinds.put(kind.getKey(), kind.getValue())));
    List<String> labels = new ArrayList<>();
    for (Map.Entry<String, JsonNode> kind : kinds.entrySet()) {
      if (kind.getValue().path("usage").asText().equals("LABEL")) {
        labels.add("%s=%s".formatted(kind.getKey(), rows.getString(kind.getKey())));
      }
    }
    for (Map.Entry<String, JsonNode> kind : kinds.entrySet()) {
      if (kind.getValue().path("usage").asText().equals("GAUGE")) {
        double value = rows.getDouble(kind.getKey());
        String name = prefix + "_" + kind.getKey() + (labels.isEmpty() ? "" : labels.toString());
        metrics.put(name, rows.wasNull() ? Double.NaN : value);
      }
    }
  }

  @EverySupportedVersion
  void theRoleReadsWhatRunsAndVerificationsFound(int major) throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory);
    String role = database.service() + "_monitoring";
    Cli cli = cli(database, role);
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(cli.run("run")).exited(ExitCode.OK).says("nothing to do");

    Map<String, Double> afterRun = metrics(database, role);
    assertThat(afterRun)
        .containsEntry("learnflow_db_run_failed[command=run]", 0.0)
        .containsEntry("learnflow_db_verify_healthy", 1.0)
        .containsEntry("learnflow_db_role_connections_limit[role=%s]".formatted(role), 3.0)
        .containsKey("learnflow_db_step_duration_seconds[command=run, step=migrate]")
        .doesNotContainKey("learnflow_db_drill_failed");
    assertThat(afterRun.get("learnflow_db_server_size_bytes")).isGreaterThan(1e6);
    assertThat(afterRun.get("learnflow_db_verify_drift_objects")).isNaN();

    database.execute(database.owner(), "CREATE TABLE public.by_hand (id int)");
    database.execute(database.owner(), "CREATE SEQUENCE public.short MAXVALUE 10");
    database.query("SELECT setval('public.short', 9)");
    assertThat(cli.run("verify")).exited(ExitCode.OK);
    assertThat(metrics(database, role).get("learnflow_db_verify_drift_objects")).isNaN();
    assertThat(cli.run("verify", "--record")).exited(ExitCode.OK);
    Map<String, Double> verified = metrics(database, role);
    assertThat(verified)
        .containsEntry("learnflow_db_verify_healthy", 1.0)
        .containsEntry("learnflow_db_verify_drift_objects", 2.0)
        .containsEntry("learnflow_db_verify_rights_deviations", 0.0)
        .containsEntry("learnflow_db_verify_sequence_used_ratio", 0.9)
        .containsEntry("learnflow_db_verify_stage[stage=drift]", 1.0)
        .containsEntry("learnflow_db_run_failed[command=verify]", 0.0);

    database.execute(database.owner(), "DROP TABLE public.progress CASCADE");
    assertThat(cli.run("verify", "--record")).exited(ExitCode.FAILED);
    assertThat(metrics(database, role))
        .containsEntry("learnflow_db_verify_healthy", 0.0)
        .containsEntry("learnflow_db_verify_stage[stage=objects]", 2.0)
        .containsEntry("learnflow_db_run_failed[command=verify]", 1.0);
  }

  @Test
  void aMigrationThatFailsIsRecordedWithWhatIsPending(@TempDir Path migrations) throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    TestFiles.write(migrations.resolve("V001__good.sql"), "CREATE TABLE good (id int);");
    Cli cli = database.cli().with("LEARNFLOW_DB_MIGRATIONS", migrations.toString());
    cli = cli.with("LEARNFLOW_DB_SEEDS", "none");
    assertThat(cli.run("run")).exited(ExitCode.OK);
    TestFiles.write(migrations.resolve("V002__bad.sql"), "SELECT 1 / 0;");
    assertThat(cli.run("run")).exited(ExitCode.MIGRATION_FAILED);
    assertThat(
            database.query(
                "SELECT concat_ws(' ', command, failure <> '', schema_version, pending) FROM learnflow_db.runs ORDER BY id"))
        .containsExactly("run f 001 0", "run t 001 1");
    assertThat(metrics(database, database.owner()))
        .containsEntry("learnflow_db_run_failed[command=run]", 1.0)
        .containsEntry("learnflow_db_schema_pending_migrations[version=001]", 1.0);
  }

  @Test
  void anOwnersCodeIsNotRunByTheRoleOfMetrics() throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    String role = database.service() + "_monitoring";
    assertThat(cli(database, role).run("run")).exited(ExitCode.OK);
    database.execute(
        database.owner(),
        """
        CREATE TABLE public.caught (who text);
        GRANT INSERT ON public.caught TO PUBLIC;
        CREATE FUNCTION public.catch() RETURNS boolean LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN true; END $$;
        ALTER TABLE learnflow_db.runs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY planted ON learnflow_db.runs USING (public.catch());
        CREATE FUNCTION public.obj_description(oid, name) RETURNS text LANGUAGE sql AS
          $$ SELECT public.catch()::text $$;
        GRANT USAGE ON SCHEMA learnflow_db TO PUBLIC;
        GRANT SELECT ON ALL TABLES IN SCHEMA learnflow_db TO PUBLIC;
        """);
    assertThat(metrics(database, role)).containsKey("learnflow_db_verify_healthy");
    assertThat(database.query("SELECT who FROM public.caught")).isEmpty();
    assertThatThrownBy(() -> database.execute(role, "CREATE TABLE public.x ()"))
        .isInstanceOf(SQLException.class);
  }

  @Test
  void eightAtOnceAreAllRecordedAndTheCommentIsThatOfTheLast() throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    Cli cli = database.cli();
    assertThat(cli.run("run")).exited(ExitCode.OK);
    try (var pool = Executors.newFixedThreadPool(8)) {
      List<Callable<CliResult>> runs =
          Stream.generate(() -> (Callable<CliResult>) () -> cli.run("run"))
              .limit(8)
              .collect(Collectors.toList());
      for (Future<CliResult> run : pool.invokeAll(runs)) {
        assertThat(run.get()).exited(ExitCode.OK);
      }
    }
    assertThat(database.query("SELECT count(*) FROM learnflow_db.runs")).containsExactly("9");
    assertThat(
            database.query(
                """
                SELECT abs((j ->> 'finished')::float8 - (SELECT extract(epoch FROM started_at) + seconds
                            FROM learnflow_db.runs ORDER BY id DESC LIMIT 1)) < 0.001
                FROM jsonb_array_elements(obj_description('learnflow_db.runs'::regclass)::jsonb -> 'runs') j
                """))
        .containsExactly("t");
  }

  /** Of a migration, of a restore, or of somebody who tidies up. */
  @EverySupportedVersion
  void noQueryWaitsForALockOnTables(int major) throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory);
    String role = database.service() + "_monitoring";
    assertThat(cli(database, role).run("run")).exited(ExitCode.OK);
    try (Connection migration = database.connect(database.owner());
        Statement statement = migration.createStatement()) {
      migration.setAutoCommit(false);
      statement.execute(
          """
          LOCK TABLE public.users, learnflow_db.runs, learnflow_db.seed_sets IN ACCESS EXCLUSIVE MODE;
          ALTER TABLE public.users ADD COLUMN late integer;
          ALTER TABLE learnflow_db.runs ADD COLUMN late integer;
          """);
      assertThat(inTime(database, role))
          .containsEntry("learnflow_db_verify_healthy", 1.0)
          .containsEntry("learnflow_db_server_lock_wait_seconds", 0.0)
          .hasEntrySatisfying(
              "learnflow_db_server_oldest_transaction_seconds",
              age -> assertThat(age).isPositive());
      statement.execute(
          "ALTER TABLE learnflow_db.runs RENAME TO gone; DROP TABLE public.users CASCADE");
      statement.execute("ALTER SCHEMA learnflow_db RENAME TO other");
      assertThat(inTime(database, role)).containsEntry("learnflow_db_verify_healthy", 1.0);
      migration.commit();
    }
    assertThat(inTime(database, role))
        .containsKey("learnflow_db_server_size_bytes")
        .doesNotContainKey("learnflow_db_verify_healthy");
  }

  /** All metrics; no query may take longer than a second. */
  private static Map<String, Double> inTime(TestDatabase database, String role) throws Exception {
    return metrics(database, role, "SET statement_timeout = '1s'");
  }

  /** Beside ten thousand tables that no migration made. */
  @Test
  @Tag("full")
  void tenThousandTablesDelayNeitherMetricsNorAVerification() throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    String role = database.service() + "_monitoring";
    Cli cli = cli(database, role);
    assertThat(cli.run("run")).exited(ExitCode.OK);
    int metrics = metrics(database, role).size();
    database.execute(
        database.owner(),
        """
        DO $$
        BEGIN
          FOR i IN 1..10000 LOOP
            EXECUTE format('CREATE TABLE public.t_%s (id int PRIMARY KEY)', i);
            IF i % 200 = 0 THEN COMMIT; END IF;
          END LOOP;
        END $$
        """);
    assertThat(inTime(database, role)).hasSize(metrics);
    // It gives up after a minute, and takes a few seconds.
    assertThat(cli.run("verify", "--record")).exited(ExitCode.OK);
    assertThat(inTime(database, role)).containsEntry("learnflow_db_verify_drift_objects", 10_000.0);
  }

  @Test
  void onlyTheLastHundredOfACommandStay() throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory)
            .migrated();
    database.execute(
        database.owner(),
        """
        INSERT INTO learnflow_db.runs (command, started_at, seconds, failure, schema_version, pending, steps, program)
        SELECT c, now(), 1, '', '001', 0, '{}', 'x' FROM unnest(ARRAY['migrate', 'run']) c, generate_series(1, 150)
        """);
    assertThat(database.cli().run("migrate")).exited(ExitCode.OK);
    assertThat(
            database.query(
                "SELECT command || ' ' || count(*) FROM learnflow_db.runs GROUP BY command ORDER BY 1"))
        .containsExactly("migrate 100", "run 150");
  }
}

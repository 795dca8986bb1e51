package org.learnflow.db.tracing;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.proto.trace.v1.Span;
import io.opentelemetry.proto.trace.v1.Status;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.Elapsed;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.LocalPorts;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** What a collector gets from a command, and what a command does without one. */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class TracingTest {
  private static final String ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT";

  @TempDir private Path folder;
  private Collector collector;
  private TestDatabase database;
  private MigrationDirectory migrations;
  private Cli cli;

  @BeforeEach
  void twoMigrations(TestDatabase empty) {
    collector = new Collector();
    database = empty;
    migrations =
        new MigrationDirectory(folder.resolve("migrations"))
            .with("V001__one.sql", "CREATE TABLE one (id int PRIMARY KEY);")
            .with("V002__and_two.sql", "SELECT pg_sleep(0.2);", "CREATE TABLE two (id int);");
    Path seeds = folder.resolve("seeds");
    TestFiles.write(seeds.resolve("reference/01_one.csv"), "id (key)\n7\n");
    cli = migrations.cli(database).with("LEARNFLOW_DB_SEEDS_DIR", seeds.toString());
  }

  @AfterEach
  void stop() {
    collector.close();
  }

  @Test
  void aRunIsOneTraceWithASpanForEachStepAndMigration() {
    assertThat(collector.watching(cli).run("run", "--publish-to", "file:" + folder.resolve("env")))
        .exited(ExitCode.OK)
        .doesNotSay("trace");

    assertThat(collector.names())
        .containsSubsequence(
            "learnflow-db run",
            "learnflow-db run > roles",
            "learnflow-db run > roles > wait",
            "learnflow-db run > migrate",
            "learnflow-db run > migrate > migration 001",
            "learnflow-db run > migrate > migration 002",
            "learnflow-db run > seed",
            "learnflow-db run > seed > seed reference",
            "learnflow-db run > verify",
            "learnflow-db run > publish");
    assertThat(collector.spans())
        .allSatisfy(span -> {
          assertThat(span.getTraceId()).isEqualTo(collector.spans().getFirst().getTraceId());
          assertThat(span.getStatus().getCode()).isNotEqualTo(Status.StatusCode.STATUS_CODE_ERROR);
          assertThat(took(span)).isPositive();
        });
    assertThat(took(collector.span("migration 002")))
        .isBetween(Duration.ofMillis(200), took(collector.span("migrate")));
    assertThat(took(collector.span("migration 001"))).isLessThan(took("migration 002"));
    assertThat(attributes("learnflow-db run"))
        .containsEntry("db.system.name", "postgresql")
        .containsEntry("db.namespace", database.name())
        .containsEntry("server.address", database.server().host())
        .containsEntry("server.port", Integer.toString(database.server().port()))
        .containsEntry("process.executable.name", "learnflow-db")
        .containsEntry("process.exit.code", "0");
    assertThat(attributes("migrate"))
        .isEqualTo(
            Map.of(
                "learnflow_db.schema.from", "none",
                "learnflow_db.schema.to", "002",
                "learnflow_db.migrations.pending", "2"));
    assertThat(attributes("migration 002"))
        .isEqualTo(
            Map.of(
                "learnflow_db.migration.version", "002",
                "learnflow_db.migration.description", "and two"));
    assertThat(attributes("seed reference"))
        .isEqualTo(Map.of("learnflow_db.seed.set", "reference"));
    assertThat(collector.resource())
        .containsEntry("service.name", "learnflow-db")
        .containsKey("service.version");
  }

  @Test
  void aFailedMigrationIsAnErrorInItsSpanAndInThoseAroundIt() {
    migrations.with("V002__and_two.sql", "CREATE TABLE two (id int);", "SELECT 1 / 0;");
    Cli watched = collector.watching(cli);
    assertThat(watched.run("roles")).exited(ExitCode.OK);
    assertThat(watched.run("migrate")).exited(ExitCode.MIGRATION_FAILED);

    assertThat(collector.names())
        .contains(
            "learnflow-db migrate > migrate > migration 001",
            "learnflow-db migrate > migrate > migration 002");
    for (String name : List.of("migration 002", "migrate", "learnflow-db migrate")) {
      Span failed = collector.span(name);
      assertThat(failed.getStatus().getCode()).isEqualTo(Status.StatusCode.STATUS_CODE_ERROR);
      assertThat(failed.getStatus().getMessage())
          .isEqualTo("V002__and_two.sql failed: division by zero");
      assertThat(attributes(name))
          .containsEntry("error.type", "migration_failed")
          .containsEntry("db.response.status_code", "22012");
    }
    assertThat(attributes("learnflow-db migrate")).containsEntry("process.exit.code", "6");
    assertThat(collector.span("migration 001").getStatus().getCode())
        .isEqualTo(Status.StatusCode.STATUS_CODE_UNSET);
  }

  @Test
  void aRollbackHasASpanForEachMigrationThatItUndoes() {
    migrations
        .with("U001__one.sql", "DROP TABLE one;")
        .with("U002__and_two.sql", "DROP TABLE two;");
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(
            collector
                .watching(cli)
                .run("rollback", "--to", "001", "--no-backup", "--yes", "--publish-to", "none"))
        .exited(ExitCode.OK);
    assertThat(collector.names())
        .contains("learnflow-db rollback > undo 002", "learnflow-db rollback > verify")
        .doesNotContain("learnflow-db rollback > undo 001");
    assertThat(attributes("undo 002")).containsEntry("learnflow_db.migration.version", "002");
  }

  @Test
  void theVariableOfACallerMakesItsSpanTheParent() {
    String trace = "0af7651916cd43dd8448eb211c80319c";
    String caller = "b7ad6b7169203331";
    Cli called =
        collector
            .watching(cli)
            .with("TRACEPARENT", "00-%s-%s-01".formatted(trace, caller))
            .with("OTEL_SERVICE_NAME", "shop-db");
    assertThat(called.run("run")).exited(ExitCode.OK);
    Span run = collector.span("learnflow-db run");
    assertThat(HexFormat.of().formatHex(run.getTraceId().toByteArray())).isEqualTo(trace);
    assertThat(HexFormat.of().formatHex(run.getParentSpanId().toByteArray())).isEqualTo(caller);
    assertThat(collector.resource()).containsEntry("service.name", "shop-db");
  }

  @Test
  void aCallerThatIsNotTracedIsNotTracedHere() {
    assertThat(
            collector
                .watching(cli)
                .with("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
                .run("run"))
        .exited(ExitCode.OK);
    assertThat(collector.text()).isEmpty();
  }

  @Test
  void noPasswordIsSent() {
    Cli watched =
        collector
            .watching(cli)
            .with("LEARNFLOW_DB_PUBLISH_TO", "file:" + folder.resolve("connection.env"));
    String password = database.password(database.owner()).value();
    assertThat(watched.run("run")).exited(ExitCode.OK);
    String url = database.uri().replace("@", ":" + password + "@");
    assertThat(
            watched
                .without("LEARNFLOW_DB_DATABASE")
                .without("LEARNFLOW_DB_PASSWORD_FILE")
                .with("DATABASE_URL", url)
                .run("run"))
        .exited(ExitCode.OK);
    Path wrong = folder.resolve("wrong");
    TestFiles.write(wrong, "wrong4711");
    assertThat(watched.run("wait", "--password-file", wrong.toString()))
        .exited(ExitCode.CREDENTIALS_REFUSED);

    assertThat(collector.names()).contains("learnflow-db run > publish");
    assertThat(collector.text())
        .contains(database.name(), "credentials_refused")
        .doesNotContain(
            password,
            database.password(database.service()).value(),
            database.server().adminPassword().value(),
            "wrong4711");
  }

  @Test
  void aCollectorThatRefusesOrFailsIsAWarning() throws IOException {
    assertThat(cli.with(ENDPOINT, "http://127.0.0.1:" + LocalPorts.free()).run("run"))
        .exited(ExitCode.OK)
        .doesNotSay("Exception", "\tat ")
        .says("trace    warning: the trace was not sent: no connection\n");
    try (Collector failing = new Collector(500)) {
      CliResult result = failing.watching(cli).run("run", "-v");
      assertThat(result).exited(ExitCode.OK).doesNotSay("Exception", "\tat ");
      assertThat(result.err().lines().filter(line -> line.startsWith("trace ")))
          .singleElement()
          .asString()
          .contains("warning: the trace was not sent: the collector answered with HTTP status 500");
    }
  }

  @Test
  void aCollectorThatDoesNotAnswerDelaysACommandByFiveSecondsAtMost() throws IOException {
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Elapsed without = Elapsed.fromNow();
    assertThat(cli.run("run")).exited(ExitCode.OK);
    Duration usual = without.time();
    try (ServerSocket silent = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
      Elapsed with = Elapsed.fromNow();
      assertThat(cli.with(ENDPOINT, "http://127.0.0.1:" + silent.getLocalPort()).run("run"))
          .exited(ExitCode.OK)
          .says("trace    warning: the trace was not sent: no answer within 5 s");
      assertThat(with.time()).isLessThan(usual.plusSeconds(8));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "OTEL_EXPORTER_OTLP_PROTOCOL, grpc, OTEL_EXPORTER_OTLP_PROTOCOL is grpc",
    "OTEL_TRACES_EXPORTER, zipkin, zipkin",
    "OTEL_EXPORTER_OTLP_ENDPOINT, collector, collector"
  })
  void whatCannotBeUsedIsAWarning(String variable, String value, String why) {
    CliResult result = collector.watching(cli).with(variable, value).run("run");
    assertThat(result).exited(ExitCode.OK).doesNotSay("Exception", "\tat ");
    assertThat(result.err().lines().filter(line -> line.startsWith("trace ")))
        .singleElement()
        .asString()
        .startsWith("trace    warning: no trace is sent: ")
        .contains(why);
  }

  /** They are often set for all programs of a cluster. */
  @Test
  void variablesForOtherSignalsDoNotMatter() {
    Cli watched =
        collector
            .watching(cli)
            .with("OTEL_METRICS_EXPORTER", "prometheus")
            .with("OTEL_LOGS_EXPORTER", "console")
            .with("OTEL_PROPAGATORS", "b3,tracecontext");
    assertThat(watched.run("run")).exited(ExitCode.OK).doesNotSay("trace ");
    assertThat(collector.names()).contains("learnflow-db run");
  }

  @Test
  void withoutVariablesNoClassOfOpenTelemetryIsLoaded() {
    assertThat(classes(cli))
        .contains("org.learnflow.db.tracing.Tracing", "org.learnflow.db.pipeline.Pipeline")
        .noneMatch(TracingTest::isOpenTelemetry);
    assertThat(classes(collector.watching(cli))).anyMatch(TracingTest::isOpenTelemetry);
  }

  @ParameterizedTest
  @CsvSource({"OTEL_SDK_DISABLED, true", "OTEL_TRACES_EXPORTER, none"})
  void norIfTracesAreSwitchedOff(String variable, String value) {
    Cli off = collector.watching(cli).with(variable, value);
    assertThat(classes(off)).isNotEmpty().noneMatch(TracingTest::isOpenTelemetry);
    assertThat(collector.text()).isEmpty();
  }

  private static boolean isOpenTelemetry(String name) {
    return name.startsWith("io.opentelemetry.");
  }

  /** The classes that a whole run loads, of this program and of OpenTelemetry. */
  private static List<String> classes(Cli cli) {
    CliResult result = cli.with("JAVA_TOOL_OPTIONS", "-Xlog:class+load").start("run").await();
    assertThat(result.exitCode()).as(result.err()).isZero();
    return result
        .out()
        .lines()
        .filter(line -> line.contains("[class,load]"))
        .map(line -> line.replaceFirst(".*\\] (\\S+) source: .*", "$1"))
        .filter(name -> name.startsWith("org.learnflow.") || name.startsWith("io.opentelemetry."))
        .toList();
  }

  private Map<String, String> attributes(String span) {
    return Collector.attributes(collector.span(span).getAttributesList());
  }

  private Duration took(String span) {
    return took(collector.span(span));
  }

  private static Duration took(Span span) {
    return Duration.ofNanos(span.getEndTimeUnixNano() - span.getStartTimeUnixNano());
  }
}

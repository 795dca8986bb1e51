package org.learnflow.db.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.ProjectMigrations;
import org.learnflow.db.testing.TestDatabase;

/** {@code run}: an empty server becomes LearnFlow's database, whatever happens on the way. */
@ExtendWith(PostgresExtension.class)
class PipelineTest {

  @Test
  void anEmptyServerBecomesHealthyAndASecondRunHasNothingToDo(
      TestDatabase database, @TempDir Path directory) {
    Path file = directory.resolve("connection.env");
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_SEEDS", "reference,sample")
            .with("LEARNFLOW_DB_PUBLISH_TO", "file:" + file);

    CliResult first = cli.run("run");
    assertThat(first.exitCode()).as(first.all()).isZero();
    assertThat(first.lastLine()).isEqualTo("healthy");
    assertThat(file).exists();

    CliResult second = cli.run("run");
    assertThat(second.exitCode()).as(second.all()).isZero();
    assertThat(second.out()).startsWith("nothing to do: schema at " + ProjectMigrations.newest());
    assertThat(second.err()).contains("unchanged");
  }

  @EverySupportedVersion
  void everySupportedVersionBecomesHealthy(int major, @TempDir Path directory) {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory);
    CliResult result = database.cli().run("run", "--seeds", "reference,sample");
    assertThat(result.exitCode()).as(result.all()).isZero();
    CliResult again = database.cli().run("run", "--seeds", "reference,sample");
    assertThat(again.out()).as(again.all()).startsWith("nothing to do");
  }

  @Test
  void eightRunsAtOnceAllSucceedAndEverythingIsAppliedOnce(TestDatabase database) throws Exception {
    List<Cli.Running> runs =
        IntStream.range(0, 8)
            .mapToObj(i -> database.cli().start("run", "--seeds", "reference,sample"))
            .toList();
    List<CliResult> results = runs.stream().map(Cli.Running::await).toList();
    for (CliResult result : results) {
      assertThat(result.exitCode()).as(result.all()).isZero();
    }
    assertThat(results).anyMatch(CliResult::waitedForAnother);
    long files;
    try (var entries = Files.list(org.learnflow.db.testing.TestFiles.migrations())) {
      files = entries.filter(path -> path.getFileName().toString().startsWith("V")).count();
    }
    assertThat(database.query("SELECT count(*) FROM flyway_schema_history WHERE success"))
        .containsExactly(String.valueOf(files));
    assertThat(database.query("SELECT count(*) FROM users WHERE role = 'admin'"))
        .containsExactly("1");
  }

  /** As a kill between two steps leaves it. */
  @ParameterizedTest
  @ValueSource(strings = {"roles", "roles migrate", "roles migrate seed"})
  void aRunThatEndedAfterSomeStepsIsFinishedByTheNext(String steps, TestDatabase database) {
    for (String step : steps.split(" ", -1)) {
      assertThat(database.cli().run(step).exitCode()).isZero();
    }
    CliResult result = database.cli().run("run");
    assertThat(result.exitCode()).as(result.all()).isZero();
    assertThat(result.lastLine()).isEqualTo("healthy");
  }
}

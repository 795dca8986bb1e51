package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** The seeds that the project ships: what LearnFlow finds in its database. */
@ExtendWith(PostgresExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ProjectSeedsTest {
  /** Reads title, solution and test cases of exercises; prints what does not pass. */
  private static final String HARNESS =
      """
      import io, json, sys
      exercises, stdout = json.load(sys.stdin), sys.stdout
      for exercise in exercises:
          sys.stdout = io.StringIO()  # solutions may print
          try:
              namespace = {"__name__": "__main__"}
              exec(exercise["solution"], namespace)
              for case in exercise["test_cases"]:
                  got = json.loads(json.dumps(eval(case["call"], namespace)))
                  # 1 == True in Python, but not in JSON
                  if json.dumps(got, sort_keys=True) != json.dumps(case["expected"], sort_keys=True):
                      print(exercise["title"], case["call"], "is", got, file=stdout)
          except BaseException as e:
              print(exercise["title"], repr(e), file=stdout)
      print(sum(len(e["test_cases"]) for e in exercises), "cases", file=stdout)
      """;

  @SuppressWarnings("NullAway.Init") // by bothSetsLoad
  private TestDatabase database;

  @BeforeAll
  void bothSetsLoad(TestDatabase migrated) {
    database = migrated.migrated();
    CliResult result = seed();
    assertThat(result.exitCode()).as(result.all()).isZero();
    assertThat(result.out())
        .containsPattern("reference: [1-9]\\d+ inserted, 0 updated, 0 unchanged")
        .containsPattern("sample: [1-9]\\d+ inserted, 0 updated, 0 unchanged");
  }

  private CliResult seed(String... more) {
    return database
        .cli()
        .with("LEARNFLOW_DB_SEEDS", "reference,sample")
        .run(Stream.concat(Stream.of("seed"), Stream.of(more)).toArray(String[]::new));
  }

  @Test
  void loadingThemAgainChangesNothing() throws Exception {
    List<String> before = database.query(everything());
    assertThat(seed().out())
        .isEqualToIgnoringNewLines("reference: nothing to dosample: nothing to do");
    assertThat(seed("--force", "--seed-mode", "update").out())
        .containsPattern("reference: 0 inserted, 0 updated, [1-9]\\d+ unchanged")
        .containsPattern("sample: 0 inserted, 0 updated, [1-9]\\d+ unchanged");
    assertThat(database.query(everything())).isEqualTo(before);
  }

  /** Every row of every table, with the transaction that last changed it. */
  private String everything() throws SQLException {
    List<String> tables =
        database.query(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                + " AND tablename <> 'flyway_schema_history'");
    assertThat(tables).contains("users", "struggle_alerts");
    return tables.stream()
        .map("SELECT '%1$s ' || t.xmin || ' ' || t FROM %1$s t"::formatted)
        .collect(Collectors.joining(" UNION ALL "));
  }

  @Test
  void theSampleNeedsTheReferenceAndSaysSo(TestDatabase empty) throws Exception {
    CliResult result = empty.migrated().cli().run("seed", "--seeds", "sample");
    assertThat(result.exitCode()).isEqualTo(8);
    assertThat(result.err())
        .contains("there is no row in exercises whose title is")
        .contains(Path.of("sample", "03_submissions.csv") + ", line 2, column exercise_id");
    assertThat(empty.query("SELECT username FROM users")).isEmpty();
  }

  @Test
  void thereIsAnAdministrator() throws Exception {
    assertThat(database.query("SELECT username FROM users WHERE role = 'admin'")).isNotEmpty();
  }

  @Test
  void theCurriculumIsBigEnough() throws Exception {
    assertThat(
            database.query(
                """
                SELECT 'enough' FROM curriculum, (SELECT count(*) AS exercises FROM exercises) e
                GROUP BY exercises
                HAVING count(DISTINCT module_name) >= 8 AND count(DISTINCT topic_name) >= 40 AND exercises >= 40
                """))
        .containsExactly("enough");
  }

  @Test
  void aTopicBuildsOnEarlierTopicsOnly() throws Exception {
    // Earlier in one order for all topics, so there can be no cycle.
    assertThat(
            database.query(
                """
                SELECT c.topic_name || ' needs ' || d
                FROM curriculum c, unnest(c.dependencies) d
                WHERE NOT EXISTS (SELECT FROM curriculum p
                                  WHERE p.topic_name = d AND p.order_index < c.order_index)
                """))
        .isEmpty();
    assertThat(
            database.query(
                "SELECT order_index FROM curriculum GROUP BY order_index HAVING count(*) > 1"))
        .as("order_index used twice")
        .isEmpty();
    assertThat(database.query("SELECT d FROM curriculum, unnest(dependencies) d")).isNotEmpty();
  }

  @Test
  void whatIsPractisedIsTaught() throws Exception {
    for (String table : List.of("exercises", "progress", "struggle_alerts")) {
      assertThat(
              database.query(
                  "SELECT topic FROM %s WHERE topic NOT IN (SELECT topic_name FROM curriculum)"
                      .formatted(table)))
          .as(table)
          .isEmpty();
    }
  }

  @Test
  void everyExercisesSolutionPassesItsTestCases() throws Exception {
    assertThat(
            database.query(
                "SELECT title FROM exercises WHERE solution IS NULL OR test_cases = '[]'"))
        .isEmpty();
    Process python;
    try {
      python = new ProcessBuilder("python3", "-c", HARNESS).redirectErrorStream(true).start();
    } catch (java.io.IOException e) {
      System.out.println(
          "not checked, since there is no python3: that solutions pass their test cases;"
              + " the GitHub workflow checks it");
      assumeTrue(false, "no python3");
      return;
    }
    try (var input = python.getOutputStream()) {
      input.write(
          database
              .query(
                  """
                  SELECT json_agg(json_build_object('title', title, 'solution', solution, 'test_cases', test_cases))
                  FROM exercises
                  """)
              .getFirst()
              .getBytes(StandardCharsets.UTF_8));
    }
    String output = new String(python.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(python.waitFor()).as(output).isZero();
    assertThat(output.strip()).matches("[1-9]\\d* cases");
  }
}

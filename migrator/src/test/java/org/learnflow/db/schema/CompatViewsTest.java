package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/**
 * A service of the earlier design, with {@code search_path=compat}, finds its tables as it left
 * them.
 */
@ExtendWith(PostgresExtension.class)
@SuppressWarnings("NullAway.Init") // set before each test
class CompatViewsTest {
  private TestDatabase database;
  private Connection service;

  @BeforeEach
  void aUserAndAnExercise(TestDatabase migrated) throws SQLException {
    database = migrated.migrated();
    service = database.connect(database.service());
    execute("SET search_path = compat");
    execute("INSERT INTO users (username, email) VALUES ('ada', 'ada@example.org')");
    execute(
        """
        INSERT INTO exercises (concept_name, difficulty_level, problem_description, solution_code)
        VALUES ('Lists', 'beginner', 'Reverse a list', 'l[::-1]')
        """);
  }

  @AfterEach
  void close() throws SQLException {
    service.close();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          users             | user_id      | (username, email) VALUES ('bob', 'bob@example.org')                                                   | email = 'b@example.org'  | email
          learning_progress | progress_id  | (user_id, concept_name, completion_percentage) VALUES (1, 'Loops', 10)                                | total_time_seconds = 60  | total_time_seconds
          struggles         | struggle_id  | (user_id, concept_name, error_type) VALUES (1, 'Loops', 'off-by-one')                                 | struggle_count = 7       | struggle_count
          exercises         | exercise_id  | (concept_name, difficulty_level, problem_description) VALUES ('Loops', 'advanced', 'Count')           | solution_code = 'x'      | solution_code
          code_executions   | execution_id | (user_id, exercise_id, submitted_code, execution_result, passed) VALUES (1, 1, 'print(1)', '1', true) | passed = false           | passed
          """)
  void everyViewTakesInsertUpdateAndDeleteAndReturnsTheKey(
      String view, String key, String insert, String change, String column) throws SQLException {
    String id = value("INSERT INTO %s %s RETURNING %s".formatted(view, insert, key));
    assertThat(id).matches("\\d+");

    String changed =
        value(
            "UPDATE %s SET %s WHERE %s = %s RETURNING %s".formatted(view, change, key, id, column));
    assertThat(change.replace("'", "").replace("false", "f")).isEqualTo(column + " = " + changed);

    assertThat(value("DELETE FROM %s WHERE %s = %s RETURNING 1".formatted(view, key, id)))
        .isEqualTo("1");
    assertThat(value("SELECT count(*) FROM %s WHERE %s = %s".formatted(view, key, id)))
        .isEqualTo("0");
  }

  @Test
  void progressOfTheSameUserAndConceptIsUpdatedByARepeatedInsert() throws SQLException {
    String insert = "INSERT INTO learning_progress (user_id, concept_name, %s RETURNING %s";
    String first =
        value(insert.formatted("completion_percentage) VALUES (1, 'Lists', 20)", "progress_id"));
    String second =
        value(insert.formatted("completion_percentage) VALUES (1, 'Lists', 55.5)", "progress_id"));
    assertThat(second).isEqualTo(first);
    assertThat(value(insert.formatted("total_time_seconds) VALUES (1, 'Lists', 90)", "1")))
        .isEqualTo("1");

    assertThat(
            value(
                "SELECT count(*) || ' ' || min(completion_percentage) || ' ' || min(total_time_seconds)"
                    + " FROM learning_progress"))
        .isEqualTo("1 55.50 90");
  }

  @Test
  void theSameOpenStruggleIsCountedByARepeatedInsert() throws SQLException {
    String insert =
        "INSERT INTO struggles (user_id, concept_name, error_type) VALUES (1, 'Lists', 'IndexError')"
            + " RETURNING struggle_count";
    assertThat(value(insert)).isEqualTo("1");
    assertThat(value(insert)).isEqualTo("2");
    assertThat(value("SELECT count(*) FROM struggles")).isEqualTo("1");
    assertThat(value("SELECT last_occurred > first_occurred FROM struggles")).isEqualTo("t");

    execute("UPDATE public.struggle_alerts SET resolved_at = now()");
    assertThat(value(insert)).as("a new one after it was overcome").isEqualTo("1");
    assertThat(value("SELECT count(*) FROM struggles")).isEqualTo("2");
  }

  @Test
  void theDatabaseKeepsUpdatedAt() throws SQLException {
    execute("UPDATE users SET email = 'lovelace@example.org' WHERE username = 'ada'");
    assertThat(value("SELECT updated_at > created_at FROM public.users")).isEqualTo("t");
    execute("UPDATE public.users SET updated_at = '2000-01-01'");
    assertThat(value("SELECT updated_at > created_at FROM public.users"))
        .as("nobody sets it by hand")
        .isEqualTo("t");
  }

  @Test
  void anExerciseWithoutATitleGetsOne() throws SQLException {
    assertThat(value("SELECT title = 'Exercise ' || id FROM public.exercises")).isEqualTo("t");
  }

  private void execute(String sql) throws SQLException {
    try (Statement statement = service.createStatement()) {
      statement.execute(sql);
    }
  }

  private String value(String sql) throws SQLException {
    try (Statement statement = service.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      assertThat(rows.next()).as(sql).isTrue();
      return String.valueOf(rows.getString(1));
    }
  }
}

package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** The services can neither see nor change the history of migrations. */
@ExtendWith(PostgresExtension.class)
class HistoryProtectionTest {
  /** "cannot delete from view", whoever asks. */
  private static final String NOT_UPDATABLE = "55000";

  @Test
  void afterTheFirstMigrateTheServiceCannotTouchTheHistory(TestDatabase database)
      throws SQLException {
    database.migrated();
    assertHistoryIsClosed(database);
  }

  @Test
  void afterAFirstMigrateThatFailedTheServiceCannotTouchItEither(
      TestDatabase database, @TempDir Path directory) throws SQLException {
    MigrationDirectory migrations =
        new MigrationDirectory(directory).with("V001__one.sql", "SELEKT 1;");
    assertThat(migrations.cli(database.withRoles()).run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED);
    assertHistoryIsClosed(database);
  }

  @Test
  void theServiceMayReadSchemaMigrationsAndNothingElse(TestDatabase database) throws SQLException {
    database.migrated();
    assertThat(
            database.query(
                database.service(), "SELECT version FROM schema_migrations ORDER BY version"))
        .isEqualTo(database.query("SELECT version FROM flyway_schema_history ORDER BY version"))
        .startsWith("001");
    assertThat(privileges(database, "schema_migrations")).containsExactly("SELECT");
  }

  @Test
  void theHistoryCannotBeChangedThroughSchemaMigrationsNotEvenByTheOwner(TestDatabase database)
      throws SQLException {
    database.migrated();
    for (String role : List.of(database.service(), database.owner())) {
      for (String sql :
          List.of(
              "DELETE FROM schema_migrations",
              "UPDATE schema_migrations SET version = '1'",
              "INSERT INTO schema_migrations VALUES ('1', now())")) {
        assertRefused(database, role, sql, NOT_UPDATABLE);
      }
    }
    assertThat(database.query("SELECT count(*) > 0 FROM flyway_schema_history"))
        .containsExactly("t");
  }

  @Test
  void theServiceCannotReadTheMigratorsOwnState(TestDatabase database) throws SQLException {
    database.migrated();
    assertThat(database.cli().run("seed", "--seeds", "reference")).exited(ExitCode.OK);
    assertRefused(
        database,
        database.service(),
        "SELECT * FROM learnflow_db.seed_sets",
        SqlStates.INSUFFICIENT_PRIVILEGE);
  }

  private static void assertHistoryIsClosed(TestDatabase database) throws SQLException {
    for (String sql :
        List.of(
            "SELECT version FROM flyway_schema_history",
            "DELETE FROM flyway_schema_history",
            "UPDATE flyway_schema_history SET success = false",
            "INSERT INTO flyway_schema_history (installed_rank) VALUES (99)",
            "TRUNCATE flyway_schema_history")) {
      assertRefused(database, database.service(), sql, SqlStates.INSUFFICIENT_PRIVILEGE);
    }
    assertThat(privileges(database, "flyway_schema_history")).isEmpty();
  }

  private static void assertRefused(
      TestDatabase database, String role, String sql, String sqlState) {
    assertThatThrownBy(() -> database.execute(role, sql))
        .as(role + ": " + sql)
        .isInstanceOfSatisfying(
            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo(sqlState));
  }

  private static List<String> privileges(TestDatabase database, String relation)
      throws SQLException {
    return database.query(
        """
        SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
        WHERE has_table_privilege('%s', '%s', p)
        """
            .formatted(database.service(), relation));
  }
}

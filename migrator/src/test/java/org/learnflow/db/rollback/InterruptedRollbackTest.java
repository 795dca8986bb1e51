package org.learnflow.db.rollback;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CatalogSnapshot;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** Killed at any moment, the same rollback again ends as if it had not been. */
@ExtendWith(PostgresExtension.class)
class InterruptedRollbackTest {
  private static final int KILLS = 10;
  private static final String[] COMMAND = {"rollback", "--to", "1", "--yes", "--no-backup"};

  @Test
  void killedAtTenRandomMomentsItEndsRight(TestDatabase database, @TempDir Path directory)
      throws Exception {
    MigrationDirectory migrations =
        new MigrationDirectory(directory)
            .with("V01__t1.sql", "CREATE TABLE t1 (id int);")
            .with("U01__t1.sql", "DROP TABLE t1;");
    for (int n = 2; n <= 12; n++) {
      String number = "%02d__t%d.sql".formatted(n, n);
      boolean index = n % 4 == 0;
      migrations
          .with(
              "V" + number,
              index
                  ? "CREATE INDEX CONCURRENTLY i%d ON t1 (id);".formatted(n)
                  : "CREATE TABLE t%d (id int);".formatted(n))
          .with(
              "U" + number,
              index
                  ? "DROP INDEX CONCURRENTLY IF EXISTS i%d;".formatted(n)
                  : "DROP TABLE t%d; SELECT pg_sleep(0.04);".formatted(n));
    }
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "1")).exited(ExitCode.OK);
    CatalogSnapshot first = CatalogSnapshot.of(database);
    assertThat(cli.run("migrate")).exited(ExitCode.OK);

    Kills.in(Kills.Stage.between("(1 of 11)", "(11 of 11)"), () -> cli.start(COMMAND))
        .times(
            KILLS,
            () -> {
              assertThat(cli.run("migrate")).exited(ExitCode.OK);
              database.execute(database.owner(), "TRUNCATE learnflow_db.rollbacks");
            },
            () -> {
              int undone = database.query("SELECT 1 FROM learnflow_db.rollbacks").size();
              assertThat(cli.run(COMMAND)).exited(ExitCode.OK).answers("healthy");
              assertThat(CatalogSnapshot.of(database)).isEqualTo(first);
              assertThat(database.query("SELECT version FROM flyway_schema_history"))
                  .containsExactly("01");
              assertThat(database.query("SELECT version FROM learnflow_db.undo_scripts"))
                  .containsExactly("01");
              assertThat(database.query("SELECT version FROM learnflow_db.rollbacks ORDER BY id"))
                  .as("each once")
                  .containsExactly(
                      "12", "11", "10", "09", "08", "07", "06", "05", "04", "03", "02");
              return undone > 0 && undone < 11;
            });
  }
}

package org.learnflow.db.rollback;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** Ways back are kept in the database, in the transaction of their migration. */
@ExtendWith(PostgresExtension.class)
class UndoScriptsTest {
  private static final String STORED =
      "SELECT concat_ws('|', u.version, u.script, u.undo_script, u.undo_sql) FROM learnflow_db.undo_scripts u"
          + " JOIN flyway_schema_history h USING (version, checksum) ORDER BY version";

  @TempDir private Path directory = Path.of("");

  private MigrationDirectory three() {
    MigrationDirectory migrations = new MigrationDirectory(directory);
    IntStream.rangeClosed(1, 3)
        .forEach(n ->
            migrations
                .with("V%d__t%1$d.sql".formatted(n), "CREATE TABLE t%d (id int);".formatted(n))
                .with("U%d__t%1$d.sql".formatted(n), "DROP TABLE t%d;".formatted(n)));
    return migrations;
  }

  private static List<String> stored(int... versions) {
    return IntStream.of(versions)
        .mapToObj("%1$d|V%1$d__t%1$d.sql|U%1$d__t%1$d.sql|DROP TABLE t%1$d;\n"::formatted)
        .toList();
  }

  @Test
  void migrationsInAGroupAndOneByOneBringTheirWaysBack(TestDatabase database) throws Exception {
    MigrationDirectory migrations = three();
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate", "--target", "2")).exited(ExitCode.OK);
    assertThat(database.query(STORED)).isEqualTo(stored(1, 2));
    migrations.without("U3__t3.sql");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(database.query(STORED)).as("V3 has none").isEqualTo(stored(1, 2));
  }

  @Test
  void aMigrationOutsideATransactionBringsItToo(TestDatabase database) throws Exception {
    Cli cli =
        three()
            .with("V4__index.sql", "CREATE INDEX CONCURRENTLY t1_id ON t1 (id);")
            .with("U4__index.sql", "DROP INDEX CONCURRENTLY IF EXISTS t1_id;")
            .cli(database.withRoles());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    assertThat(database.query("SELECT version FROM learnflow_db.undo_scripts ORDER BY 1"))
        .containsExactly("1", "2", "3", "4");
  }

  @Test
  void aMigrationThatFailsLeavesNone(TestDatabase database) throws Exception {
    MigrationDirectory migrations = three().with("V3__t3.sql", "CREATE TABLE t3 (id nonsense);");
    assertThat(migrations.cli(database.withRoles()).run("migrate"))
        .exited(ExitCode.MIGRATION_FAILED);
    assertThat(database.query("SELECT version FROM learnflow_db.undo_scripts ORDER BY 1"))
        .containsExactly("1", "2");
  }

  @Test
  void whatWasAppliedBeforeTheyWereKeptIsCompletedByTheNextRun(TestDatabase database)
      throws Exception {
    Cli cli = three().cli(database.withRoles());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    database.execute(database.owner(), "DROP SCHEMA learnflow_db CASCADE");
    assertThat(cli.run("migrate"))
        .exited(ExitCode.OK)
        .answers("nothing to do: schema at 3")
        .says("undo scripts of 3 applied migrations stored");
    assertThat(database.query(STORED)).isEqualTo(stored(1, 2, 3));

    database.execute(database.owner(), "DELETE FROM learnflow_db.undo_scripts WHERE version = '2'");
    assertThat(cli.run("run", "--seeds", "none"))
        .exited(ExitCode.OK)
        .says("undo scripts of 1 applied migrations stored");
    assertThat(database.query(STORED)).isEqualTo(stored(1, 2, 3));
    assertThat(cli.run("migrate")).exited(ExitCode.OK).doesNotSay("stored");
  }

  @Test
  void theServicesRoleCannotReadThem(TestDatabase database) throws Exception {
    assertThat(three().cli(database.withRoles()).run("migrate")).exited(ExitCode.OK);
    assertThat(
            database.query(
                "SELECT has_schema_privilege('%s', 'learnflow_db', 'USAGE')"
                    .formatted(database.service())))
        .containsExactly("f");
  }
}

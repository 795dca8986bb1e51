package org.learnflow.db.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Verify looks at every stage, gives the first broken one as reason, and changes nothing. */
@ExtendWith(PostgresExtension.class)
class VerifyTest {
  @TempDir private Path directory;
  private Path migrations;

  @BeforeEach
  void copyMigrations() throws IOException {
    migrations = Files.createDirectory(directory.resolve("migrations"));
    copy(TestFiles.migrations(), "V00*.sql", migrations);
    // Those of these migrations' tables.
    for (String set : List.of("reference", "sample")) {
      copy(
          TestFiles.repository().resolve("seeds").resolve(set),
          "0[1-3]_*",
          Files.createDirectories(directory.resolve("seeds").resolve(set)));
    }
    TestFiles.write(
        migrations.resolve(ExpectedObjects.FILE),
        "# generated\n\ntable public.users\ntable public.progress\nview compat.users\n");
  }

  private static void copy(Path from, String glob, Path to) throws IOException {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(from, glob)) {
      for (Path file : files) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
  }

  private Cli cli(TestDatabase database) {
    return database
        .cli()
        .with("LEARNFLOW_DB_MIGRATIONS", migrations.toString())
        .with("LEARNFLOW_DB_SEEDS_DIR", directory.resolve("seeds").toString());
  }

  private TestDatabase deployed(TestDatabase database) {
    assertThat(cli(database).run("run")).exited(ExitCode.OK);
    return database;
  }

  @Test
  void aHealthyDatabaseIsReportedStageByStage(TestDatabase database) {
    CliResult result = cli(deployed(database)).run("verify");
    assertThat(result).exited(ExitCode.OK);
    // Other tests have superusers on the same server.
    List<String> lines =
        result.out().lines().filter(line -> !line.startsWith("✓ privileges: note: ")).toList();
    assertThat(lines).hasSize(9);
    assertThat(lines.get(0))
        .isEqualTo("✓ reachable: " + database.name() + " answers and accepts writes");
    assertThat(lines.get(1)).matches("[✓!] version: PostgreSQL 17\\.\\d+.*");
    assertThat(lines.get(2)).isEqualTo("✓ migrations: 9 applied, at 009");
    assertThat(lines.get(3)).isEqualTo("✓ objects: 3 tables and views present");
    assertThat(lines.get(4))
        .matches(
            "✓ rights: "
                + database.service()
                + " can run \\d\\d statements on rows, and nothing else");
    assertThat(lines.get(5)).isEqualTo("✓ seeds: reference");
    assertThat(lines.get(6)).isEqualTo("✓ login: %s can log in".formatted(database.service()));
    assertThat(lines.get(7)).isEqualTo("✓ drift: none");
    assertThat(lines.get(8)).isEqualTo("healthy");
    assertThat(result.err()).isEmpty();
  }

  @Test
  void aServerThatIsGoneIsUnhealthy(TestDatabase database) {
    CliResult result =
        cli(database)
            .with("LEARNFLOW_DB_DATABASE", "postgresql://u@127.0.0.1:1/d")
            .run("verify", "--timeout", "0");
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.out().lines().toList())
        .containsExactly(
            "✗ reachable: the database was not reached within 0 s: Connection refused",
            "unhealthy: reachable: the database was not reached within 0 s: Connection refused");
  }

  @Test
  void aWrongPasswordIsUnhealthy(TestDatabase database) {
    database.withRoles();
    Path wrong = TestFiles.write(directory.resolve("wrong"), "wrong");
    assertThat(cli(database).run("verify", "--password-file", wrong.toString()))
        .exited(ExitCode.FAILED)
        .answers(
            "unhealthy: reachable: the server rejected the credentials: password authentication"
                + " failed for user \""
                + database.owner()
                + "\"");
  }

  @Test
  void noDatabaseIsNotDeployed(TestDatabase database) throws Exception {
    database.withRoles();
    try (var admin = database.connect(PostgresServer.ADMIN, "postgres");
        var statement = admin.createStatement()) {
      statement.execute("DROP DATABASE " + database.name());
    }
    CliResult result = cli(database).run("verify");
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.out()).isEqualTo("not deployed\n");
    assertThat(cli(database).run("verify", "--output", "json").out())
        .isEqualTo("{\"status\":\"not deployed\",\"reason\":\"\",\"stages\":[]}\n");
  }

  @Test
  void noEmbeddedDirectoryIsNotDeployedAndIsNotMade(TestDatabase database) {
    Path none = directory.resolve("none");
    CliResult result =
        cli(database).without("LEARNFLOW_DB_DATABASE").run("verify", "--embedded", none.toString());
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.out()).isEqualTo("not deployed\n");
    assertThat(none).doesNotExist();
  }

  @Test
  void anEmptyDatabaseHasPendingMigrations(TestDatabase database) {
    CliResult result = cli(database.withRoles()).run("verify");
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.lastLine())
        .startsWith("unhealthy: migrations: at none, 9 pending: V001__create_users.sql, V002");
    assertThat(result.out()).contains("✗ objects: missing: ", "✗ seeds: reference is not loaded");
  }

  @Test
  void aPendingMigrationIsNamed(TestDatabase database) {
    deployed(database);
    TestFiles.write(migrations.resolve("V010__more.sql"), "SELECT 1;");
    assertUnhealthy(database, "migrations: at 009, 1 pending: V010__more.sql");
  }

  @Test
  void aMigrationThatWasChangedAfterItWasAppliedIsNamed(TestDatabase database) throws Exception {
    deployed(database);
    Path changed = migrations.resolve("V004__create_progress.sql");
    Files.writeString(changed, Files.readString(changed) + "SELECT 1;\n");
    assertUnhealthy(database, "migrations: " + changed + " was changed after it was applied");
  }

  @Test
  void newerMigrationsThanTheFilesAreHealthyWithANote(TestDatabase database) throws Exception {
    deployed(database);
    Files.delete(migrations.resolve("V009__create_schema_migrations_view.sql"));
    CliResult result = cli(database).run("verify");
    assertThat(result).exited(ExitCode.OK).answers("healthy");
    assertThat(result.out())
        .contains("✓ migrations: 9 applied, at 009, newer than these files (1 more applied)");
  }

  @Test
  void aDroppedTableIsNamed(TestDatabase database) throws Exception {
    deployed(database).execute(database.owner(), "DROP TABLE progress CASCADE");
    assertUnhealthy(database, "objects: missing: table public.progress");
  }

  @Test
  void aDroppedViewIsNamedAndNothingIsPublished(TestDatabase database) throws Exception {
    deployed(database).execute(database.owner(), "DROP VIEW compat.users");
    assertUnhealthy(database, "objects: missing: view compat.users");
    Path file = directory.resolve("env");
    assertThat(cli(database).run("run", "--publish-to", "file:" + file))
        .exited(ExitCode.FAILED)
        .says("not done, since the database is not healthy")
        .answers("unhealthy: objects: missing: view compat.users");
    assertThat(file).doesNotExist();
  }

  @Test
  void aMissingRoleIsNamed(TestDatabase database) {
    deployed(database);
    CliResult result = cli(database).run("verify", "--app-user", "nobody_at_all");
    assertThat(result)
        .exited(ExitCode.FAILED)
        .answers("unhealthy: rights: role nobody_at_all does not exist");
  }

  @Test
  void aSeedSetThatIsNotLoadedIsNamed(TestDatabase database) {
    deployed(database);
    assertThat(cli(database).run("verify", "--seeds", "reference,sample"))
        .exited(ExitCode.FAILED)
        .answers("unhealthy: seeds: sample is not loaded");
  }

  @Test
  void anEmptiedTableOfALoadedSeedSetIsNamed(TestDatabase database) throws Exception {
    deployed(database).execute(database.owner(), "DELETE FROM curriculum");
    assertUnhealthy(database, "seeds: reference was loaded, but table curriculum is empty");
  }

  @Test
  void allStagesAreShownAndTheFirstBrokenOneIsTheReason(TestDatabase database) throws Exception {
    deployed(database).execute(database.owner(), "DELETE FROM curriculum; DROP VIEW compat.users");
    CliResult result = cli(database).run("verify");
    assertThat(result.out())
        .contains("✓ migrations", "✗ objects", "✓ rights", "✗ seeds")
        .endsWith("unhealthy: objects: missing: view compat.users\n");
  }

  /** Not what it had not come to yet. */
  @Test
  void whatTakesTooLongIsTheStageThatWasUnderWay(TestDatabase database) throws Exception {
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
    database.execute(
        database.owner(),
        """
        ALTER TABLE learnflow_db.catalogs RENAME TO slow;
        CREATE VIEW learnflow_db.catalogs AS SELECT slow.* FROM learnflow_db.slow, pg_sleep(60)
        """);
    CliResult result = database.cli().run("verify", "--timeout", "3");
    assertThat(result).exited(ExitCode.FAILED);
    assertThat(result.out())
        .contains("drift: no answer within 3 s", "rights: ")
        .doesNotContain("published");
  }

  @Test
  void verifyChangesNothing(TestDatabase database) throws Exception {
    deployed(database);
    List<String> before = rows(database);
    assertThat(cli(database).run("verify")).exited(ExitCode.OK);
    assertThat(rows(database)).isEqualTo(before);
  }

  private static List<String> rows(TestDatabase database) throws SQLException {
    return database.query(
        PostgresServer.ADMIN,
        """
        SELECT format('%s %s %s', tableoid::regclass, oid, xmin) FROM pg_class
        UNION ALL SELECT format('%s %s %s', tableoid::regclass, oid, xmin) FROM pg_namespace
        UNION ALL SELECT format('%s %s', roleid, xmin) FROM pg_auth_members
        UNION ALL SELECT format('%s %s', rolname, xmin) FROM pg_authid
        UNION ALL SELECT format('%s %s %s', relid, n_tup_ins + n_tup_upd + n_tup_del, n_live_tup) FROM pg_stat_user_tables
        UNION ALL SELECT format('%s %s', name, xmin) FROM learnflow_db.seed_sets
        UNION ALL SELECT format('%s %s', version, xmin) FROM flyway_schema_history
        UNION ALL SELECT format('sequence %s %s', sequencename, last_value) FROM pg_sequences
        ORDER BY 1
        """);
  }

  private void assertUnhealthy(TestDatabase database, String reason) {
    CliResult result = cli(database).run("verify");
    assertThat(result).exited(ExitCode.FAILED).answers("unhealthy: " + reason);
    assertThat(result.out()).contains("✗ " + reason + "\n");
  }
}

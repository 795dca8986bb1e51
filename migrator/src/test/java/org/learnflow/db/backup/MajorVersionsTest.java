package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.TestDatabase;

/** Dumps go from older servers to newer ones, and not back. */
class MajorVersionsTest {
  private static DumpServer older;
  private static DumpServer newer;
  private static Path passwords;

  @BeforeAll
  static void start(@TempDir Path directory) {
    older = DumpServer.of(15, directory);
    newer = DumpServer.of(18, directory);
    passwords = directory;
  }

  @ParameterizedTest
  @CsvSource({"15, 16", "16, 17", "17, 18", "15, 18"})
  void aDumpOfAnOlderServerIsRestoredOnANewerOne(int from, int to, @TempDir Path folder)
      throws Exception {
    DumpServer older = DumpServer.of(from, passwords);
    DumpServer newer = DumpServer.of(to, passwords);
    TestDatabase source = older.seeded();
    Path file = older.backup(source, folder);
    TestDatabase target = newer.counterpart(source);

    assertThat(newer.cli(target).run("restore", file.toString(), "--yes")).exited(ExitCode.OK);

    for (String table : List.of("users", "submissions", "schema_migrations")) {
      String count = "SELECT count(*) FROM " + table;
      assertThat(target.query(count)).as(table).isEqualTo(source.query(count));
    }
    assertThat(target.cli().with("LEARNFLOW_DB_SEEDS", "reference,sample").run("run"))
        .exited(ExitCode.OK)
        .answers("healthy");
    assertThat(target.cli().run("drift")).exited(ExitCode.OK);
  }

  @Test
  void aDumpOfANewerServerIsRefusedByAnOlderOne(@TempDir Path folder) throws Exception {
    TestDatabase source = newer.seeded();
    Path file = newer.backup(source, folder);
    TestDatabase target = older.counterpart(source);
    List<String> databases = DumpServer.databases(target);

    for (DumpServer programs : List.of(older, newer)) {
      assertThat(programs.cli(target).run("restore", file.toString(), "--yes"))
          .exited(ExitCode.REFUSED)
          .says(
              "the dump comes from PostgreSQL %d.".formatted(newer.major()),
              "this server is older: version " + older.major(),
              "nothing was changed",
              "restore it on a server of version %d or newer".formatted(newer.major()));
    }
    assertThat(DumpServer.databases(target)).isEqualTo(databases);
  }

  @Test
  void aDumpByANewerPgDumpIsNotReadByAnOlderPgRestoreWhichIsNamed(@TempDir Path folder)
      throws Exception {
    TestDatabase database = older.seeded();
    Path file = newer.backup(database, folder);
    List<String> databases = DumpServer.databases(database);
    assertThat(older.cli(database).run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.REFUSED)
        .says("pg_restore %d.".formatted(older.major()), "is too old for this dump");
    assertThat(DumpServer.databases(database)).isEqualTo(databases);
  }

  /** From 17 on pg_restore makes a setting that older servers refuse. */
  @Test
  void aPgRestoreThatTheServerDoesNotUnderstandIsNotUsed(@TempDir Path folder) throws Exception {
    TestDatabase database = older.seeded();
    Path file = older.backup(database, folder);
    assertThat(newer.cli(database).run("restore", file.toString(), "--replace", "--yes"))
        .exited(ExitCode.REFUSED)
        .says(
            "needs pg_restore %d on this machine".formatted(older.major()),
            "of version %d".formatted(newer.major()),
            "apt install postgresql-client-" + older.major());
  }
}

package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** Whether a dump can be restored is tried beside the database, which stays as it is. */
class DrillTest {
  private static DumpServer server;
  private static Path passwords;

  @BeforeAll
  static void start(@TempDir Path directory) {
    server = DumpServer.oldest(directory);
    passwords = directory;
  }

  @EverySupportedVersion
  void theDumpIsRestoredCountedAndDroppedAndTheDatabaseStays(int major, @TempDir Path folder)
      throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.seeded();
    String users = database.query("SELECT count(*) FROM users").getFirst();
    Path file = server.backup(database, folder);
    database.execute(database.owner(), "CREATE TABLE since AS SELECT 1 AS one");
    String before = facts(database);

    CliResult drill =
        server.cli(database).run("restore", "--drill", file.toString(), "--output", "json");
    assertThat(drill).exited(ExitCode.OK);
    assertThat(drill.out())
        .contains("{\"table\":\"public.users\",\"dumped\":%1$s,\"now\":%1$s}".formatted(users));
    assertThat(facts(database)).isEqualTo(before);
    assertNothingIsLeft(database);
    assertThat(server.cli(database).run("verify").out())
        .contains("✓ drill: 0 min ago, in ", file.getFileName() + ", schema ");
    assertThat(server.cli(database).run("status").out()).contains("Drill:       0 min ago, in ");
  }

  @Test
  void aDumpOfAnOlderSchemaIsMigratedAndAnEmptyTableIsNamed(@TempDir Path folder) throws Exception {
    TestDatabase database = server.database();
    Cli cli = server.cli(database);
    assertThat(cli.run("roles")).exited(ExitCode.OK);
    assertThat(cli.run("migrate", "--target", "4")).exited(ExitCode.OK);
    Path file = server.backup(database, folder);
    assertThat(cli.run("run")).exited(ExitCode.OK);
    database.execute(
        database.owner(), "INSERT INTO users (username, email) VALUES ('ada', 'a@x.example')");

    assertThat(cli.run("restore", "--drill", file.toString()))
        .exited(ExitCode.OK)
        .says("public.users has no rows in the dump, and 2 in the database");
    assertNothingIsLeft(database);
  }

  @ParameterizedTest
  @ValueSource(strings = {"changed", "cut", "no dump"})
  void aDumpThatCannotBeRestoredIsRecordedUntilAnotherCan(String damage, @TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    Cli cli = server.cli(database);
    Path file = server.backup(database, folder);
    byte[] whole = Files.readAllBytes(file);
    byte[] damaged = damage.equals("cut") ? Arrays.copyOf(whole, whole.length / 2) : whole.clone();
    if (damage.equals("changed")) {
      damaged[whole.length / 2] ^= 1;
    }
    Files.write(
        file, damage.equals("no dump") ? "nothing".getBytes(StandardCharsets.UTF_8) : damaged);

    CliResult failed = cli.run("restore", "--drill", file.toString());
    assertThat(failed.exitCode()).isNotZero();
    assertNothingIsLeft(database);
    if (!damage.equals("no dump")) {
      CliResult verify = cli.run("verify");
      assertThat(verify).exited(ExitCode.OK).answers("healthy");
      assertThat(verify.out()).contains("! drill: failed 0 min ago: " + file.getFileName());
      assertThat(cli.run("status").out()).contains("Drill:       failed 0 min ago: ");
    }

    Files.write(file, whole);
    assertThat(cli.run("restore", "--drill", file.toString())).exited(ExitCode.OK);
    assertThat(cli.run("verify").out()).contains("✓ drill: 0 min ago, in ");
  }

  @Test
  void aDrillOfLongAgoIsAWarning(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Cli cli = server.cli(database);
    Path file = server.backup(database, folder);
    assertThat(cli.run("restore", "--drill", file.toString())).exited(ExitCode.OK);
    database.execute(
        database.owner(),
        "UPDATE learnflow_db.drills SET finished_at = now() - interval '32 days'");
    CliResult verify = cli.run("verify");
    assertThat(verify).exited(ExitCode.OK).answers("healthy");
    assertThat(verify.out())
        .contains("! drill: 32 days ago, in ", "next: learnflow-db restore --drill FILE");
  }

  @Test
  void eightAtOnceComeOneAfterTheOther(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    Cli cli = server.cli(database);
    List<CompletableFuture<CliResult>> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(cli.runInBackground("restore", "--drill", file.toString()));
    }
    for (CompletableFuture<CliResult> one : all) {
      assertThat(one.join()).exited(ExitCode.OK);
    }
    assertThat(all.stream().map(CompletableFuture::join)).anyMatch(CliResult::waitedForAnother);
    assertThat(database.query("SELECT count(*) FROM learnflow_db.drills WHERE failure = ''"))
        .containsExactly("8");
    assertNothingIsLeft(database);
  }

  @Test
  void killedAtAnyMomentTheNextDrillCleansUp(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 100_000);
    Path file = server.backup(database, folder);
    Cli cli = server.cli(database);
    String[] command = {"restore", "--drill", file.toString()};
    Kills.in(Kills.Stage.from("loading into "), () -> cli.start(command))
        .times(
            5,
            () -> {},
            () -> {
              assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("100000");
              assertThat(cli.run("verify")).exited(ExitCode.OK);
            });
    assertThat(cli.run(command)).exited(ExitCode.OK);
    assertNothingIsLeft(database);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--replace", "--drop-old"})
  void whatReplacesOrDropsIsRefusedBesideIt(String option, @TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Path file = server.backup(database, folder);
    assertThat(server.cli(database).run("restore", "--drill", option, file.toString()))
        .exited(ExitCode.USAGE)
        .says("--drill replaces and drops nothing", "restore --drill FILE");
    assertThat(server.cli(database).run("restore", "--drill"))
        .exited(ExitCode.USAGE)
        .says("no file is specified");
  }

  private static String facts(TestDatabase database) throws Exception {
    return database
        .query(
            """
            SELECT d.oid || ' ' || (SELECT string_agg(c.oid || c.relname, ' ' ORDER BY c.oid) FROM pg_class c
              WHERE c.relnamespace = 'public'::regnamespace) FROM pg_database d WHERE datname = current_database()
            """)
        .getFirst();
  }

  private static void assertNothingIsLeft(TestDatabase database) throws Exception {
    assertThat(DumpServer.databases(database)).doesNotContain(database.name() + "_restore");
    String loader = ShortLivedRole.of(ShortLivedRole.Work.LOADING, database.name()).name();
    assertThat(
            database.query(
                PostgresServer.ADMIN,
                "SELECT rolname FROM pg_roles WHERE rolname = '%s'".formatted(loader)))
        .isEmpty();
  }
}

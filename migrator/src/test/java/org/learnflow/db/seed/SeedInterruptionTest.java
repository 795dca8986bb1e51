package org.learnflow.db.seed;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.Reports;
import org.learnflow.db.testing.TestDatabase;
import org.postgresql.PGConnection;

/** A load that is killed, cut off, doubled or in somebody's way. */
@ExtendWith(PostgresExtension.class)
class SeedInterruptionTest {
  private static final List<String> LOADED = List.of("Bed", "Chair", "Lamp", "Sofa");

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path directory;

  @SuppressWarnings("NullAway.Init")
  private TestDatabase database;

  @SuppressWarnings("NullAway.Init")
  private SeedFolder seeds;

  /** A row named Sofa takes long, for as long as the brake is on. */
  @BeforeEach
  void aTableWithABrake(TestDatabase empty) throws Exception {
    database = empty.withRoles();
    execute(
        """
        CREATE TABLE brake ();
        CREATE TABLE items (name text PRIMARY KEY, price int);
        CREATE FUNCTION brake() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            WHILE NEW.name = 'Sofa' AND EXISTS (SELECT FROM brake) LOOP
                PERFORM pg_sleep(0.05);
            END LOOP;
            RETURN NEW;
        END
        $$;
        CREATE TRIGGER brake BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION brake();
        """);
    seeds =
        new SeedFolder(database, directory.resolve("seeds"))
            .file("01_items.csv", "name (key),price\nLamp,1\nChair,2\n")
            .file("02_items.csv", "name (key),price\nBed,3\nSofa,4\n");
  }

  private void execute(String sql) throws Exception {
    database.execute(database.owner(), sql);
  }

  private List<String> items() throws Exception {
    return database.query("SELECT name FROM items ORDER BY name");
  }

  private void await(String condition) throws Exception {
    database.awaitRow(
        "SELECT FROM pg_stat_activity WHERE datname = '%s' AND application_name = 'learnflow-db' AND %s"
            .formatted(database.name(), condition));
  }

  private CompletableFuture<CliResult> inBackground(String... arguments) {
    return CompletableFuture.supplyAsync(
        () -> seeds.seed(arguments), task -> Thread.ofVirtual().start(task));
  }

  @Test
  void whatWasKilledLeavesNothingAndTheNextRunLoadsAll() throws Exception {
    execute("INSERT INTO brake DEFAULT VALUES");
    Cli.Running running = seeds.cli().start("seed");
    await("wait_event = 'PgSleep'");
    running.kill();
    assertThat(items()).isEmpty();
    execute("DELETE FROM brake");

    CliResult next = seeds.load(); // waits until the server has noticed
    assertThat(next.out()).contains("reference: 4 inserted");
    assertThat(items()).isEqualTo(LOADED);
  }

  @Test
  void whatIsDoneWithAFileIsSaidWhileTheServerWorks() throws Exception {
    execute("INSERT INTO brake DEFAULT VALUES");
    Reports reports = new Reports();
    List<SeedSet> sets = SeedSet.in(seeds.directory(), List.of(SeedFolder.SET));
    CompletableFuture<Void> load =
        CompletableFuture.runAsync(
            () -> {
              try (Connection owner = database.connect(database.owner())) {
                new SeedLoader(SeedMode.SKIP, false, reports).load(owner, sets);
              } catch (SQLException e) {
                throw new IllegalStateException(e);
              }
            },
            task -> Thread.ofVirtual().start(task));
    Eventually.within(
        Duration.ofSeconds(30), "it is said", () -> load.isDone() || !reports.updates().isEmpty());
    execute("DELETE FROM brake");
    load.join();
    assertThat(reports.updates().getFirst())
        .matches("seed 02_items\\.csv: inserting rows into table public\\.items, [0-9]+ s so far");
    assertThat(reports.lines())
        .containsExactly(
            "seed reference/01_items.csv: 2 inserted, 0 updated, 0 unchanged",
            "seed reference/02_items.csv: 2 inserted, 0 updated, 0 unchanged");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aLostConnectionIsMadeAgainAndTheLoadFinished(boolean empty) throws Exception {
    if (!empty) {
      execute("INSERT INTO items VALUES ('Lamp', 0)");
    }
    execute("INSERT INTO brake DEFAULT VALUES");
    CompletableFuture<CliResult> load = inBackground();
    await("wait_event = 'PgSleep'");
    database.awaitRow(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s' AND wait_event = 'PgSleep'"
            .formatted(database.name()));
    execute("DELETE FROM brake");
    CliResult result = load.join();
    assertThat(result.exitCode()).as(result.all()).isZero();
    assertThat(result.err()).contains("the connection was lost");
    assertThat(result.out()).contains(empty ? "4 inserted" : "3 inserted, 0 updated, 1 unchanged");
    assertThat(items()).isEqualTo(LOADED);
  }

  @Test
  void eightLoadsAtOnceAllSucceedAndEveryRowIsThereOnce() throws Exception {
    execute("CREATE TABLE visits (who text, day date)"); // no index would refuse a second row
    seeds.file("03_visits.csv", "who (key),day (key)\nann,2026-01-01\nbob,2026-01-01\n");
    execute("INSERT INTO brake DEFAULT VALUES");
    List<Cli.Running> runs =
        IntStream.range(0, 8).mapToObj(i -> seeds.cli().start("seed")).toList();
    await("true GROUP BY datname HAVING count(*) = 8");
    execute("DELETE FROM brake");
    List<String> outputs = new ArrayList<>();
    for (Cli.Running run : runs) {
      CliResult result = run.await();
      assertThat(result.exitCode()).as(result.all()).isZero();
      outputs.add(result.out().strip());
    }
    assertThat(outputs)
        .as("one loads, the others find it done")
        .containsOnly("reference: 6 inserted, 0 updated, 0 unchanged", "reference: nothing to do")
        .containsOnlyOnce("reference: 6 inserted, 0 updated, 0 unchanged");
    assertThat(items()).isEqualTo(LOADED);
    assertThat(database.query("SELECT who FROM visits ORDER BY who")).containsExactly("ann", "bob");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aServiceMayInsertTheSameRowMeanwhile(boolean empty) throws Exception {
    if (!empty) {
      execute("INSERT INTO items VALUES ('Other', 0)");
    }
    CompletableFuture<CliResult> load;
    try (Connection service = database.connect(database.owner());
        Statement statement = service.createStatement()) {
      service.setAutoCommit(false);
      statement.execute("INSERT INTO items VALUES ('Chair', 99)");
      load = inBackground();
      await("wait_event_type = 'Lock'");
      service.commit();
    }
    CliResult result = load.join();
    assertThat(result.exitCode()).as(result.all()).isZero();
    assertThat(result.out()).contains("3 inserted, 0 updated, 1 unchanged");
    assertThat(items()).containsAll(LOADED);
    assertThat(database.query("SELECT price FROM items WHERE name = 'Chair'"))
        .containsExactly("99");
  }

  @ParameterizedTest
  @ValueSource(strings = {"LOCK TABLE items", "INSERT INTO items VALUES ('Lamp', 9), ('Old', 1)"})
  void whoHoldsALockForTooLongIsNamed(String statement) throws Exception {
    execute("INSERT INTO items VALUES ('Other', 0)");
    try (Connection service = database.connect(database.owner());
        Statement blocker = service.createStatement()) {
      blocker.execute("SET application_name = 'progress service'");
      service.setAutoCommit(false);
      blocker.execute(statement);
      CliResult result = seeds.seed("--lock-timeout", "300ms");
      assertThat(result.exitCode()).as(result.all()).isEqualTo(8);
      assertThat(result.err())
          .contains(
              "another session holds a lock for longer than lock_timeout (300ms): pid ",
              "user "
                  + database.owner()
                  + ", application \"progress service\", idle in transaction",
              seeds.path("01_items.csv") + ", SQLSTATE 55P03",
              "none of this set was loaded",
              "to wait longer, use --lock-timeout");
      service.rollback();
    }
    assertThat(items()).containsExactly("Other");
    seeds.load();
    assertThat(items()).containsAll(LOADED);
  }

  @Test
  void aServiceThatHoldsTheLockIsNamedAndNotWaitedForWithoutEnd() throws Exception {
    try (Connection service = database.connect(database.service());
        Statement statement = service.createStatement()) {
      statement.execute("SET application_name = 'learnflow-db'"); // anybody can say so
      statement.execute("SELECT pg_advisory_lock(x'6c660003'::bigint)");
      int pid = service.unwrap(PGConnection.class).getBackendPID();
      long begin = System.nanoTime();
      CliResult result = seeds.seed("--timeout", "2s");
      assertThat(Duration.ofNanos(System.nanoTime() - begin))
          .isBetween(Duration.ofSeconds(2), Duration.ofSeconds(8));
      assertThat(result)
          .exited(ExitCode.FAILED)
          .says(
              "waiting for another session, which is not learnflow-db (pid %d, role %s, application \"learnflow-db\""
                  .formatted(pid, database.service()),
              "), at most 2 s\n",
              "error: another session holds the lock for seed: pid %d, role %s, application \"learnflow-db\""
                  .formatted(pid, database.service()),
              "; it is not learnflow-db",
              "state: nothing was changed by this step",
              "SELECT pg_terminate_backend(%d)".formatted(pid));
      assertThat(seeds.seed("--timeout", "0s"))
          .exited(ExitCode.FAILED)
          .says("another session holds the lock for seed")
          .doesNotSay("waiting for another");
    }
    assertThat(items()).isEmpty();
    seeds.load();
  }

  @Test
  void anotherLoadThatHoldsTheLockIsToldAsOne() throws Exception {
    execute("INSERT INTO brake DEFAULT VALUES");
    Cli.Running other = seeds.cli().start("seed");
    await("wait_event = 'PgSleep'");
    int pid =
        Integer.parseInt(
            database
                .query(
                    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = x'6c660003'::int"
                        + " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
                .getFirst());
    String who = "pid %d, role %s, application \"learnflow-db\"".formatted(pid, database.owner());
    assertThat(seeds.seed("--timeout", "1s"))
        .exited(ExitCode.FAILED)
        .says(
            "waiting for another migrator (" + who + ", connected since 20",
            "error: another session holds the lock for seed: " + who + ", connected since 20",
            "next:  wait until it ends and run the same command again")
        .doesNotSay("not learnflow-db", "pg_terminate_backend");
    execute("DELETE FROM brake");
    assertThat(other.await()).exited(ExitCode.OK);
  }
}

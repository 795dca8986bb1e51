package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.testing.Background;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** A database that was moved to an image that sorts text differently is repaired in place. */
class ReindexTest {
  private static final String ADMIN = PostgresServer.ADMIN;

  /** As after a move from a system whose collations had version 1.2. */
  private static final String MOVED =
      """
      SET allow_system_table_mods = on;
      UPDATE pg_database SET datcollversion = '1.2' WHERE datname = current_database();
      """;

  private static final String NOTHING = "nothing to do: no collation has changed";

  private static final String INVALID =
      "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid";

  private static TestDatabase sorted(int major, Path directory, String clause) throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).withRoles();
    try (Connection connection = database.connect(ADMIN, "postgres");
        Statement statement = connection.createStatement()) {
      statement.execute("DROP DATABASE IF EXISTS " + database.name());
      statement.execute(
          "CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING 'UTF8' %s"
              .formatted(database.name(), database.owner(), clause));
    }
    assertThat(cli(database).run("run")).exited(ExitCode.OK);
    return database;
  }

  private static TestDatabase german(int major, Path directory) throws Exception {
    return sorted(major, directory, "LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C'");
  }

  private static Cli cli(TestDatabase database) {
    return database.cli().with("LEARNFLOW_DB_SEEDS", "none");
  }

  private static List<String> files(TestDatabase database, String... indexes) throws SQLException {
    return database.query(
        ADMIN,
        "SELECT relfilenode::text FROM pg_class WHERE relname = ANY ('{%s}'::text[]) ORDER BY relname"
            .formatted(String.join(",", indexes)));
  }

  @EverySupportedVersion
  void whatDependsOnAChangedCollationIsRebuiltAndTheVersionIsRecorded(
      int major, @TempDir Path directory) throws Exception {
    TestDatabase database = german(major, directory);
    assertThat(cli(database).run("reindex")).exited(ExitCode.OK).answers(NOTHING);
    database.execute(
        database.owner(),
        """
        CREATE COLLATION mine (provider = icu, locale = 'fr');
        CREATE TABLE words (word text PRIMARY KEY, n numeric, "C" text COLLATE "C", doc jsonb,
                            french text COLLATE mine, EXCLUDE USING btree (word WITH =));
        CREATE INDEX by_n ON words (n);
        CREATE INDEX by_c ON words ("C");
        CREATE INDEX by_doc ON words (doc);
        CREATE INDEX "By French" ON words (french);
        CREATE INDEX by_condition ON words (n) WHERE word < 'm';
        CREATE INDEX words_pkey_ccnew ON words (word);
        INSERT INTO words VALUES ('a', 1), ('Ä', 2)
        """);
    String[] sorted = {
      "words_pkey", "words_word_excl", "by_doc", "By French", "by_condition", "users_email_key"
    };
    String[] others = {"by_n", "by_c"};
    List<String> before = files(database, sorted);
    List<String> otherBefore = files(database, others);
    database.execute(
        ADMIN,
        MOVED
            + """
            UPDATE pg_collation SET collversion = '1.2' WHERE collname = 'mine';
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'words_pkey_ccnew'::regclass
            """);

    CliResult verify = cli(database).run("verify");
    assertThat(verify).exited(ExitCode.OK).answers("healthy");
    assertThat(verify.out())
        .containsPattern(
            "! collation: database %s: version 1.2, now [^:]+: text may sort differently than in [0-9]+ indexes, .*next: learnflow-db reindex"
                .formatted(database.name()))
        .contains("! collation: collation public.mine: version 1.2");

    CliResult reindex = cli(database).run("reindex");
    assertThat(reindex)
        .exited(ExitCode.OK)
        .says("dropping index public.words_pkey_ccnew", "public.\"By French\"", "recorded for");
    assertThat(reindex.out()).contains("indexes rebuilt");
    assertThat(files(database, sorted)).hasSize(sorted.length).doesNotContainAnyElementsOf(before);
    assertThat(files(database, others)).isEqualTo(otherBefore);
    assertThat(database.query(ADMIN, INVALID)).isEmpty();
    assertThat(cli(database).run("verify").out()).doesNotContain("! collation", "! indexes");
    assertThat(cli(database).run("drift", "--output", "json").out()).doesNotContain("ccnew");
    assertThat(cli(database).run("reindex", "--output", "json"))
        .answers("{\"reindexed\":[],\"refreshed\":[]}");
  }

  /** Table words has a word twice, which an index that sorted otherwise has not refused. */
  private static TestDatabase withDuplicate(int major, Path directory, String columns, String index)
      throws Exception {
    TestDatabase database = german(major, directory);
    database.execute(
        database.owner(),
        "CREATE TABLE words (%s); INSERT INTO words VALUES ('a')".formatted(columns));
    String ready =
        "UPDATE pg_index SET indisready = %%s WHERE indexrelid = '%s'::regclass;".formatted(index);
    database.execute(ADMIN, MOVED + ready.formatted(false));
    database.execute(database.owner(), "INSERT INTO words VALUES ('a')");
    database.execute(ADMIN, MOVED + ready.formatted(true));
    return database;
  }

  @EverySupportedVersion
  void aDuplicateIsNamedAndNothingIsRecordedUntilItIsGone(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = withDuplicate(major, directory, "word text PRIMARY KEY", "words_pkey");

    assertThat(cli(database).run("reindex"))
        .exited(ExitCode.FAILED)
        .says("index public.words_pkey cannot be rebuilt", "23505", "learnflow-db reindex");
    assertThat(database.query(ADMIN, INVALID)).isEmpty();
    assertThat(cli(database).run("verify").out()).contains("! collation: database ");

    database.execute(
        database.owner(),
        "SET enable_indexscan = off; SET enable_bitmapscan = off; DELETE FROM words WHERE ctid = '(0,1)'");
    assertThat(cli(database).run("reindex")).exited(ExitCode.OK);
    assertThat(cli(database).run("verify").out()).doesNotContain("! collation");
  }

  @EverySupportedVersion
  void aSessionThatIsEndedInTheMiddleContinues(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = german(major, directory);
    database.execute(ADMIN, MOVED);
    try (Connection other = database.connect(database.owner());
        Statement statement = other.createStatement()) {
      other.setAutoCommit(false);
      statement.execute("SELECT FROM users");
      CompletableFuture<CliResult> reindexing = cli(database).runInBackground("reindex");
      String waiting =
          """
          SELECT %s FROM pg_stat_activity
          WHERE datname = current_database() AND query LIKE 'REINDEX%%' AND wait_event_type = 'Lock'
          """;
      database.awaitRow(waiting.formatted(""));
      database.query(ADMIN, waiting.formatted("pg_terminate_backend(pid)::text"));
      other.rollback();
      assertThat(reindexing.join()).exited(ExitCode.OK).says("the connection was lost");
    }
    assertThat(database.query(ADMIN, INVALID)).isEmpty();
    assertThat(cli(database).run("verify").out()).doesNotContain("! collation");
  }

  @EverySupportedVersion
  void nothingIsRecordedWhileAnIndexOfAnotherRoleIsNotRebuilt(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = german(major, directory);
    database.execute(ADMIN, "CREATE TABLE public.theirs (word text PRIMARY KEY);" + MOVED);
    String refresh = "ALTER DATABASE %s REFRESH COLLATION VERSION;".formatted(database.name());
    assertThat(cli(database).run("reindex"))
        .exited(ExitCode.FAILED)
        .says(
            "the new version is not recorded, because indexes belong to other roles: public.theirs_pkey",
            "run as an admin, in this database: REINDEX INDEX CONCURRENTLY public.theirs_pkey; "
                + refresh);
    assertThat(cli(database).run("verify").out()).contains("! collation: database ");

    database.execute(ADMIN, "REINDEX INDEX CONCURRENTLY public.theirs_pkey");
    database.execute(ADMIN, refresh);
    assertThat(cli(database).run("reindex")).exited(ExitCode.OK).answers(NOTHING);
  }

  @EverySupportedVersion
  void whatAnExclusionConstraintShouldHaveRefusedIsNamedToo(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database =
        withDuplicate(
            major, directory, "word text, EXCLUDE USING btree (word WITH =)", "words_word_excl");
    assertThat(cli(database).run("reindex"))
        .exited(ExitCode.FAILED)
        .says("index public.words_word_excl cannot be rebuilt", "23P01");
    assertThat(cli(database).run("verify").out()).contains("! collation: database ");
  }

  /** Words of a service, which goes on reading and writing until {@link #close}. */
  private static final class Service implements AutoCloseable {
    private final AtomicBoolean ends = new AtomicBoolean();
    private final AtomicInteger turns = new AtomicInteger();
    private final Background work;

    Service(TestDatabase database) {
      work = Background.run(() -> work(database));
    }

    static void prepare(TestDatabase database, int rows) throws SQLException {
      database.execute(
          database.owner(),
          """
          CREATE TABLE words (word text PRIMARY KEY, again text);
          CREATE INDEX words_again ON words (again);
          INSERT INTO words SELECT md5(n::text), md5((n * 7)::text) FROM generate_series(1, %d) n;
          GRANT SELECT, INSERT, UPDATE, DELETE ON words TO %s
          """
              .formatted(rows, database.service()));
    }

    private void work(TestDatabase database) throws SQLException {
      try (Connection connection = database.connect(database.service());
          Statement statement = connection.createStatement()) {
        statement.execute("SET lock_timeout = '5s'; SET enable_seqscan = off");
        while (!ends.get()) {
          String word = "word-" + turns.incrementAndGet();
          statement.execute("INSERT INTO words VALUES ('%1$s', '%1$s')".formatted(word));
          statement.execute(
              "UPDATE words SET again = 'x' || again WHERE word = '%s'".formatted(word));
          assertThat(
                  statement.executeUpdate("DELETE FROM words WHERE again = 'x%s'".formatted(word)))
              .isOne();
        }
      }
    }

    int turns() {
      return turns.get();
    }

    @Override
    public void close() {
      ends.set(true);
      work.close();
    }
  }

  private static void assertUpToDate(TestDatabase database, int words) throws SQLException {
    assertThat(database.query(ADMIN, INVALID)).isEmpty();
    assertThat(cli(database).run("verify").out()).doesNotContain("! collation", "! indexes");
    try (Connection connection = database.connect(database.owner())) {
      Sql.execute(connection, "SET enable_seqscan = off; SET enable_bitmapscan = off");
      assertThat(
              Sql.value(
                  connection,
                  "SELECT count(*) FROM words WHERE word >= '' AND word NOT LIKE 'word-%'"))
          .contains(String.valueOf(words));
    }
  }

  @EverySupportedVersion(slow = true)
  void eightAtOnceRebuildEachIndexOnceWhileAServiceGoesOn(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = german(major, directory);
    Service.prepare(database, 50_000);
    database.execute(ADMIN, MOVED);
    try (Service service = new Service(database)) {
      Eventually.within(Duration.ofMinutes(1), "the service works", () -> service.turns() > 1);
      int before = service.turns();
      List<CompletableFuture<CliResult>> runs =
          IntStream.range(0, 8)
              .mapToObj(i -> cli(database).runInBackground("reindex", "--timeout", "5m"))
              .toList();
      for (CompletableFuture<CliResult> run : runs) {
        assertThat(run.join()).exited(ExitCode.OK);
      }
      assertThat(service.turns()).isGreaterThan(before + 8);
      List<String> answers = runs.stream().map(run -> run.join().out().strip()).toList();
      assertThat(answers).filteredOn(answer -> answer.startsWith("done: ")).hasSize(1);
      assertThat(answers).filteredOn(NOTHING::equals).hasSize(7);
      assertThat(runs.stream().map(CompletableFuture::join)).anyMatch(CliResult::waitedForAnother);
    }
    assertUpToDate(database, 50_000);
  }

  @EverySupportedVersion(slow = true)
  void killedAtAnyMomentItIsRepeatedWhileAServiceGoesOn(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = german(major, directory);
    Service.prepare(database, 100_000);
    database.execute(ADMIN, MOVED);
    AtomicInteger left = new AtomicInteger();
    try (Service service = new Service(database)) {
      Eventually.within(Duration.ofMinutes(1), "the service works", () -> service.turns() > 1);
      Kills.in(Kills.Stage.from("reindex  1 of "), () -> cli(database).start("reindex"))
          .times(
              9,
              () -> database.execute(ADMIN, MOVED),
              () -> {
                // The server would end its statement first.
                database.query(
                    ADMIN,
                    "SELECT pg_terminate_backend(pid, 60000)::text FROM pg_stat_activity WHERE"
                        + " datname = current_database() AND application_name = 'learnflow-db'");
                left.addAndGet(database.query(ADMIN, INVALID).isEmpty() ? 0 : 1);
                assertThat(cli(database).run("reindex")).exited(ExitCode.OK);
                assertUpToDate(database, 100_000);
              });
    }
    assertThat(left.get()).as("kills that left an unfinished index").isPositive();
  }

  @EverySupportedVersion
  void aSystemWithoutVersionsIsRefusedInEitherDirection(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase fromMusl = german(major, directory);
    fromMusl.execute(ADMIN, MOVED.replace("'1.2'", "NULL"));
    TestDatabase toMusl = sorted(major, directory, "LOCALE_PROVIDER libc LOCALE 'C'");
    toMusl.execute(ADMIN, MOVED);
    for (var moved :
        Map.of(fromMusl, "version none, now ", toMusl, "version 1.2, now none").entrySet()) {
      TestDatabase database = moved.getKey();
      CliResult verify = cli(database).run("verify");
      assertThat(verify).exited(ExitCode.OK).answers("healthy");
      assertThat(verify.out())
          .contains(
              "! collation: database " + database.name(),
              moved.getValue(),
              "docs/how-to/official-image.md");
      assertThat(cli(database).run("reindex")).exited(ExitCode.REFUSED).says("nothing was changed");
    }
  }
}

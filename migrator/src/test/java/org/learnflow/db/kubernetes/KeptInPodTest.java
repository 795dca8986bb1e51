package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.programs.ErrorTail;
import org.learnflow.db.programs.PostgresPrograms.Ended;
import org.learnflow.db.programs.PostgresPrograms.Input;
import org.learnflow.db.programs.PostgresPrograms.Read;
import org.learnflow.db.testing.Background;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** Both sides of a kept dump, with pipes in the place of pod and network. */
@NullUnmarked
class KeptInPodTest {
  private static final int ROWS = 300_000;
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private static DumpServer server;
  private static TestDatabase database;
  private static PostgresServer address;
  private static Path dump;

  /** Where the server's data would be. */
  @TempDir private Path data;

  private Process script;
  private KeptInPod kept;

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    server = DumpServer.oldest(directory);
    database = server.seeded();
    DumpServer.fill(database, ROWS);
    dump = server.backup(database, directory);
    address = database.server();
  }

  @BeforeEach
  void empty() throws Exception {
    database.execute(database.owner(), "TRUNCATE bulk");
  }

  @AfterEach
  void end() throws Exception {
    script.destroyForcibly().waitFor();
  }

  @Test
  void itIsLoadedFromWhatWasKeptAndLeavesNothing() throws Exception {
    Read read = read(input(), data);
    assertThat(read.ended().exitCode()).isZero();
    assertThat(read.kept()).isPresent();
    assertThat(data).as("it has no name").isEmptyDirectory();

    List<Long> positions = new ArrayList<>();
    Ended ended = read.kept().orElseThrow().load(positions::add).orElseThrow();
    assertThat(ended).isEqualTo(new Ended(0, ""));
    assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("" + ROWS);
    assertThat(positions).allMatch(position -> position <= dump.toFile().length());
    assertThat(script.waitFor(5, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void itTellsHowFarItIs() throws Exception {
    Read read = read(input(), data);
    List<Long> positions = new CopyOnWriteArrayList<>();
    whileLocked(
        owner -> {
          Eventually.within(LIMIT, "it was asked twice", () -> positions.size() >= 2);
          owner.rollback();
        },
        () ->
            assertThat(read.kept().orElseThrow().load(positions::add)).contains(new Ended(0, "")));
    assertThat(positions).hasSizeGreaterThanOrEqualTo(2).allMatch(position -> position > 0);
  }

  @Test
  void whatIsClosedIsNotLoaded() throws Exception {
    Read read = read(input(), data);
    read.kept().orElseThrow().close();
    assertThat(script.waitFor(5, TimeUnit.SECONDS)).as("the script has ended").isTrue();
    assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("0");
    assertThat(read.kept().orElseThrow().load(position -> {})).isEmpty();
  }

  @Test
  void aConnectionThatIsLostEndsTheLoading() throws Exception {
    Read read = read(input(), data);
    whileLocked(
        _ -> {
          database.awaitRow(
              "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '%s'"
                  .formatted(database.name()));
          kept.close();
        },
        () -> {
          assertThatThrownBy(() -> read.kept().orElseThrow().load(position -> {}))
              .hasRootCauseInstanceOf(InterruptedIOException.class)
              .hasRootCauseMessage("closed");
          assertThat(script.waitFor(5, TimeUnit.SECONDS)).as("the script has ended").isTrue();
        });
    assertThat(database.query("SELECT count(*) FROM bulk")).containsExactly("0");
  }

  private interface Meanwhile {
    void happen(Connection owner) throws Exception;
  }

  private interface Body {
    void run() throws Exception;
  }

  /**
   * Runs {@code body} while a session of the owner holds the table; beside it something happens.
   */
  private static void whileLocked(Meanwhile meanwhile, Body body) throws Exception {
    try (Connection owner = database.connect(database.owner());
        Statement statement = owner.createStatement()) {
      owner.setAutoCommit(false);
      statement.execute("LOCK TABLE bulk");
      try (Background _ = Background.run(() -> meanwhile.happen(owner))) {
        body.run();
      }
    }
  }

  @Test
  void whereNothingCanBeKeptItIsReadAllTheSame() throws Exception {
    Read read = read(input(), data.resolve("not there"));
    assertThat(read.ended()).isEqualTo(new Ended(0, ""));
    assertThat(read.kept()).isEmpty();
  }

  @Test
  void whatIsDamagedIsNotKept() throws Exception {
    byte[] half = Files.readAllBytes(dump);
    Read read =
        read(new Input(new ByteArrayInputStream(half, 0, half.length / 2), half.length / 2), data);
    assertThat(read.ended().exitCode()).isNotZero();
    assertThat(read.ended().reason()).contains("could not read from input file");
    assertThat(read.kept()).isEmpty();
    assertThat(data).isEmptyDirectory();
  }

  private static Input input() throws IOException {
    return new Input(Files.newInputStream(dump), dump.toFile().length());
  }

  private Read read(Input input, Path directory) throws Exception {
    var builder =
        new ProcessBuilder(
            "sh",
            "-c",
            text(),
            "keep.sh",
            database.owner(),
            String.valueOf(input.bytes()),
            "pg_restore",
            "--exit-on-error",
            "--data-only",
            "--table=bulk",
            "--dbname=" + database.name());
    builder.environment().put("PGDATA", directory.toString());
    builder.environment().put("POSTGRESQL_PORT_NUMBER", String.valueOf(address.port()));
    builder.environment().merge("PATH", server.bin() + ":", (path, first) -> first + path);
    kept = new KeptInPod(input.stream());
    script = builder.start();
    kept.begin(() -> converse(kept));
    return kept.read();
  }

  /** As a connection to a pod is: it ends with the thread. */
  private Ended converse(KeptInPod kept) throws Exception {
    ErrorTail errors = new ErrorTail();
    Background answers = transfer(script.getInputStream(), kept.answers());
    Background complaints = transfer(script.getErrorStream(), errors);
    try (OutputStream stdin = script.getOutputStream()) {
      stdin.write(
          (database.password(database.owner()).value() + "\n").getBytes(StandardCharsets.UTF_8));
      byte[] buffer = new byte[1 << 16];
      InputStream questions = kept.questions();
      for (int read = questions.read(buffer); read >= 0; read = questions.read(buffer)) {
        stdin.write(buffer, 0, read);
        stdin.flush();
      }
    }
    int code = script.waitFor();
    answers.close();
    complaints.close();
    return new Ended(code, errors.text());
  }

  private static Background transfer(InputStream from, OutputStream to) {
    return Background.run(() -> {
      try (from) {
        from.transferTo(to);
      }
    });
  }

  private static String text() throws IOException {
    try (InputStream text =
        Objects.requireNonNull(KeptInPod.class.getResourceAsStream("keep.sh"))) {
      return new String(text.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}

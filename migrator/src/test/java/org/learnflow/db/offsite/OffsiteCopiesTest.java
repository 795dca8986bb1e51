package org.learnflow.db.offsite;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.S3Server;
import org.learnflow.db.testing.TestDatabase;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.MultipartUpload;

/** Dumps that a release made are copied to a bucket, and the old copies removed from it. */
class OffsiteCopiesTest {
  private static final String MONDAY = "scheduled-20260105T021500Z.dump";
  private static final String TUESDAY = "scheduled-20260106T021500Z.dump";
  private static final String WEDNESDAY = "scheduled-20260107T021500Z.dump";
  private static final String MIGRATION = "before-migrate-20260105T101112Z.dump";

  private static DumpServer server;

  @TempDir private Path folder;
  private S3Server store;
  private TestDatabase database;
  private Path dumps;
  private Cli cli;

  @BeforeAll
  static void find(@TempDir Path passwords) {
    server = DumpServer.oldest(passwords);
  }

  @BeforeEach
  void start() throws Exception {
    store = S3Server.start(Files.createDirectory(folder.resolve("store")));
    database = server.seeded();
    dumps = Files.createDirectory(folder.resolve("dumps"));
    cli = store.cli(server.cli(database));
  }

  @AfterEach
  void stop() {
    store.close();
  }

  /** As dump.sh makes and records it. */
  private void make(String name) throws Exception {
    Path made = server.backup(database, Files.createTempDirectory(folder, "made"));
    Files.move(made, dumps.resolve(name));
    database.execute(
        database.owner(),
        "UPDATE learnflow_db.backups SET name = '%s', kind = '%s' WHERE id = (SELECT max(id) FROM learnflow_db.backups)"
            .formatted(name, name.replaceFirst("-\\d.*", "")));
  }

  private CliResult copy(String... options) {
    List<String> words =
        new ArrayList<>(List.of("offsite", dumps.toString(), S3Server.uri("prod/postgres")));
    words.addAll(List.of(options));
    return cli.run(words.toArray(String[]::new));
  }

  private static List<String> in(String... names) {
    return List.of(names).stream().map(name -> "prod/postgres/" + name).sorted().toList();
  }

  @Test
  void eachDumpIsCopiedOnceAndVerifyTellsTheNewest() throws Exception {
    make(MONDAY);
    make(MIGRATION);
    Files.writeString(dumps.resolve("notes.dump"), "not of the release");
    Files.writeString(dumps.resolve("scheduled.part"), "not finished");
    assertThat(copy()).exited(ExitCode.OK).answers("2 copied, 0 removed, 2 there");
    assertThat(store.keys()).isEqualTo(in(MONDAY, MIGRATION));
    assertThat(Files.readAllBytes(store.object("prod/postgres/" + MONDAY)))
        .isEqualTo(Files.readAllBytes(dumps.resolve(MONDAY)));

    var written = Files.getLastModifiedTime(store.object("prod/postgres/" + MONDAY));
    make(TUESDAY);
    assertThat(copy()).exited(ExitCode.OK).answers("1 copied, 0 removed, 3 there");
    assertThat(copy()).exited(ExitCode.OK).answers("0 copied, 0 removed, 3 there");
    assertThat(Files.getLastModifiedTime(store.object("prod/postgres/" + MONDAY)))
        .isEqualTo(written);
    assertThat(cli.run("verify").out())
        .contains("✓ offsite: 0 min ago: " + S3Server.uri("prod/postgres/" + TUESDAY));
    assertThat(cli.run("status").out()).contains("Off-site:    0 min ago: s3://backups/");
  }

  @Test
  void theOldestOfEachKindAreRemovedAndWhatOthersPutThereNever() throws Exception {
    Path foreign = store.object("prod/postgres/scheduled-20250101T000000Z.dump");
    Files.createDirectories(foreign.getParent());
    Files.writeString(foreign, "of a database that is lost");
    make(MONDAY);
    make(TUESDAY);
    make(MIGRATION);
    assertThat(copy("--keep", "2")).exited(ExitCode.OK).answers("3 copied, 0 removed, 3 there");
    make(WEDNESDAY);
    assertThat(copy("--keep", "2")).exited(ExitCode.OK).answers("1 copied, 1 removed, 3 there");
    assertThat(store.keys())
        .isEqualTo(in(foreign.getFileName().toString(), TUESDAY, WEDNESDAY, MIGRATION));
    assertThat(copy("--keep", "2")).exited(ExitCode.OK).answers("0 copied, 0 removed, 3 there");
    assertThat(copy("--keep", "1")).exited(ExitCode.OK).answers("0 copied, 1 removed, 2 there");
    assertThat(copy("--keep", "1")).exited(ExitCode.OK).answers("0 copied, 0 removed, 2 there");
  }

  @Test
  void whatTheOwnerWritesIntoTheRecordsRemovesNoNewerDump() throws Exception {
    make(MONDAY);
    make(TUESDAY);
    assertThat(copy("--keep", "2")).exited(ExitCode.OK);
    database.execute(
        database.owner(),
        """
        INSERT INTO learnflow_db.offsite_copies (dump, uri, bytes, failure)
        SELECT 'scheduled-99990101T000000Z.dump', c.uri, c.bytes, ''
        FROM learnflow_db.offsite_copies c, generate_series(1, 5) WHERE c.dump = '%s'
        UNION ALL SELECT 'x', '%s', 1, '' FROM generate_series(1, 5) i
        """
            .formatted(MONDAY, S3Server.uri("prod/postgres/scheduled-99990101T000000Z.dump")));
    assertThat(copy("--keep", "2")).exited(ExitCode.OK).answers("0 copied, 0 removed, 2 there");
    assertThat(store.keys()).isEqualTo(in(MONDAY, TUESDAY));
  }

  @Test
  void aCopyThatIsGoneOrOfAnotherSizeIsMadeAgain() throws Exception {
    make(MONDAY);
    make(TUESDAY);
    assertThat(copy()).exited(ExitCode.OK);
    Files.delete(store.object("prod/postgres/" + MONDAY));
    Files.writeString(store.object("prod/postgres/" + TUESDAY), "short");
    assertThat(copy()).exited(ExitCode.OK).answers("2 copied, 0 removed, 2 there");
  }

  @Test
  void aDumpThatRottedIsNotCopiedAndKeepsNoOtherFromIt() throws Exception {
    make(MONDAY);
    make(TUESDAY);
    byte[] dump = Files.readAllBytes(dumps.resolve(TUESDAY));
    dump[dump.length / 2] ^= 1;
    Files.write(dumps.resolve(TUESDAY), dump);
    assertThat(copy()).exited(ExitCode.REFUSED).says("its SHA-256 is not the one it was made with");
    assertThat(store.keys()).isEqualTo(in(MONDAY));
    assertThat(cli.run("verify").out()).contains("! offsite: ", "the last run failed");
  }

  @Test
  void aFailureIsAWarningUntilARunSucceeds() throws Exception {
    make(MONDAY);
    Path bucket = store.object("");
    Path away = folder.resolve("away");
    Files.move(bucket, away);
    assertThat(copy()).exited(ExitCode.FAILED).says("there is no bucket backups");
    assertThat(copy()).exited(ExitCode.FAILED);
    assertThat(cli.run("verify")).exited(ExitCode.OK);
    assertThat(cli.run("verify").out()).contains("! offsite: none yet; the last run failed: ");
    Files.move(away, bucket);
    assertThat(copy()).exited(ExitCode.OK);
    assertThat(cli.run("verify").out()).contains("✓ offsite: 0 min ago");
  }

  @Test
  void aNightlyDumpThatIsNotThereIsAWarning() throws Exception {
    make(MONDAY);
    assertThat(copy()).exited(ExitCode.OK);
    make(TUESDAY);
    database.execute(
        database.owner(),
        "UPDATE learnflow_db.backups SET finished_at = finished_at - interval '2 hours'");
    assertThat(cli.run("verify").out()).contains("! offsite: ", TUESDAY + " is not there");
  }

  /** What a killed copy has left. */
  @Test
  void partsThatNobodyCompletesAreRemovedAfterADay() throws Exception {
    make(MONDAY);
    String old = begin("prod/postgres/old.dump");
    String other = begin("elsewhere/old.dump");
    try (var parts = Files.walk(store.object(".sgwtmp"))) {
      for (Path part : parts.toList()) {
        Files.setLastModifiedTime(part, FileTime.from(Instant.now().minus(Duration.ofHours(25))));
      }
    }
    String fresh = begin("prod/postgres/fresh.dump");
    assertThat(copy()).exited(ExitCode.OK);
    assertThat(uploads()).contains(fresh, other).doesNotContain(old);
  }

  private S3Client client() {
    return new Store(cli.environment(), 1).open();
  }

  private String begin(String key) {
    try (S3Client client = client()) {
      return client
          .createMultipartUpload(request -> request.bucket(S3Server.BUCKET).key(key))
          .uploadId();
    }
  }

  private List<String> uploads() {
    try (S3Client client = client()) {
      return client
          .listMultipartUploads(request -> request.bucket(S3Server.BUCKET))
          .uploads()
          .stream()
          .map(MultipartUpload::uploadId)
          .toList();
    }
  }

  @Test
  void eightAtOnceCopyEachDumpOnce() throws Exception {
    make(MONDAY);
    make(TUESDAY);
    List<CompletableFuture<CliResult>> running = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      running.add(
          CompletableFuture.supplyAsync(this::copy, task -> Thread.ofVirtual().start(task)));
    }
    List<CliResult> ended = running.stream().map(CompletableFuture::join).toList();
    assertThat(ended).allSatisfy(one -> assertThat(one).exited(ExitCode.OK));
    assertThat(ended).filteredOn(one -> one.out().startsWith("2 copied")).hasSize(1);
    assertThat(ended).filteredOn(one -> one.out().startsWith("0 copied")).hasSize(7);
  }

  @Test
  void wrongOptionsAreRefused() {
    assertThat(cli.run("offsite")).exited(ExitCode.USAGE).says("are not specified");
    assertThat(cli.run("offsite", "/no/such/folder", S3Server.uri("")))
        .exited(ExitCode.USAGE)
        .says("the folder of the dumps cannot be read");
    assertThat(copy("--keep", "-1")).exited(ExitCode.USAGE).says("--keep cannot be negative");
  }
}

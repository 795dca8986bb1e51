package org.learnflow.db.offsite;

import static org.assertj.core.api.Assertions.assertThat;

import com.exceptionfactory.jagged.x25519.X25519KeyPairGenerator;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyPair;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Certificates;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.Kills;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.S3Server;
import org.learnflow.db.testing.SmallDisk;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Dumps that people write to a bucket and restore from it. */
class BucketTest {
  private static final Path AGE = TestFiles.repository().resolve("tools/bin/age");

  private static final KeyPair KEYS = keys();
  private static final KeyPair OTHERS = keys();
  private static final String RECIPIENT = text(KEYS.getPublic());
  private static final String IDENTITY = text(KEYS.getPrivate());

  @TempDir private static Path shared;
  private static DumpServer server;
  private static S3Server store;

  /** As age-keygen makes it. */
  private static KeyPair keys() {
    try {
      return new X25519KeyPairGenerator().generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String text(Key key) {
    return new String(key.getEncoded(), StandardCharsets.US_ASCII);
  }

  @BeforeAll
  static void start() throws Exception {
    server = DumpServer.oldest(Files.createDirectory(shared.resolve("passwords")));
    store = S3Server.start(Files.createDirectory(shared.resolve("store")));
  }

  @AfterAll
  static void stop() {
    if (store != null) {
      store.close();
    }
  }

  private static Cli cli(TestDatabase database, Path folder) throws Exception {
    Path temporary = Files.createDirectories(folder.resolve("tmp"));
    return store.cli(server.cli(database)).with("TMPDIR", temporary.toString());
  }

  /** The dump is nowhere but in the bucket, and the secret nowhere at all. */
  private static void assertClean(CliResult result, Path folder) throws Exception {
    try (var left = Files.list(folder.resolve("tmp"))) {
      assertThat(left).isEmpty();
    }
    assertThat(result.out() + result.err()).doesNotContain(S3Server.SECRET, IDENTITY);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aDumpGoesToABucketAndIsRestoredFromThere(boolean encrypted, @TempDir Path folder)
      throws Exception {
    TestDatabase database = server.seeded();
    Cli cli = cli(database, folder);
    String key = "people/%s.dump".formatted(database.name());
    if (encrypted) {
      cli =
          cli.with("LEARNFLOW_DB_AGE_RECIPIENT", RECIPIENT)
              .with("LEARNFLOW_DB_AGE_IDENTITY_FILE", identity(folder, IDENTITY).toString());
    }
    CliResult made = cli.run("backup", S3Server.uri(key));
    assertThat(made).exited(ExitCode.OK).says("read back").says(S3Server.uri(key));
    assertThat(made.err()).contains(encrypted ? "stored, " : "has no TLS");
    assertClean(made, folder);
    byte[] begin = Arrays.copyOf(Files.readAllBytes(store.object(key)), 5);
    assertThat(new String(begin, StandardCharsets.US_ASCII))
        .isEqualTo(encrypted ? "age-e" : "PGDMP");
    assertThat(store.keys()).contains(key, key + ".json");
    assertThat(database.query("SELECT name FROM learnflow_db.backups"))
        .containsExactly(S3Server.uri(key));
    if (encrypted) {
      assertThat(
              Programs.run(
                      Map.of(),
                      List.of(
                          AGE.toString(),
                          "--decrypt",
                          "--identity",
                          folder.resolve("age.key").toString(),
                          "--output",
                          folder.resolve("by-age").toString(),
                          store.object(key).toString()))
                  .exitCode())
          .isZero();
      assertThat(
              server.cli(database).run("restore", "--drill", folder.resolve("by-age").toString()))
          .exited(ExitCode.OK);
    }

    assertThat(cli.run("backup", S3Server.uri(key)))
        .exited(ExitCode.REFUSED)
        .says(key + " already exists");
    assertThat(cli.run("backup", S3Server.uri(key), "--replace")).exited(ExitCode.OK);
    database.execute(database.owner(), "DELETE FROM users");
    CliResult restored = cli.run("restore", S3Server.uri(key), "--replace", "--yes");
    assertThat(restored).exited(ExitCode.OK).says("fetched");
    assertClean(restored, folder);
    assertThat(database.query("SELECT count(*) > 0 FROM users")).containsExactly("t");
    assertThat(cli.run("restore", "--drill", S3Server.uri(key))).exited(ExitCode.OK);
  }

  @Test
  void ofEightAtOnceOneWritesTheObjectAndItIsWhole(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Cli cli = cli(database, folder);
    String uri = S3Server.uri("eight.dump");
    List<CompletableFuture<CliResult>> running = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      running.add(cli.runInBackground("backup", uri));
    }
    List<CliResult> ended = running.stream().map(CompletableFuture::join).toList();
    assertThat(ended).filteredOn(one -> one.exitCode() == 0).hasSize(1);
    assertThat(ended)
        .filteredOn(one -> one.exitCode() != 0)
        .allSatisfy(one -> assertThat(one).exited(ExitCode.REFUSED).says("already exists"));
    assertThat(cli.run("restore", "--drill", uri)).exited(ExitCode.OK);
  }

  @ParameterizedTest
  @CsvSource({
    "s3://no-such-bucket/a.dump, FAILED, there is no bucket no-such-bucket",
    "s3://backups/folder/, USAGE, it names no object in the bucket",
    "s3://backups, USAGE, it names no object in the bucket",
    "s3://Back_ups/a.dump, USAGE, a bucket's name has",
    "s3://backups/a//b.dump, USAGE, it has an empty folder in it",
    "s3://backups/.., USAGE, it names no object in the bucket",
  })
  void aPlaceThatIsNotThereIsNamedBeforeAnyWork(
      String uri, ExitCode code, String says, @TempDir Path folder) throws Exception {
    Cli cli = cli(server.seeded(), folder);
    for (String command : List.of("backup", "restore")) {
      CliResult refused = cli.run(command, uri);
      assertThat(refused).exited(code).says(says);
      assertThat(refused.err()).doesNotContain("pg_dump");
      assertClean(refused, folder);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "AWS_SECRET_ACCESS_KEY, wrong, CREDENTIALS_REFUSED, the store rejects the credentials",
    "AWS_ACCESS_KEY_ID, nobody, CREDENTIALS_REFUSED, the store rejects the credentials",
    "AWS_REGION, eu-north-1, FAILED, the bucket is in another region",
    "AWS_ENDPOINT_URL_S3, http://127.0.0.1:9, FAILED, the store does not answer",
    "AWS_ENDPOINT_URL_S3, http://no-such-host.invalid, FAILED, no such host",
    "AWS_ENDPOINT_URL_S3, 127.0.0.1:9, USAGE, the store's address is https://HOST",
    "AWS_CA_BUNDLE, /no/such/file, USAGE, the authority's certificate cannot be read",
    "LEARNFLOW_DB_AGE_RECIPIENT, age1wrong, USAGE, age1wrong is not a recipient of age",
    "TMPDIR, /no/such/folder, USAGE, no temporary folder can be created",
  })
  void aSettingThatIsWrongIsNamedBeforeAnyWork(
      String name, String value, ExitCode code, String says, @TempDir Path folder)
      throws Exception {
    Cli cli = cli(server.seeded(), folder).with(name, value);
    CliResult refused = cli.run("backup", S3Server.uri("wrong.dump"));
    assertThat(refused).exited(code).says(says);
    assertThat(refused.err()).doesNotContain("pg_dump");
    assertClean(refused, folder);
    assertThat(store.keys()).doesNotContain("wrong.dump");
  }

  @ParameterizedTest
  @CsvSource({
    "other key, REFUSED, the dump is encrypted to another key",
    "no key, USAGE, the dump is encrypted",
    "not a key, USAGE, it has lines that are no identities",
    "changed, FAILED, could not be read to its end",
    "cut, FAILED, could not be read to its end",
    "replaced, REFUSED, its SHA-256 differs",
    "gone, FAILED, there is no such object",
  })
  void aDumpThatCannotBeReadLeavesTheDatabaseAsItIs(
      String fault, ExitCode code, String says, @TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    String key = "unreadable-%s.dump".formatted(fault.replace(' ', '-'));
    Cli cli = cli(database, folder).with("LEARNFLOW_DB_AGE_RECIPIENT", RECIPIENT);
    assertThat(cli.run("backup", S3Server.uri(key))).exited(ExitCode.OK);
    Path object = store.object(key);
    byte[] whole = Files.readAllBytes(object);
    String identity = IDENTITY;
    switch (fault) {
      case "other key" -> identity = text(OTHERS.getPrivate());
      case "not a key" -> identity = "secret";
      case "changed" -> {
        whole[whole.length / 2] ^= 1;
        Files.write(object, whole);
      }
      case "cut" -> Files.write(object, Arrays.copyOf(whole, whole.length / 2));
      case "replaced" -> Files.write(object, "another dump".getBytes(StandardCharsets.UTF_8));
      case "gone" -> Files.delete(object);
      default -> assertThat(fault).isEqualTo("no key");
    }
    if (!fault.equals("no key")) {
      cli = cli.with("LEARNFLOW_DB_AGE_IDENTITY_FILE", identity(folder, identity).toString());
    }
    List<String> databases = DumpServer.databases(database);
    CliResult refused = cli.run("restore", S3Server.uri(key), "--replace", "--yes");
    assertThat(refused).exited(code).says(says);
    assertThat(refused.err()).doesNotContain("\nerror: secret");
    assertThat(DumpServer.databases(database)).isEqualTo(databases);
    assertClean(refused, folder);
  }

  @Test
  void aFullBucketIsNamedAndHoldsNoPart(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 1_000_000);
    try (SmallDisk disk = SmallDisk.mount(folder.resolve("disk"), "12m");
        S3Server small = S3Server.start(disk.path())) {
      CliResult full = small.cli(cli(database, folder)).run("backup", S3Server.uri("big.dump"));
      assertThat(full).exited(ExitCode.FAILED).says("the bucket is full");
      assertClean(full, folder);
      assertThat(small.keys()).isEmpty();
      assertThat(small.incomplete()).isEmpty();
      assertThat(database.query("SELECT count(*) FROM learnflow_db.backups")).containsExactly("0");
      disk.resize("200m");
      assertThat(small.cli(cli(database, folder)).run("backup", S3Server.uri("big.dump")))
          .exited(ExitCode.OK);
    }
  }

  @Test
  void aKilledCommandLeavesNoObjectAndTheNextOneSucceeds(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    DumpServer.fill(database, 1_000_000);
    Cli cli = cli(database, folder);
    String uri = S3Server.uri("killed.dump");
    Kills.in(
            Kills.Stage.between("read back", "killed.dump\n"),
            () -> cli.start("backup", uri, "--replace"))
        .times(
            5,
            () -> {
              Files.deleteIfExists(store.object("killed.dump"));
              Files.deleteIfExists(store.object("killed.dump.json"));
            },
            () -> assertThat(store.keys()).doesNotContain("killed.dump.json"));
    assertThat(cli.run("backup", uri, "--replace")).exited(ExitCode.OK);
    assertThat(cli.run("restore", "--drill", uri)).exited(ExitCode.OK);
  }

  @Test
  void itsAuthorityIsVerified(@TempDir Path folder) throws Exception {
    TestDatabase database = server.seeded();
    Certificates certificates = Certificates.in(Files.createDirectory(folder.resolve("tls")));
    Path key = folder.resolve("tls/server.key");
    Path certificate = folder.resolve("tls/server.crt");
    try (S3Server secured =
        S3Server.start(
            Files.createDirectory(folder.resolve("secured")),
            "--cert",
            certificate.toString(),
            "--key",
            key.toString())) {
      Cli cli = secured.cli(cli(database, folder));
      assertThat(cli.run("backup", S3Server.uri("tls.dump")))
          .exited(ExitCode.FAILED)
          .says("its certificate is not trusted")
          .says("AWS_CA_BUNDLE");
      CliResult made =
          cli.with("AWS_CA_BUNDLE", certificates.authority().toString())
              .run("backup", S3Server.uri("tls.dump"));
      assertThat(made).exited(ExitCode.OK);
      assertThat(made.err()).doesNotContain("warning");
    }
  }

  private static Path identity(Path folder, String line) throws Exception {
    return Files.writeString(folder.resolve("age.key"), "# created for a test\n" + line + "\n");
  }
}

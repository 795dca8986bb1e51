package org.learnflow.db.publish;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.connect.SslMode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** The env file: private, complete at every moment, and read by a shell as it was meant. */
@ExtendWith(PostgresExtension.class)
class EnvFileTest {
  private static final List<String> NAMES =
      List.of(
          "DATABASE_URL",
          "PGUSER",
          "PGPASSWORD",
          "PGHOST",
          "PGPORT",
          "PGDATABASE",
          "PGSSLMODE",
          "SCHEMA_VERSION");

  private static final String READ_AND_PRINT = "set -a; . \"$1\"; printf '%s\\0' ";

  @TempDir private Path directory;

  private static PublishedConnection connection(String password) {
    return new PublishedConnection(
        new DatabaseAddress(
            "db.example", 5432, "learnflow", "user", SslMode.PREFER, Optional.empty()),
        new Password(password));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "plain1",
        "it's",
        "two words",
        "~",
        "~root/x",
        "a:~root",
        "$HOME",
        "$(echo x)",
        "`echo x`",
        "a\\",
        "\"quoted\"",
        "#no comment",
        "a;b&c|d<e>f(g)h{i}j[k]l*m?n!o^p%q+r=s,t",
        "two\nlines",
        "ünïcödé €",
        "-n",
        "'",
      })
  void aShellReadsExactlyTheValuesBack(String password) {
    Path file = directory.resolve("connection.env");
    PublishedConnection connection = connection(password);
    new EnvFileTarget(file).publish(List.of(connection), "009");
    String values =
        NAMES.stream().map(name -> "\"$" + name + "\"").collect(Collectors.joining(" "));
    String script = READ_AND_PRINT + values;
    CliResult read =
        Programs.run(Map.of("HOME", "/home/x"), List.of("sh", "-c", script, "sh", file.toString()));
    assertThat(read.out().split("\0", -1))
        .containsExactly(
            connection.uri(),
            "user",
            password,
            "db.example",
            "5432",
            "learnflow",
            "prefer",
            "009",
            "");
  }

  @Test
  void theAuthoritysCertificateIsInAFileBesideIt() throws IOException {
    Path file = directory.resolve("connection.env");
    Path certificate = directory.resolve("connection.env.crt");
    EnvFileTarget target = new EnvFileTarget(file);
    assertThat(target.publish(List.of(trusting("one\n")), "009")).isEqualTo(file + " written");
    assertThat(certificate).hasContent("one\n");
    assertThat(file).content().contains("\nPGSSLROOTCERT=" + certificate + "\n");
    assertThat(target.publish(List.of(trusting("one\n")), "009")).isEqualTo(file + " unchanged");
    assertThat(target.publish(List.of(trusting("two\n")), "009")).isEqualTo(file + " written");
    assertThat(certificate).hasContent("two\n");
  }

  private PublishedConnection trusting(String certificate) {
    return new PublishedConnection(
        new DatabaseAddress(
            "db.example",
            5432,
            "learnflow",
            "user",
            SslMode.VERIFY_FULL,
            Optional.of(TestFiles.write(directory.resolve("ca"), certificate))),
        new Password("x"));
  }

  @Test
  void generatedPasswordsNeedNoQuotesWhichDockerWouldNotUnderstand() throws IOException {
    Path file = directory.resolve("connection.env");
    new EnvFileTarget(file).publish(List.of(connection("Generated0123")), "009");
    assertThat(Files.readAllLines(file))
        .containsExactly(
            "DATABASE_URL=postgresql://user:Generated0123@db.example:5432/learnflow",
            "PGUSER=user",
            "PGPASSWORD=Generated0123",
            "PGHOST=db.example",
            "PGPORT=5432",
            "PGDATABASE=learnflow",
            "PGSSLMODE=prefer",
            "SCHEMA_VERSION=009");
  }

  @ParameterizedTest
  @ValueSource(strings = {"rw-r--r--", "rw-rw-rw-", "r--------"})
  void onlyItsOwnerMayReadItWhateverItsModeWas(String mode) throws IOException {
    Path file = directory.resolve("connection.env");
    EnvFileTarget target = new EnvFileTarget(file);
    target.publish(List.of(connection("x")), "009");
    assertThat(Files.getPosixFilePermissions(file))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    for (String password : List.of("x", "y")) {
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
      assertThat(target.publish(List.of(connection(password)), "009")).isEqualTo(file + " written");
      assertThat(Files.getPosixFilePermissions(file))
          .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    }
  }

  @Test
  void unchangedContentIsNotWritten() throws IOException {
    Path file = directory.resolve("connection.env");
    EnvFileTarget target = new EnvFileTarget(file);
    target.publish(List.of(connection("x")), "009");
    BasicFileAttributes before = attributes(file);
    assertThat(target.publish(List.of(connection("x")), "009")).isEqualTo(file + " unchanged");
    assertThat(attributes(file).fileKey()).isEqualTo(before.fileKey());
    assertThat(attributes(file).lastModifiedTime()).isEqualTo(before.lastModifiedTime());
    assertThat(target.publish(List.of(connection("x")), "010")).isEqualTo(file + " written");
    assertThat(attributes(file).fileKey()).isNotEqualTo(before.fileKey());
  }

  private static BasicFileAttributes attributes(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
  }

  @Test
  void readersNeverSeeAPartOfIt() throws Exception {
    Path file = directory.resolve("connection.env");
    EnvFileTarget target = new EnvFileTarget(file);
    PublishedConnection first = connection("a".repeat(20_000));
    PublishedConnection second = connection("b".repeat(10_000));
    target.publish(List.of(second), "009");
    String secondText = Files.readString(file);
    target.publish(List.of(first), "009");
    Set<String> whole = Set.of(Files.readString(file), secondText);

    AtomicBoolean done = new AtomicBoolean();
    List<CompletableFuture<Set<String>>> readers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      readers.add(
          CompletableFuture.supplyAsync(() -> {
            Set<String> seen = new HashSet<>();
            do {
              seen.add(TestFiles.read(file));
            } while (!done.get());
            return seen;
          }));
    }
    for (int i = 0; i < 200; i++) {
      target.publish(List.of(i % 2 == 0 ? second : first), "009");
    }
    done.set(true);
    Set<String> seen = new HashSet<>();
    readers.forEach(reader -> seen.addAll(reader.join()));
    assertThat(seen.equals(whole)).as("both were seen, and only whole").isTrue();
    try (var entries = Files.list(directory)) {
      assertThat(entries).containsExactly(file);
    }
  }

  @Test
  void aDirectoryThatCannotBeWrittenToIsReportedAndTheOldFileStays(TestDatabase database)
      throws Exception {
    Path closed = Files.createDirectory(directory.resolve("closed"));
    Path old = TestFiles.write(closed.resolve("connection.env"), "old");
    Cli cli = database.migrated().cli();
    Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("r-xr-xr-x"));
    try {
      // Root may write everywhere, but not in a user namespace of its own.
      List<String> wrapper =
          "root".equals(System.getProperty("user.name")) ? List.of("unshare", "--user") : List.of();
      assertThat(cli.startUnder(wrapper, "publish", "--publish-to", "file:" + old).await())
          .exited(ExitCode.PUBLISHING_FAILED)
          .says(
              "the connection could not be written",
              "where: " + old,
              "state: the database is ready; the file is unchanged",
              "next:  specify a writable path");
    } finally {
      Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    assertThat(old).hasContent("old");
    for (Path impossible :
        List.of(directory.resolve("none/x"), directory, old.resolve("x"), Path.of("/"))) {
      assertThat(cli.run("publish", "--publish-to", "file:" + impossible))
          .exited(ExitCode.PUBLISHING_FAILED)
          .says("where: " + impossible);
    }
  }
}

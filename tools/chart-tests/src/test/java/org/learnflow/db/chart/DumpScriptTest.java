package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import lib.Programs.Result;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What files/dump.sh does on the volume, in every shell that an image of PostgreSQL may have. That
 * the dumps are good is what e2e says; here PostgreSQL's programs are played by scripts.
 */
@EnabledOnOs(OS.LINUX)
class DumpScriptTest {
  private static final Path SCRIPT = Repository.CHART.resolve("files/dump.sh");

  private static final String VERSION =
      "case $1 in --version) echo 'pg_dump (PostgreSQL) 17.12'; exit ;; esac; ";

  @TempDir private Path directory;
  private Path volume;
  private Path programs;

  @BeforeEach
  void prepare() throws IOException {
    volume = Files.createDirectory(directory.resolve("backups"));
    programs = Files.createDirectory(directory.resolve("programs"));
    Files.writeString(directory.resolve("password"), "secret");
    program("psql", "case $* in *server_version*) echo 17 ;; *) echo 009 ;; esac");
    program("pg_dump", VERSION + "echo dump");
    program("pg_restore", "exit 0");
  }

  private void program(String name, String script) throws IOException {
    Path file = Files.writeString(programs.resolve(name), "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void aLinkInItsPlaceIsNotFollowed(String shell) throws IOException {
    Path elsewhere = Files.writeString(directory.resolve("elsewhere"), "theirs");
    Files.createSymbolicLink(volume.resolve("scheduled.part"), elsewhere);

    assertThat(run(shell).exit()).isZero();

    assertThat(elsewhere).hasContent("theirs");
    assertThat(dumps()).singleElement().satisfies(dump -> assertThat(dump).hasContent("dump"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void theDumpIsReadableForItsOwnerAlone(String shell) throws IOException {
    Path left = Files.writeString(volume.resolve("scheduled.part"), "of a killed run");
    Files.setPosixFilePermissions(left, PosixFilePermissions.fromString("rw-rw-rw-"));

    assertThat(run(shell).exit()).isZero();

    assertThat(dumps())
        .singleElement()
        .satisfies(dump ->
            assertThat(
                    PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(dump, LinkOption.NOFOLLOW_LINKS)))
                .isEqualTo("rw-------"));
  }

  /** Another one that makes it between the removal and the dump. */
  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void whatIsThereInTheLastMomentEndsIt(String shell) throws IOException {
    Path elsewhere = directory.resolve("elsewhere");
    program("rm", "/bin/rm \"$@\"; ln -s %s \"$2\"".formatted(elsewhere));

    Result result = run(shell);

    assertThat(result.exit()).isNotZero();
    assertThat(result.errors()).contains("error: no dump was created");
    assertThat(elsewhere).doesNotExist();
    assertThat(dumps()).isEmpty();
  }

  /** The shell does not wait for a program that it could end. */
  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void asItIsEndedItEndsWhatItRunsAndLeavesNoPart(String shell) throws IOException {
    program("pg_dump", VERSION + "kill $PPID; exec sleep 60");
    Instant begun = Instant.now();

    assertThat(run(shell).exit()).isEqualTo(1);

    assertThat(Duration.between(begun, Instant.now())).isLessThan(Duration.ofSeconds(30));
    try (Stream<Path> files = Files.list(volume)) {
      assertThat(files).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bash", "dash", "busybox sh"})
  void anOlderPgDumpThanTheServerIsNamed(String shell) throws IOException {
    program("pg_dump", "echo 'pg_dump (PostgreSQL) 16.2 (Debian 16.2-1)'");

    Result result = run(shell);

    assertThat(result.exit()).isEqualTo(1);
    assertThat(result.errors())
        .contains(
            "the server is PostgreSQL 17, and pg_dump of this image only reads up to PostgreSQL 16",
            "set postgresql.image to an image of PostgreSQL 17");
  }

  private Result run(String shell) {
    List<String> command = new ArrayList<>(List.of(shell.split(" ")));
    assumeThat(
            Stream.of(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, command.getFirst()))))
        .as(shell)
        .isTrue();
    List<String> words =
        new ArrayList<>(
            List.of(
                "env",
                "PATH=" + programs + ":" + System.getenv("PATH"),
                "PGHOST=postgres",
                "PGDATABASE=learnflow",
                "PGPASSWORD_FILE=" + directory.resolve("password"),
                "PGDUMP_DIR=" + volume));
    words.addAll(command);
    words.addAll(List.of(SCRIPT.toString(), "scheduled", "7"));
    return Repository.run(directory, words);
  }

  private List<Path> dumps() throws IOException {
    try (Stream<Path> files = Files.list(volume)) {
      return files.filter(file -> file.toString().endsWith(".dump")).toList();
    }
  }
}

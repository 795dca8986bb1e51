package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * The dump before migrations: the program requests it, and the chart's script, which is a container
 * of its own in a pod, makes it with PostgreSQL's programs.
 */
@EnabledOnOs(OS.LINUX)
class RequestedDumpTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  @TempDir private Path folder = Path.of("");

  private DumpServer server;
  private TestDatabase database;
  private Path requests;
  private Path volume;
  private Path programs;
  private Process sidecar;
  private Cli cli;

  @BeforeEach
  void prepare() throws IOException {
    server = DumpServer.oldest(folder);
    database = server.database().withRoles();
    requests = Files.createDirectory(folder.resolve("requests"));
    volume = Files.createDirectory(folder.resolve("backups"));
    programs = Files.createDirectory(folder.resolve("programs"));
    cli =
        new MigrationDirectory(folder.resolve("migrations"))
            .with("V1__notes.sql", "CREATE TABLE notes (id int PRIMARY KEY, body text);")
            .cli(database)
            .with("LEARNFLOW_DB_SEEDS", "none")
            .with("LEARNFLOW_DB_DUMP_REQUESTS", requests.toString());
    sidecar = sidecar(server.bin());
  }

  @AfterEach
  void end() {
    kill();
  }

  /** The script as its container runs it. */
  private Process sidecar(Path bin) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                "sh",
                TestFiles.repository()
                    .resolve("charts/learnflow-db/files/dump-on-request.sh")
                    .toString(),
                "2")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()));
    builder
        .environment()
        .putAll(
            Map.of(
                "PATH", programs + ":" + bin + ":" + System.getenv("PATH"),
                "PGHOST", database.server().host(),
                "PGPORT", String.valueOf(database.server().port()),
                "PGUSER", database.owner(),
                "PGDATABASE", database.name(),
                "PGPASSWORD_FILE", database.passwords().file(database.owner()).toString(),
                "PGDUMP_DIR", volume.toString(),
                "PGDUMP_REQUESTS", requests.toString()));
    return builder.start();
  }

  /** As Kubernetes kills a container: with all its processes. */
  private void kill() {
    List<ProcessHandle> children = sidecar.descendants().toList();
    sidecar.destroyForcibly().onExit().join();
    children.forEach(ProcessHandle::destroyForcibly);
  }

  private void pending(String file, String... lines) {
    new MigrationDirectory(folder.resolve("migrations")).with(file, lines);
  }

  private void applied() throws Exception {
    assertThat(cli.run("run")).exited(ExitCode.OK).doesNotSay("dump ");
    assertThat(dumps()).isEmpty();
    nextPod();
    pending("V2__more.sql", "ALTER TABLE notes ADD COLUMN more text;");
  }

  /** The container ends by itself when a run has succeeded, and each pod has its own. */
  private void nextPod() throws Exception {
    assertThat(sidecar.waitFor(2, TimeUnit.SECONDS)).isTrue();
    assertThat(sidecar.exitValue()).isZero();
    assertThat(names(requests, "ending")).isEmpty();
    sidecar = sidecar(server.bin());
  }

  /** A pg_dump that writes something, and then waits until the test lets it go on. */
  private void hold() throws IOException {
    Files.writeString(folder.resolve("hold"), "");
    program(
        "pg_dump",
        """
        case $1 in --version) exec "%1$s/pg_dump" "$@" ;; esac
        touch "%2$s/dumping"
        while [ -e "%2$s/hold" ]; do sleep 0.1; done
        exec "%1$s/pg_dump" "$@"
        """
            .formatted(server.bin(), folder));
  }

  private void program(String name, String script) throws IOException {
    Path file = Files.writeString(programs.resolve(name), "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static void empty(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
  }

  private void awaitDump() throws Exception {
    Eventually.within(
        LIMIT, "it dumps", () -> Files.exists(folder.resolve("dumping")) && !parts().isEmpty());
  }

  private List<String> dumps() {
    return names(volume, ".dump");
  }

  private List<String> parts() {
    return names(volume, ".part");
  }

  private int requested() {
    return names(requests, ".request").size() + names(requests, ".running").size();
  }

  private static List<String> names(Path folder, String end) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(end))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private List<String> versions() throws Exception {
    return database.query(
        "SELECT version FROM flyway_schema_history WHERE success ORDER BY installed_rank");
  }

  @Test
  void aDumpIsMadeBeforePendingMigrationsAndOnlyThen() throws Exception {
    applied();
    CliResult run = cli.run("run");
    assertThat(run)
        .exited(ExitCode.OK)
        .says("because 1 migration is pending: V2__more.sql", "schema 1", "bytes, SHA-256");
    assertThat(dumps()).hasSize(1);
    assertThat(versions()).containsExactly("1", "2");
    assertThat(
            database.query(
                "SELECT kind || ' ' || name || ' ' || schema_version FROM learnflow_db.backups"))
        .containsExactly("before-migrate " + dumps().getFirst() + " 1");
    // It is of the database before the migration.
    Process restore =
        new ProcessBuilder(
                server.bin().resolve("pg_restore").toString(),
                "--file=-",
                volume.resolve(dumps().getFirst()).toString())
            .start();
    assertThat(new String(restore.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
        .contains("CREATE TABLE public.notes")
        .doesNotContain("more text");

    nextPod();
    assertThat(cli.run("run")).exited(ExitCode.OK).says("nothing to do").doesNotSay("dump ");
    assertThat(dumps()).hasSize(1);
  }

  @Test
  void onlyTheNewestAreKept() throws Exception {
    applied();
    for (int version = 3; version < 7; version++) {
      pending("V%d__t.sql".formatted(version), "CREATE TABLE t%d (id int);".formatted(version));
      assertThat(cli.run("run")).exited(ExitCode.OK).says("dump ");
      nextPod();
      TimeUnit.SECONDS.sleep(1); // their names have seconds
    }
    assertThat(dumps()).hasSize(2);
  }

  @Test
  void withoutADumpNothingIsMigrated() throws Exception {
    applied();
    program(
        "pg_dump",
        """
        case $1 in --version) exec "%s/pg_dump" "$@" ;; esac
        echo half
        echo "pg_dump: error: could not write to output file: No space left on device" >&2
        exit 1
        """
            .formatted(server.bin()));
    assertThat(cli.run("run"))
        .exited(ExitCode.REFUSED)
        .says(
            "dump     pg_dump: error: could not write to output file: No space left on device",
            "error: no dump was created of database " + database.name(),
            "no migration was applied",
            "docs/how-to/backup.md");
    assertThat(versions()).containsExactly("1");
    assertThat(dumps()).isEmpty();
    assertThat(parts()).isEmpty();
  }

  @Test
  void aPasswordThatTheServerRefusesEndsIt() throws Exception {
    applied();
    Path password = database.passwords().file(database.owner());
    String right = Files.readString(password);
    program(
        "psql",
        "PGPASSWORD=wrong; export PGPASSWORD; exec \"%s/psql\" \"$@\"".formatted(server.bin()));
    CliResult result = cli.run("run");
    assertThat(result)
        .exited(ExitCode.REFUSED)
        .says("password authentication failed", "no migration was applied")
        .doesNotSay(right.strip());
    assertThat(versions()).containsExactly("1");
  }

  @Test
  void aPgDumpThatIsOlderThanTheServerIsNamedBeforeAnythingIsDumped() throws Exception {
    applied();
    program("pg_dump", "echo 'pg_dump (PostgreSQL) 14.9 (Debian 14.9-1)'");
    assertThat(cli.run("run"))
        .exited(ExitCode.REFUSED)
        .says(
            "the server is PostgreSQL %d".formatted(server.major()),
            "only reads up to PostgreSQL 14",
            "set postgresql.image to an image of PostgreSQL %d".formatted(server.major()));
    assertThat(versions()).containsExactly("1");
    assertThat(parts()).isEmpty();
  }

  @Test
  void aPgDumpThatIsKilledForItsMemoryIsNamed() throws Exception {
    applied();
    program(
        "pg_dump",
        "case $1 in --version) exec \"%s/pg_dump\" \"$@\" ;; esac; kill -9 $$"
            .formatted(server.bin()));
    assertThat(cli.run("run"))
        .exited(ExitCode.REFUSED)
        .says("pg_dump was killed", "no migration was applied", "raise backup.resources.limits");
    assertThat(versions()).containsExactly("1");
    assertThat(parts()).isEmpty();
  }

  @Test
  void aContainerThatIsKilledInADumpEndsTheRunAndLeavesNoPart() throws Exception {
    applied();
    hold();
    CompletableFuture<CliResult> run = cli.runInBackground("run");
    awaitDump();
    kill();
    assertThat(parts()).isNotEmpty();
    sidecar = sidecar(server.bin());
    assertThat(run.get(1, TimeUnit.MINUTES))
        .exited(ExitCode.REFUSED)
        .says("its container was killed", "no migration was applied", "backup.resources.limits");
    assertThat(parts()).isEmpty();
    assertThat(versions()).containsExactly("1");

    Files.delete(folder.resolve("hold"));
    assertThat(cli.run("run")).exited(ExitCode.OK).says("bytes, SHA-256");
    assertThat(versions()).containsExactly("1", "2");
  }

  @Test
  void aContainerThatIsEndedInADumpAndStartedAgainEndsTheRun() throws Exception {
    applied();
    hold();
    CompletableFuture<CliResult> run = cli.runInBackground("run");
    awaitDump();
    List<ProcessHandle> children = sidecar.descendants().toList();
    sidecar.destroy();
    assertThat(sidecar.waitFor(2, TimeUnit.SECONDS)).isTrue();
    // Its script tells its end too, unless its container is gone before.
    Eventually.within(
        LIMIT, "the script has ended", () -> children.stream().noneMatch(ProcessHandle::isAlive));
    sidecar = sidecar(server.bin());
    assertThat(run.get(1, TimeUnit.MINUTES))
        .exited(ExitCode.REFUSED)
        .says(
            "dump     error: no dump was created of database " + database.name(),
            "its container was killed",
            "no migration was applied");
    assertThat(parts()).isEmpty();
    assertThat(versions()).containsExactly("1");
  }

  @Test
  void whenTheProgramHasEndedTheContainerEndsAtOnceAndLeavesNoPart() throws Exception {
    applied();
    hold();
    Cli.Running run = cli.start("run");
    awaitDump();
    run.kill();
    List<ProcessHandle> children = sidecar.descendants().toList();
    sidecar.destroy(); // SIGTERM, as Kubernetes does then
    assertThat(sidecar.waitFor(2, TimeUnit.SECONDS)).isTrue();
    assertThat(sidecar.exitValue()).isZero();
    assertThat(parts()).isEmpty();
    children.forEach(ProcessHandle::destroyForcibly);
    Files.delete(folder.resolve("hold"));

    sidecar = sidecar(server.bin());
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(versions()).containsExactly("1", "2");
    assertThat(dumps()).hasSize(1);
  }

  @Test
  void eightPodsThatAreKilledInTheirDumpLeaveNothing() throws Exception {
    applied();
    hold();
    for (int i = 0; i < 8; i++) {
      Cli.Running run = cli.start("run");
      awaitDump();
      run.kill();
      kill();
      assertThat(parts()).hasSize(1);
      Files.delete(folder.resolve("dumping"));
      empty(requests); // each pod has its own
      sidecar = sidecar(server.bin());
    }
    Files.delete(folder.resolve("hold"));
    assertThat(cli.run("run")).exited(ExitCode.OK);
    assertThat(versions()).containsExactly("1", "2");
    assertThat(dumps()).hasSize(1);
    assertThat(parts()).isEmpty();
  }

  @Test
  void anIdleContainerEndsAtOnce() throws Exception {
    for (String signal : List.of("TERM", "INT", "QUIT")) {
      Eventually.within(LIMIT, "it waits", () -> sidecar.descendants().findAny().isPresent());
      new ProcessBuilder("kill", "-" + signal, String.valueOf(sidecar.pid())).start().waitFor();
      assertThat(sidecar.waitFor(2, TimeUnit.SECONDS)).as(signal).isTrue();
      assertThat(sidecar.exitValue()).isZero();
      sidecar = sidecar(server.bin());
    }
  }

  @Test
  void nobodyMigratesBetweenTheDumpAndTheMigration() throws Exception {
    applied();
    hold();
    CompletableFuture<CliResult> run = cli.runInBackground("run");
    awaitDump();
    Cli.Running other = cli.without("LEARNFLOW_DB_DUMP_REQUESTS").start("migrate");
    other.awaitOnStderr("waiting for another migrator");
    assertThat(versions()).containsExactly("1");
    Files.delete(folder.resolve("hold"));
    assertThat(run.get(1, TimeUnit.MINUTES)).exited(ExitCode.OK);
    assertThat(other.await()).exited(ExitCode.OK).says("nothing to do");
    assertThat(versions()).containsExactly("1", "2");
  }

  @Test
  void aConnectionThatIsLostInTheDumpMeansAnotherDump() throws Exception {
    applied();
    hold();
    CompletableFuture<CliResult> run = cli.runInBackground("run");
    awaitDump();
    String terminated =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s'"
            .formatted(database.name());
    assertThat(database.query(PostgresServer.ADMIN, terminated + " AND pid <> pg_backend_pid()"))
        .isNotEqualTo(List.of("0"));
    Eventually.within(LIMIT, "it requests another", () -> requested() == 2);
    Files.delete(folder.resolve("hold"));
    assertThat(run.get(1, TimeUnit.MINUTES)).exited(ExitCode.OK).says("the connection was lost");
    assertThat(versions()).containsExactly("1", "2");
    assertThat(dumps()).isNotEmpty();
  }

  /** Its new connections are refused while the migrator's session still lives. */
  @Test
  void aServerThatEndsInTheDumpMeansAnotherDump() throws Exception {
    applied();
    program(
        "pg_dump",
        """
        case $1 in --version) exec "%1$s/pg_dump" "$@" ;; esac
        mkdir "%2$s/refused" 2>/dev/null || exec "%1$s/pg_dump" "$@"
        exit 1
        """
            .formatted(server.bin(), folder));
    CompletableFuture<CliResult> run = cli.runInBackground("run");
    Eventually.within(LIMIT, "it is refused", () -> Files.exists(folder.resolve("refused")));
    TimeUnit.SECONDS.sleep(1);
    assertThat(
            database.query(
                PostgresServer.ADMIN,
                "SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity WHERE datname = '%s' AND pid <> pg_backend_pid()"
                    .formatted(database.name())))
        .containsExactly("t");
    assertThat(run.get(1, TimeUnit.MINUTES)).exited(ExitCode.OK).says("the connection was lost");
    assertThat(versions()).containsExactly("1", "2");
    assertThat(dumps()).hasSize(1);
  }

  @Test
  void eightRunsAtOnceDumpOnce() throws Exception {
    applied();
    List<Cli.Running> runs = IntStream.range(0, 8).mapToObj(i -> cli.start("run")).toList();
    for (Cli.Running run : runs) {
      assertThat(run.await()).exited(ExitCode.OK);
    }
    assertThat(versions()).containsExactly("1", "2");
    assertThat(dumps()).hasSize(1);
    assertThat(parts()).isEmpty();
  }

  /** The container beside it may read fewer passwords. */
  @Test
  void aLinkIsNotFollowed() throws Exception {
    applied();
    kill();
    Path secret = Files.writeString(folder.resolve("secret"), "the admin's password\n");
    CompletableFuture<CliResult> run = cli.runInBackground("run");
    Eventually.within(LIMIT, "it requests a dump", () -> requested() == 1);
    String number = names(requests, ".request").getFirst().replace(".request", "");
    Files.createSymbolicLink(requests.resolve(number + ".log"), secret);
    assertThat(run.get(1, TimeUnit.MINUTES))
        .exited(ExitCode.REFUSED)
        .says("no dump was created")
        .doesNotSay("the admin's password");
    assertThat(versions()).containsExactly("1");
  }

  @Test
  void noAnswerIsAFailure() throws Exception {
    applied();
    kill();
    Files.writeString(requests.resolve("file"), "");
    Cli elsewhere = cli.with("LEARNFLOW_DB_DUMP_REQUESTS", requests.resolve("file").toString());
    assertThat(elsewhere.run("run"))
        .exited(ExitCode.REFUSED)
        .says("no dump was created", "no migration was applied");
    assertThat(versions()).containsExactly("1");
  }
}

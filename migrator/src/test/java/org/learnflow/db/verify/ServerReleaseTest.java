package org.learnflow.db.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** That a server lacks published fixes is said. */
class ServerReleaseTest {
  private static final LocalDate TODAY = LocalDate.of(2026, 11, 28);

  private static Properties known() throws Exception {
    Properties known = new Properties();
    try (Reader file =
        Files.newBufferedReader(TestFiles.repository().resolve("tools/versions.properties"))) {
      known.load(file);
    }
    return known;
  }

  private static int newestMinor(int major) throws Exception {
    return Integer.parseInt(
        known().getProperty("postgresql.%d.release".formatted(major)).replaceFirst("^\\d+\\.", ""));
  }

  private static String lack(int major, int minor, LocalDate today) {
    return new ServerRelease(major, minor, "%d.%d".formatted(major, minor)).lack(today).orElse("");
  }

  @EverySupportedVersion
  void theNewestMinorIsUpToDateAndEveryOlderOneIsCounted(int major) throws Exception {
    int newest = newestMinor(major);
    assertThat(lack(major, newest, TODAY)).isEmpty();
    assertThat(lack(major, newest + 1, TODAY)).as("newer than known").isEmpty();
    assertThat(lack(major, newest - 1, TODAY))
        .startsWith("1 minor version behind %d.%d,".formatted(major, newest))
        .contains("docs/how-to/postgresql-images.md");
    assertThat(lack(major, 0, TODAY))
        .startsWith("%d minor versions behind %d.%d,".formatted(newest, major, newest));
  }

  @EverySupportedVersion
  void theDayAfterTheLastOneIsOutOfSupport(int major) throws Exception {
    LocalDate end = LocalDate.parse(known().getProperty("postgresql.%d.end".formatted(major)));
    int newest = newestMinor(major);
    assertThat(lack(major, newest, end)).isEmpty();
    assertThat(lack(major, newest, end.plusDays(1)))
        .contains("out of support since " + end, "docs/how-to/major-upgrade.md")
        .doesNotContain("behind");
    assertThat(lack(major, newest - 2, end.plusDays(1)))
        .contains("out of support since " + end, "it is 2 minor versions behind");
  }

  @ParameterizedTest
  @CsvSource({
    "14, 24, major version 14 is out of support",
    "19, 1, this program does not know major version 19",
    "0, 0, out of support"
  })
  void aMajorVersionThatIsNotKnownIsSaid(int major, int minor, String words) {
    assertThat(lack(major, minor, TODAY)).contains(words);
  }

  @Test
  void aServerThatIsUpToDateHasNoWarningEvenIfItIsRequired() throws Exception {
    assertThat(new ServerRelease(17, newestMinor(17), "17.12 (Debian 17.12-1)").stage(true))
        .isEqualTo(StageResult.good("version", "PostgreSQL 17.12 (Debian 17.12-1)"));
  }

  @EverySupportedVersion
  void verifyAndStatusSayItAndARequirementMakesItUnhealthy(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).withRoles();
    Cli cli = database.cli().with("LEARNFLOW_DB_SEEDS", "none");
    assertThat(cli.run("run")).exited(ExitCode.OK);
    ServerRelease server;
    try (var connection = database.connect(database.owner())) {
      server = ServerRelease.of(connection);
    }
    assertThat(server.major()).isEqualTo(major);
    String lack = server.lack(LocalDate.now(ZoneOffset.UTC)).orElse("");
    String line =
        "%s version: PostgreSQL %s%s"
            .formatted(
                lack.isEmpty() ? "✓" : "!", server.text(), lack.isEmpty() ? "" : ": " + lack);
    CliResult verify = cli.run("verify");
    assertThat(verify).exited(ExitCode.OK).answers("healthy");
    assertThat(verify.out()).contains(line);
    assertThat(cli.run("status").out().lines().filter(text -> text.startsWith("Outdated:")))
        .containsExactlyElementsOf(lack.isEmpty() ? List.of() : List.of("Outdated:    " + lack));
    assertThat(cli.with("LEARNFLOW_DB_REQUIRE_NEWEST_MINOR", "true").run("verify").out())
        .contains((lack.isEmpty() ? "✓" : "✗") + " version: PostgreSQL " + major);
    for (String command : new String[] {"verify", "run", "reconcile"}) {
      CliResult required = cli.run(command, "--require-newest-minor");
      assertThat(required).exited(lack.isEmpty() ? ExitCode.OK : ExitCode.FAILED);
      assertThat(required.out())
          .contains(lack.isEmpty() ? "healthy" : "unhealthy: version: PostgreSQL ");
    }
  }
}

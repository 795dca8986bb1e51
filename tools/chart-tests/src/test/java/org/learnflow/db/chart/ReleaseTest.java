package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import lib.Failure;
import lib.Programs;
import lib.Programs.Result;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import release.Changelog;
import release.Changelog.Change;
import release.ChartPackage;
import release.Version;

/**
 * What tools/Release.java is made of, and what there is no release of; the release itself is made,
 * pushed and installed by ReleasedTest of e2e.
 */
class ReleaseTest {
  private static final String CHANGELOG =
      """
      # Changelog

      ## [Unreleased]
      ### Added
      - Something new.

      ## [1.2.3] - 2026-01-02
      ### Added
      - `a` does
        this ([README.md](docs/README.md), [web](https://example.org)).
      - `b`.

      ### Removed
      - `c`.

      ## [1.2.2] - 2026-01-01
      ### Fixed
      - Something old.
      """;

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"0.1.0", "1.2.3", "10.20.30", "1.2.3-rc.1", "1.2.3-0.a-b.7"})
  void versions(String text) {
    assertThat(new Version(text).isPrerelease()).isEqualTo(text.contains("-"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "1",
        "1.2",
        "v1.2.3",
        "01.2.3",
        "1.2.3-",
        "1.2.3-01",
        "1.2.3+build",
        "1.2.3 ",
        "latest",
        "1.2.3-a..b",
        "../1.2.3",
        "1.2.3\n",
        "g1a2b3c4",
        "v1.2.3-5-g1a2b3c4-dirty"
      })
  void whatIsNoVersionIsRefused(String text) {
    assertThatThrownBy(() -> new Version(text))
        .isInstanceOf(Failure.class)
        .hasMessageContainingAll("is not a version", "nothing was built", "make release VERSION=");
  }

  @Test
  void theChangelogSaysWhatIsNew() throws IOException {
    Changelog changelog = new Changelog(Files.writeString(directory.resolve("c.md"), CHANGELOG));
    Version version = new Version("1.2.3");
    assertThat(changelog.changes(version))
        .containsExactly(
            new Change(
                "added",
                "`a` does this ([README.md](https://github.com/learnflow/learnflow-db/blob/v1.2.3/docs/README.md),"
                    + " [web](https://example.org))."),
            new Change("added", "`b`."),
            new Change("removed", "`c`."));
    assertThat(changelog.notes(version)).startsWith("### Added\n").endsWith("- `c`.\n");
    assertThat(changelog.changes(new Version("2.0.0-rc.1")))
        .containsExactly(new Change("added", "Something new."));
    assertThatThrownBy(() -> changelog.notes(new Version("1.2.4")))
        .isInstanceOf(Failure.class)
        .hasMessageContainingAll("says nothing about 1.2.4", "## [1.2.4] - DATE");
  }

  @Test
  void theChartNamesWhatIsReleasedAndKeepsItsComments() throws IOException {
    ChartPackage chart = new ChartPackage(Repository.CHART, directory.resolve("chart"));
    chart.setValue("migrator.image.digest", "sha256:0");
    for (ChartPackage.Image image : ChartPackage.IMAGES) {
      chart.setValue(image.path() + ".tag", image.name() + "@sha256:1");
    }
    assertThatThrownBy(() -> chart.setValue("migrator.image.digits", "1"))
        .hasMessageContaining("has no value migrator.image.digits");
    Version version = new Version("1.2.3-rc.1");
    chart.describe(
        version, Map.of("one", "example.org/one:1"), List.of(new Change("added", "a: \"b\"")));

    Path folder = directory.resolve("chart");
    List<String> before = Files.readAllLines(Repository.CHART.resolve("values.yaml"));
    List<String> after = Files.readAllLines(folder.resolve("values.yaml"));
    assertThat(after).hasSameSizeAs(before);
    List<String> changed = after.stream().filter(line -> !before.contains(line)).toList();
    assertThat(changed)
        .containsExactly(
            "    digest: \"sha256:0\"",
            "    tag: \"postgres-exporter@sha256:1\"",
            "    tag: \"postgresql@sha256:1\"");
    var annotations = Repository.yaml(folder.resolve("Chart.yaml")).path("annotations");
    assertThat(annotations.path("artifacthub.io/prerelease").asText()).isEqualTo("true");
    assertThat(annotations.path("artifacthub.io/images").asText()).contains("example.org/one:1");
    assertThat(annotations.path("artifacthub.io/changes").asText()).contains("a: \\\"b\\\"");
    assertThat(Files.readString(folder.resolve("README.md")))
        .doesNotContain("](../")
        .contains("](https://github.com/learnflow/learnflow-db/blob/v1.2.3-rc.1/docs/");
  }

  /** A repository of its own, and what the check of the real one says about it. */
  private Result check(String version) throws Exception {
    ProcessBuilder check =
        new ProcessBuilder(
                Programs.jdk("java"), Repository.ROOT.resolve("tools/ReleaseCheck.java").toString())
            .directory(directory.toFile());
    check.environment().put("VERSION", version);
    return Programs.attempt(check);
  }

  @BeforeEach
  void repository() throws Exception {
    Files.writeString(directory.resolve("CHANGELOG.md"), CHANGELOG);
    Path chart = Files.createDirectories(directory.resolve("charts/learnflow-db"));
    Files.writeString(chart.resolve("Chart.yaml"), "name: a\nversion: 1.2.3\nappVersion: 1.2.3\n");
    git("init", "--quiet");
    git("add", ".");
    commit();
  }

  private void commit() throws Exception {
    git(
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "a");
  }

  private void git(String... words) throws Exception {
    Programs.run(
        new ProcessBuilder(Stream.concat(Stream.of("git"), Arrays.stream(words)).toList())
            .directory(directory.toFile()));
  }

  @Test
  void whatCannotBeReleasedIsSaidBeforeAnythingIsBuilt() throws Exception {
    assertThat(check("1.2.3").exit()).isZero();
    assertThat(check("1.3.0-rc.1").exit()).isZero();
    assertThat(check("1.2.2").errors()).contains("Chart.yaml is not of version 1.2.2");
    assertThat(check("1.2.4").errors()).contains("says nothing about 1.2.4");
    assertThat(check("1.2").errors()).contains("\"1.2\" is not a version");
    git("tag", "v1.2.3");
    assertThat(check("1.2.3").exit()).isZero();
    commit();
    assertThat(check("1.2.3").errors())
        .contains("v1.2.3 is the tag of another commit", "Next: git checkout v1.2.3");
    Files.writeString(directory.resolve("new"), "");
    Result dirty = check("1.3.0-rc.1");
    assertThat(dirty.exit()).isEqualTo(1);
    assertThat(dirty.errors()).contains("?? new", "nothing was built", "commit or stash");
  }
}

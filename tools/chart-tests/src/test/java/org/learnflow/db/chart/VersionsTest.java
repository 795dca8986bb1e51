package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever names a supported version names that of tools/versions.properties. */
class VersionsTest {
  private static final Properties PROMISED = promised();

  private static Properties promised() {
    Properties properties = new Properties();
    try (Reader reader =
        Files.newBufferedReader(Repository.ROOT.resolve("tools/versions.properties"))) {
      properties.load(reader);
      return properties;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String version(String name) {
    return PROMISED.getProperty(name);
  }

  private static String text(String file) {
    return Repository.read(Repository.ROOT.resolve(file));
  }

  private static String[] majors() {
    return IntStream.rangeClosed(
            Integer.parseInt(version("postgresql.oldest")),
            Integer.parseInt(version("postgresql.newest")))
        .mapToObj(String::valueOf)
        .toArray(String[]::new);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "README.md",
        "ARCHITECTURE.md",
        "docs/how-to/external-database.md",
        "docs/reference/versions.md"
      })
  void documentsNameThePostgresqlThatIsSupported(String file) {
    assertThat(text(file))
        .contains(
            "PostgreSQL %s to %s"
                .formatted(version("postgresql.oldest"), version("postgresql.newest")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"README.md", "docs/how-to/install.md", "docs/reference/versions.md"})
  void documentsNameTheKubernetesAndHelmThatAreSupported(String file) {
    assertThat(text(file))
        .contains("Kubernetes %s or later".formatted(version("kubernetes.oldest")))
        .contains(
            "Helm %s or later, or Helm %s"
                .formatted(version("helm.oldest"), version("helm.newest")));
  }

  @Test
  void theChartRefusesOlderKubernetes() {
    assertThat(Repository.yaml(Repository.CHART.resolve("Chart.yaml")).path("kubeVersion").asText())
        .isEqualTo(">=%s.0-0".formatted(version("kubernetes.oldest")));
  }

  @Test
  void manifestsAreCheckedForTheOldestAndTheNewestKubernetes() {
    assertThat(text("tools/chart-tests/pom.xml"))
        .contains("<kubernetes.oldest>" + version("kubernetes.oldest") + ".")
        .contains("<kubernetes.newest>" + version("kubernetes.newest") + ".");
  }

  @Test
  void theProgramWarnsOfOtherPostgresql() {
    assertThat(text("migrator/src/main/java/org/learnflow/db/connect/Readiness.java"))
        .contains("OLDEST_VERSION = %s;".formatted(version("postgresql.oldest")))
        .contains("NEWEST_VERSION = %s;".formatted(version("postgresql.newest")));
  }

  @Test
  void theNewestReleaseOfEveryPostgresqlIsKnown() {
    for (String major : majors()) {
      assertThat(version("postgresql.%s.release".formatted(major))).matches(major + "\\.\\d+");
      assertThat(version("postgresql.%s.end".formatted(major))).matches("20\\d\\d-11-\\d\\d");
    }
  }

  @Test
  void theChartsDefaultImageIsTheNewestRelease() {
    var image = Repository.yaml(Repository.CHART.resolve("values.yaml")).at("/postgresql/image");
    assumeThat(image.path("repository").asText()).endsWith("library/postgres");
    String tag = image.path("tag").asText();
    assertThat(tag)
        .startsWith(
            version("postgresql.%s.release".formatted(tag.replaceFirst("\\..*", ""))) + "-");
  }

  @Test
  void everyPostgresqlIsTested() throws IOException {
    assertThat(text("migrator/pom.xml"))
        .contains(
            Stream.of(majors())
                .map(major -> "<postgresql%1$s.version>%1$s.".formatted(major))
                .toArray(String[]::new));
    try (Stream<Path> clients = Files.list(Repository.ROOT.resolve("tools/postgresql"))) {
      assertThat(clients.map(file -> file.getFileName().toString().replace(".txt", "")))
          .containsExactlyInAnyOrder(majors());
    }
  }

  @Test
  void everyHelmIsTested() {
    assertThat(text("tools/go/helm/go.mod"))
        .contains("helm.sh/helm/v%s ".formatted(version("helm.newest")));
    assertThat(text("tools/go/helm3/go.mod")).contains("helm.sh/helm/v3 ");
  }
}

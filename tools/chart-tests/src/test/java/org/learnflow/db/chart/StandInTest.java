package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The stand-in knows every value that is set, and so does the real chart. */
class StandInTest {
  /** Values below postgresql that are the umbrella's own. */
  private static final List<String> OURS =
      List.of("/image/acceptStart", "/image/acceptFrozen", "/serverTls");

  @Test
  void everyValueThatIsSetIsKnownToTheStandIn() throws IOException {
    assertThat(unknown(Repository.yaml(Repository.STAND_IN.resolve("values.yaml")))).isEmpty();
  }

  @Test
  void everyValueOfTheStandInIsKnownToTheRealChart() {
    assumeRealChart();
    List<String> unknown = new ArrayList<>();
    unknown("", Repository.yaml(Repository.STAND_IN.resolve("values.yaml")), realValues(), unknown);
    assertThat(unknown).containsExactly("/enabled");
  }

  @Test
  void everyValueThatIsSetIsKnownToTheRealChart() throws IOException {
    assumeRealChart();
    assertThat(unknown(realValues())).containsOnly("/enabled");
  }

  /** The same objects under the same names, selected by the same labels. */
  @Test
  void theStandInMakesTheObjectsOfTheRealChart(@org.junit.jupiter.api.io.TempDir Path directory) {
    assumeRealChart();
    for (String environment : List.of("values-dev.yaml", "values-prod.yaml")) {
      List<String> real = objects(System.getProperty("postgresql.chart"), environment);
      assertThat(objects(Repository.STAND_IN.toString(), environment)).isEqualTo(real);
    }
  }

  /**
   * The subchart alone, with the values that the umbrella gives it, but for the start script, which
   * is the umbrella's.
   */
  private static List<String> objects(String chart, String environment) {
    try {
      Path file = Files.createTempFile("postgresql", ".yaml");
      JsonNode ours = Repository.yaml(Repository.CHART.resolve("values.yaml")).path("postgresql");
      JsonNode theirs = Repository.yaml(Repository.CHART.resolve(environment)).path("postgresql");
      JsonNode all = Repository.JSON.readerForUpdating(ours.deepCopy()).readValue(theirs);
      ((ObjectNode) all.path("primary"))
          .remove(List.of("command", "extraVolumes", "extraVolumeMounts"));
      Files.writeString(file, Repository.YAML.writeValueAsString(all));
      String text =
          Repository.tool(
                  "helm",
                  "template",
                  "r",
                  chart,
                  "--namespace",
                  "postgres",
                  "--set",
                  "global.security.allowInsecureImages=true",
                  "--values",
                  file.toString())
              .successful();
      Files.delete(file);
      return Repository.yaml(text).stream()
          .map(object ->
              Rendering.name(object)
                  + " "
                  + object.at("/spec/selector")
                  + object.at("/spec/podSelector")
                  + object.at("/spec/volumeClaimTemplates/0/metadata/name")
                  + object.at("/spec/ports/0/port"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void assumeRealChart() {
    assumeThat(System.getProperty("postgresql.chart"))
        .as("give one: make test-chart POSTGRESQL_CHART=postgresql-16.7.27.tgz")
        .isNotEmpty();
  }

  private static JsonNode realValues() {
    return Repository.yaml(
            Repository.tool("helm", "show", "values", System.getProperty("postgresql.chart"))
                .successful())
        .getFirst();
  }

  /** What our values files set under postgresql, and {@code known} does not have. */
  private static List<String> unknown(JsonNode known) throws IOException {
    List<String> unknown = new ArrayList<>();
    for (Path file : valuesFiles()) {
      unknown("", Repository.yaml(file).path("postgresql"), known, unknown);
    }
    unknown.removeAll(OURS);
    return unknown;
  }

  private static List<Path> valuesFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    for (String directory : List.of("", "ci", "tests/values")) {
      try (Stream<Path> found = Files.list(Repository.CHART.resolve(directory))) {
        found
            .filter(
                file -> file.getFileName().toString().matches("(values.*|.*values|[a-z-]+)\\.yaml"))
            .filter(file -> !file.endsWith("Chart.yaml"))
            .forEach(files::add);
      }
    }
    return files;
  }

  private static void unknown(String path, JsonNode set, JsonNode known, List<String> found) {
    set.properties()
        .forEach(entry -> {
          String child = path + "/" + entry.getKey();
          JsonNode counterpart = known.path(entry.getKey());
          if (counterpart.isMissingNode()) {
            found.add(child);
          } else if (!counterpart.isEmpty()) {
            unknown(child, entry.getValue(), counterpart, found);
          }
        });
  }
}

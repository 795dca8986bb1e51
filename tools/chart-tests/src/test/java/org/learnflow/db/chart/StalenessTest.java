package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import release.ChartPackage;

/** What is written twice, or generated, says the same everywhere. */
class StalenessTest {
  private static final JsonNode CHART = Repository.yaml(Repository.CHART.resolve("Chart.yaml"));
  private static final JsonNode VALUES = Repository.yaml(Repository.CHART.resolve("values.yaml"));

  @Test
  void theSeedSetsOfTheChartAreTheDirectories() throws IOException {
    String sets = String.join(",", names(Repository.ROOT.resolve("seeds")));
    assertThat(annotation("learnflow.org/seed-sets")).isEqualTo(sets);
    JsonNode schema =
        Repository.json(Repository.read(Repository.CHART.resolve("values.schema.json")));
    assertThat(schema.at("/properties/seeds/properties/sets/items/enum"))
        .extracting(JsonNode::asText)
        .containsExactlyInAnyOrder(sets.split(","));
  }

  @Test
  void theImagesOfTheChartAreThoseOfTheValues() throws IOException {
    List<String> images = new ArrayList<>();
    images.add("learnflow-db " + image("migrator.image", CHART.path("appVersion").asText()));
    for (ChartPackage.Image image : ChartPackage.IMAGES) {
      String path = image.path();
      images.add(image.name() + " " + image(path, value(path + ".tag")));
    }
    assertThat(Repository.YAML.readTree(annotation("artifacthub.io/images")))
        .extracting(image -> image.path("name").asText() + " " + image.path("image").asText())
        .containsExactlyElementsOf(images);
  }

  /** What is tested on a cluster of this machine is what the chart installs. */
  @Test
  void theTestsExporterIsThatOfTheChart() {
    String tag = value("metrics.image.tag");
    assertThat(Repository.read(Repository.ROOT.resolve("tools/go/postgres_exporter/go.mod")))
        .contains("prometheus-community/postgres_exporter " + tag);
    assertThat(
            Repository.read(
                Repository.ROOT.resolve("tools/images/postgres-exporter/image.properties")))
        .contains("tag = " + image("metrics.image", tag));
  }

  private static String image(String path, String tag) {
    return "%s/%s:%s".formatted(value(path + ".registry"), value(path + ".repository"), tag);
  }

  private static String value(String path) {
    return VALUES.at("/" + path.replace('.', '/')).asText();
  }

  /** As Helm's resolver does it: the digest of both lists of dependencies, as JSON. */
  @Test
  void theLockFilesDigestIsRight() throws IOException, GeneralSecurityException {
    JsonNode lock = Repository.yaml(Repository.CHART.resolve("Chart.lock"));
    String json =
        Repository.JSON.writeValueAsString(List.of(dependencies(CHART), dependencies(lock)));
    String digest =
        HexFormat.of()
            .formatHex(
                MessageDigest.getInstance("SHA-256").digest(json.getBytes(StandardCharsets.UTF_8)));
    assertThat(lock.path("digest").asText()).isEqualTo("sha256:" + digest);
    assertThat(lock.at("/dependencies/0/version")).isEqualTo(CHART.at("/dependencies/0/version"));
  }

  private static List<ObjectNode> dependencies(JsonNode chart) {
    return Stream.of(chart.at("/dependencies/0"))
        .map(dependency -> {
          ObjectNode ordered = Repository.JSON.createObjectNode();
          for (String key : List.of("name", "version", "repository", "condition")) {
            if (dependency.has(key)) {
              ordered.set(key, dependency.get(key));
            }
          }
          return ordered;
        })
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"charts/learnflow-db", "e2e/stand-in/postgresql"})
  void theReadmeIsAsItIsGenerated(String chart) {
    String readme =
        Repository.tool(
                "helm-docs",
                "--log-level",
                "warning",
                "--chart-search-root",
                chart,
                "--sort-values-order",
                "file",
                "--dry-run")
            .successful();
    assertThat(Repository.read(Repository.ROOT.resolve(chart).resolve("README.md")).strip())
        .as(chart + "/README.md is out of date: run make generate and commit it")
        .isEqualTo(readme.strip());
  }

  @ParameterizedTest
  @ValueSource(strings = {"charts/learnflow-db", "e2e/stand-in/postgresql"})
  void theSchemaIsAsItIsGenerated(String chart, @TempDir Path directory) {
    Path generated = directory.resolve("values.schema.json");
    Repository.run(
            Repository.ROOT.resolve(chart),
            List.of(
                Repository.ROOT.resolve("tools/bin/helm-values-schema-json").toString(),
                "--output",
                generated.toString()))
        .successful();
    assertThat(Repository.read(Repository.ROOT.resolve(chart).resolve("values.schema.json")))
        .as(chart + "/values.schema.json is out of date: run make generate and commit it")
        .isEqualTo(Repository.read(generated));
  }

  @Test
  void theRootsValuesFilesAreTheChartsOwn() throws IOException {
    for (String file : List.of("values-dev.yaml", "values-prod.yaml")) {
      assertThat(Repository.ROOT.resolve(file).toRealPath())
          .isEqualTo(Repository.CHART.resolve(file).toRealPath());
    }
  }

  private static String annotation(String name) {
    return CHART.path("annotations").path(name).asText();
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}

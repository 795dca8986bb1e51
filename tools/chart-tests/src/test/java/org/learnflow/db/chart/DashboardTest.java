package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The dashboard is made of its description, and asks for what there is. */
class DashboardTest {
  private static final Path FILE = Repository.CHART.resolve("files/dashboard.json");
  private static final Path QUERIES = Repository.CHART.resolve("files/metrics.yaml");
  private static final Path PAGE = Repository.ROOT.resolve("docs/how-to/monitoring.md");
  private static final Path PICTURE = Repository.ROOT.resolve("docs/dashboard.svg");
  private static final Dashboard DASHBOARD =
      new Dashboard(Repository.yaml(Repository.ROOT.resolve("tools/dashboard/dashboard.yaml")));

  private static final Pattern METRIC = Pattern.compile("\\b[a-z_]+(?=\\{)");
  private static final Pattern OURS = Pattern.compile("`(learnflow_db_[a-z_]+)");

  /** Of postgres_exporter's collectors, as its v0.19.1 names them, and of the kubelet. */
  private static final Set<String> OTHERS =
      Set.of(
          "pg_up",
          "pg_database_size_bytes",
          "pg_replication_lag_seconds",
          "pg_stat_database_blks_hit",
          "pg_stat_database_blks_read",
          "pg_stat_database_xact_commit",
          "pg_stat_database_xact_rollback",
          "pg_wal_size_bytes",
          "kubelet_volume_stats_available_bytes",
          "kubelet_volume_stats_capacity_bytes");

  /** With {@code -Dgenerate=true}: writes it instead. */
  @Test
  void theFileIsAsItIsGenerated() throws IOException {
    if (Boolean.getBoolean("generate")) {
      Files.writeString(FILE, DASHBOARD.json());
    } else {
      assertThat(Repository.read(FILE))
          .as(FILE + " is out of date: run make generate and commit it")
          .isEqualTo(DASHBOARD.json());
    }
  }

  /** The legends in it look like templates of Helm. */
  @Test
  void theChartHasTheFileAsItIs() {
    JsonNode object =
        Repository.yaml(
                new Rendering(List.of())
                    .text(
                        "helm",
                        "--set=metrics.enabled=true",
                        "--set=metrics.dashboard.enabled=true"))
            .stream()
            .filter(each -> Rendering.name(each).equals("ConfigMap/learnflow-db-dashboard"))
            .findFirst()
            .orElseThrow();
    assertThat(object.path("data").path("learnflow-db.json").asText().strip())
        .contains("\"{{stage}}\"")
        .isEqualTo(Repository.read(FILE).strip());
  }

  @Test
  void everyQueryParses(@TempDir Path directory) throws IOException {
    List<Map<String, String>> rules =
        queries()
            .map(query -> query.replace("$__rate_interval", "5m"))
            .map(query -> Map.of("record", "query", "expr", query))
            .toList();
    Path file = directory.resolve("rules.yaml");
    Files.writeString(
        file,
        Repository.YAML.writeValueAsString(
            Map.of("groups", List.of(Map.of("name", "queries", "rules", rules)))));
    // Its other linters look for rules that are the same.
    assertThat(
            Repository.tool("promtool", "check", "rules", "--lint=none", file.toString())
                .successful())
        .contains(rules.size() + " rules found");
  }

  @Test
  void everyMetricIsDocumented() {
    Set<String> known = new HashSet<>(documented());
    known.addAll(OTHERS);
    assertThat(queries().flatMap(query -> matches(METRIC, query, 0)))
        .contains("learnflow_db_verify_healthy")
        .isSubsetOf(known);
  }

  @Test
  void everyDocumentedMetricIsOneOfTheExporter() {
    assertThat(documented())
        .containsExactlyInAnyOrderElementsOf(
            Repository.yaml(QUERIES).properties().stream()
                .flatMap(query ->
                    stream(query.getValue().path("metrics"))
                        .flatMap(metric -> metric.properties().stream())
                        .filter(metric ->
                            !metric.getValue().path("usage").asText().matches("LABEL|DISCARD"))
                        .map(metric -> query.getKey() + "_" + metric.getKey()))
                .collect(Collectors.toCollection(TreeSet::new)));
  }

  /** Grafana would show one of two panels with the same id, and moves those that overlap. */
  @Test
  void panelsDifferAndDoNotOverlap() {
    assertThat(panels().map(panel -> panel.path("id").asInt())).doesNotHaveDuplicates();
    assertThat(panels().flatMap(panel -> cells(panel.path("gridPos")))).doesNotHaveDuplicates();
    assertThat(panels().map(panel -> panel.path("gridPos")))
        .allMatch(place -> place.path("x").asInt() + place.path("w").asInt() <= 24);
  }

  /** Without a Prometheus only its panels can be compared. */
  @Test
  void thePictureHasEveryPanel() {
    String picture = Repository.read(PICTURE);
    assertThat(panels().map(panel -> panel.path("title").asText()))
        .as(PICTURE + " is out of date: run make picture-dashboard and commit it")
        .isNotEmpty()
        .allMatch(title ->
            picture.contains(">" + title + "</text>")
                || picture.contains(">▾ " + title + "</text>"));
  }

  private static Stream<String> cells(JsonNode place) {
    return Stream.iterate(place.path("y").asInt(), y -> y + 1)
        .limit(place.path("h").asInt())
        .flatMap(y ->
            Stream.iterate(place.path("x").asInt(), x -> x + 1)
                .limit(place.path("w").asInt())
                .map(x -> x + "," + y));
  }

  private static Stream<JsonNode> panels() {
    return stream(Repository.json(DASHBOARD.json()).path("panels"));
  }

  private static Stream<String> queries() {
    return panels()
        .flatMap(panel -> stream(panel.path("targets")))
        .map(target -> target.path("expr").asText());
  }

  private static Set<String> documented() {
    return matches(OURS, Repository.read(PAGE), 1).collect(Collectors.toSet());
  }

  private static Stream<String> matches(Pattern pattern, String text, int group) {
    return pattern.matcher(text).results().map((MatchResult found) -> found.group(group));
  }

  private static Stream<JsonNode> stream(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false);
  }
}

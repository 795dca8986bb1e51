package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import lib.Programs.Result;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The alerts fire when they should, as Prometheus itself evaluates them, and each has its page in
 * docs/runbooks.
 */
class AlertsTest {
  private static final Path TESTS = Repository.CHART.resolve("tests/alerts");
  private static final String RUNBOOKS = "docs/runbooks/";
  private static final String URL =
      "https://github.com/learnflow/learnflow-db/blob/main/" + RUNBOOKS;

  /** Those that a release with everything has. */
  private static final JsonNode RULES =
      new Rendering(List.of("values-prod.yaml"))
          .text(
              "helm",
              "--show-only=templates/prometheusrule.yaml",
              "--set=metrics.enabled=true",
              "--set=metrics.prometheusRule.enabled=true",
              "--set=backup.drill.schedule=@weekly",
              "--set=backup.offsite.bucket=backups")
          .transform(text -> Repository.yaml(text).getFirst())
          .path("spec");

  @TempDir private Path directory;

  @Test
  void theyAreValid() throws IOException {
    Path rules = Files.writeString(directory.resolve("rules.yaml"), RULES.toString());
    Result result =
        Repository.tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", "" + rules);
    assertThat(result.exit()).as(result.said()).isZero();
    assertThat(RULES.toString()).doesNotContainPattern("[A-Z]_[A-Z]|SERIES|CLAIMS|RELEASE");
  }

  /** Their tests know the description of an alert; summary and page are compared below. */
  @Test
  void theyFireWhenTheyShould() throws IOException {
    JsonNode rules = RULES.deepCopy();
    rules.findValues("annotations").stream()
        .map(ObjectNode.class::cast)
        .forEach(annotations -> annotations.retain("description"));
    Files.writeString(directory.resolve("rules.yaml"), rules.toString());
    List<String> command = new ArrayList<>(List.of("test", "rules"));
    for (Path file : tests()) {
      command.add(Files.copy(file, directory.resolve(file.getFileName())).toString());
    }
    Result result = Repository.tool("promtool", command.toArray(String[]::new));
    assertThat(result.exit()).as(result.said()).isZero();
  }

  @Test
  void eachFiresInOneTestAndNotInAnother() throws IOException {
    Set<String> firing = new TreeSet<>();
    Set<String> silent = new TreeSet<>();
    for (Path file : tests()) {
      for (JsonNode one : cases(Repository.yaml(file))) {
        String name = one.path("alertname").asText();
        JsonNode expected = one.path("exp_alerts");
        expected.forEach(
            alert -> firing.add(name + " " + alert.at("/exp_labels/severity").asText()));
        if (expected.isEmpty()) {
          silent.add(name);
        }
      }
    }
    assertThat(firing)
        .isEqualTo(names(rule -> name(rule) + " " + rule.at("/labels/severity").asText()));
    assertThat(silent).isEqualTo(names(AlertsTest::name));
  }

  private static List<JsonNode> cases(JsonNode file) {
    return file.findValues("alert_rule_test").stream().flatMap(AlertsTest::stream).toList();
  }

  @Test
  void eachSaysWhatItIsAboutAndWhereToRead() {
    assertThat(rules())
        .allSatisfy(rule -> {
          JsonNode annotations = rule.path("annotations");
          assertThat(annotations.path("summary").asText())
              .contains("learnflow-db in postgres")
              .endsWith(".");
          assertThat(annotations.path("description").asText()).endsWith(".");
          assertThat(rule.at("/labels/severity").asText()).isIn("warning", "critical");
          assertThat(rule.path("for").asText()).isNotEmpty();
        });
  }

  @Test
  void eachHasAPageAndEachPageAnAlert() throws IOException {
    Path folder = Repository.ROOT.resolve(RUNBOOKS);
    try (Stream<Path> pages = Files.list(folder)) {
      assertThat(
              pages
                  .map(page -> URL + page.getFileName())
                  .filter(page -> !page.endsWith("/README.md")))
          .containsExactlyInAnyOrderElementsOf(
              names(rule -> rule.at("/annotations/runbook_url").asText()));
    }
  }

  /** Who is woken by an alert searches for its name. */
  @Test
  void theTableOfRunbooksHasAllOfThemWithTheirSeverities() {
    String table = Repository.read(Repository.ROOT.resolve(RUNBOOKS + "README.md"));
    for (String name : names(AlertsTest::name)) {
      JsonNode rule = rules().filter(one -> name(one).equals(name)).findFirst().orElseThrow();
      String page = rule.at("/annotations/runbook_url").asText().substring(URL.length());
      String severities =
          rules()
              .filter(one -> name(one).equals(name))
              .map(one -> one.at("/labels/severity").asText())
              .sorted()
              .collect(Collectors.joining(", "));
      assertThat(table).contains("| [%s](%s) | %s |".formatted(name, page, severities));
      assertThat(Repository.read(Repository.ROOT.resolve(RUNBOOKS + page)))
          .startsWith("# " + name + "\nRead this when ")
          .containsSubsequence(
              "\n## What it means\n",
              "\n## How to look\n",
              "\n## What to do\n",
              "\n## When it is over\n");
    }
  }

  private static List<Path> tests() throws IOException {
    try (Stream<Path> files = Files.list(TESTS)) {
      return files.sorted().toList();
    }
  }

  private static Stream<JsonNode> rules() {
    return stream(RULES.at("/groups/0/rules"));
  }

  private static String name(JsonNode rule) {
    return rule.path("alert").asText();
  }

  private static Set<String> names(Function<JsonNode, String> text) {
    return rules().map(text).collect(Collectors.toCollection(TreeSet::new));
  }

  private static Stream<JsonNode> stream(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false);
  }
}

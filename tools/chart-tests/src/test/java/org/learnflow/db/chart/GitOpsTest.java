package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The examples for Argo CD and Flux fit the chart. */
class GitOpsTest {
  private static final Path EXAMPLES = Repository.ROOT.resolve("examples");
  private static final JsonNode CHART = Repository.yaml(Repository.CHART.resolve("Chart.yaml"));
  private static final JsonNode PROJECT = object("argocd/project.yaml", "AppProject");

  /** An example that deploys the chart, and where it says what. */
  private enum Example {
    ARGOCD_DEV("argocd/application-dev.yaml", "Application"),
    ARGOCD_PROD("argocd/application-prod.yaml", "Application"),
    FLUX_DEV("flux/dev.yaml", "HelmRelease"),
    FLUX_PROD("flux/prod.yaml", "HelmRelease");

    private final JsonNode object;

    Example(String file, String kind) {
      object = object(file, kind);
    }

    private boolean isArgoCd() {
      return name().startsWith("ARGOCD");
    }

    /**
     * As the file has them; relative to the chart's directory for Argo CD, to the root for Flux.
     */
    private List<Path> valuesFiles() {
      Path base = isArgoCd() ? Repository.CHART : Repository.ROOT;
      return StreamSupport.stream(
              object
                  .at(isArgoCd() ? "/spec/source/helm/valueFiles" : "/spec/chart/spec/valuesFiles")
                  .spliterator(),
              false)
          .map(file -> base.resolve(file.asText()))
          .toList();
    }

    private JsonNode inlineValues() {
      return object.at(isArgoCd() ? "/spec/source/helm/valuesObject" : "/spec/values");
    }

    private Path chart() {
      return Repository.ROOT.resolve(
          object.at(isArgoCd() ? "/spec/source/path" : "/spec/chart/spec/chart").asText());
    }

    private String namespace() {
      return object.at(isArgoCd() ? "/spec/destination/namespace" : "/metadata/namespace").asText();
    }

    private String release() {
      return object.at(isArgoCd() ? "/spec/source/helm/releaseName" : "/metadata/name").asText();
    }

    private List<JsonNode> render(Path directory) throws IOException {
      Path inline = directory.resolve("values.yaml");
      Files.writeString(inline, Repository.YAML.writeValueAsString(inlineValues()));
      List<String> words = new ArrayList<>(List.of("template", release(), chart().toString()));
      words.addAll(List.of("--namespace", namespace()));
      Stream.concat(valuesFiles().stream(), Stream.of(inline))
          .forEach(file -> words.addAll(List.of("--values", file.toString())));
      return Repository.yaml(Repository.tool("helm", words.toArray(String[]::new)).successful());
    }
  }

  @ParameterizedTest
  @EnumSource
  void theExampleRendersTheChartUnderItsUsualName(Example example, @TempDir Path directory)
      throws IOException {
    assertThat(example.chart()).isEqualTo(Repository.CHART);
    assertThat(example.valuesFiles()).isNotEmpty().allMatch(Files::exists);
    assertThat(example.inlineValues().isMissingNode()).isFalse();
    assertThat(example.render(directory))
        .extracting(Rendering::name)
        .contains(
            "Job/learnflow-db-migrate",
            "ConfigMap/learnflow-db-release",
            "CronJob/learnflow-db-reconcile");
  }

  /** No more and no less: what Argo CD's project allows is what both environments need. */
  @Test
  void theProjectAllowsTheKindsThatAreRendered(@TempDir Path directory) throws IOException {
    Set<String> rendered = new TreeSet<>();
    for (Example example : List.of(Example.ARGOCD_DEV, Example.ARGOCD_PROD)) {
      for (JsonNode object : example.render(directory)) {
        String version = object.path("apiVersion").asText();
        int slash = version.indexOf('/');
        rendered.add(
            (slash < 0 ? "" : version.substring(0, slash + 1)) + object.path("kind").asText());
      }
    }
    Set<String> allowed = new TreeSet<>();
    PROJECT
        .at("/spec/namespaceResourceWhitelist")
        .forEach(kind -> {
          String group = kind.path("group").asText();
          allowed.add((group.isEmpty() ? "" : group + "/") + kind.path("kind").asText());
        });
    assertThat(allowed).isEqualTo(rendered).isEqualTo(kindsOfTheReadme());
    assertThat(PROJECT.at("/spec/clusterResourceWhitelist")).isEmpty();
  }

  private static Set<String> kindsOfTheReadme() {
    String readme = Repository.read(EXAMPLES.resolve("argocd/README.md"));
    Matcher section =
        Pattern.compile("^## What the project allows$(.*?)^## ", Pattern.DOTALL | Pattern.MULTILINE)
            .matcher(readme);
    assertThat(section.find()).isTrue();
    return Pattern.compile("`([^`]+)`")
        .matcher(section.group(1))
        .results()
        .map(result -> result.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * Every namespace that the chart renders into is one that the project allows, and that is made.
   */
  @ParameterizedTest
  @EnumSource
  void everyNamespaceIsThere(Example example, @TempDir Path directory) throws IOException {
    String folder = example.isArgoCd() ? "argocd" : "flux";
    assertThat(example.render(directory))
        .extracting(object -> object.at("/metadata/namespace").asText())
        .isSubsetOf(texts(objects(folder + "/namespaces.yaml").stream(), "/metadata/name"));
    if (example.isArgoCd()) {
      assertThat(example.render(directory))
          .extracting(object -> object.at("/metadata/namespace").asText())
          .isSubsetOf(texts(stream(PROJECT.at("/spec/destinations")), "/namespace"));
    }
  }

  /** The Jobs end first, and say why; then the controller gives up. */
  @ParameterizedTest
  @EnumSource(names = {"FLUX_DEV", "FLUX_PROD"})
  void fluxWaitsLongerThanAnyHook(Example example, @TempDir Path directory) throws IOException {
    Duration timeout = Duration.parse("PT" + example.object.at("/spec/timeout").asText());
    assertThat(example.render(directory))
        .filteredOn(object -> object.path("kind").asText().equals("Job"))
        .isNotEmpty()
        .allSatisfy(job ->
            assertThat(Duration.ofSeconds(job.at("/spec/activeDeadlineSeconds").asLong()))
                .isPositive()
                .isLessThan(timeout));
  }

  @Test
  void productionIsTheTagOfThisVersion() {
    String tag = "v" + CHART.path("version").asText();
    assertThat(Example.ARGOCD_PROD.object.at("/spec/source/targetRevision").asText())
        .isEqualTo(tag);
    assertThat(object("flux/prod.yaml", "GitRepository").at("/spec/ref/tag").asText())
        .isEqualTo(tag);
  }

  @Test
  void everyRepositoryIsTheProjectsOwn() throws IOException {
    String repository = CHART.path("home").asText() + ".git";
    Set<String> found = new TreeSet<>();
    for (JsonNode object : everyObject()) {
      for (String field : List.of("/spec/source/repoURL", "/spec/url", "/spec/sourceRepos/0")) {
        if (!object.at(field).isMissingNode()) {
          found.add(object.at(field).asText());
        }
      }
    }
    assertThat(found).containsExactly(repository);
  }

  /** Nothing is passed over: neither controller sees a difference. */
  @Test
  void noDifferenceIsIgnored() throws IOException {
    assertThat(everyObject())
        .isNotEmpty()
        .allSatisfy(object -> {
          assertThat(object.at("/spec/ignoreDifferences").isMissingNode()).isTrue();
          assertThat(object.at("/spec/driftDetection/ignore").isMissingNode()).isTrue();
        });
  }

  private static List<JsonNode> everyObject() throws IOException {
    List<JsonNode> objects = new ArrayList<>();
    for (String folder : List.of("argocd", "flux")) {
      try (Stream<Path> files = Files.walk(EXAMPLES.resolve(folder))) {
        files
            .filter(file -> file.toString().endsWith(".yaml"))
            .forEach(file -> objects.addAll(Repository.yaml(Repository.read(file))));
      }
    }
    return objects;
  }

  private static List<JsonNode> objects(String file) {
    return Repository.yaml(Repository.read(EXAMPLES.resolve(file)));
  }

  /** The first object of a kind in a file. */
  private static JsonNode object(String file, String kind) {
    return objects(file).stream()
        .filter(object -> object.path("kind").asText().equals(kind))
        .findFirst()
        .orElseThrow();
  }

  private static Stream<JsonNode> stream(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false);
  }

  private static List<String> texts(Stream<JsonNode> nodes, String pointer) {
    return nodes.map(node -> node.at(pointer).asText()).toList();
  }
}

package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import lib.Programs.Result;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is rendered is what Kubernetes knows, in the oldest and in the newest supported version. */
class ManifestsTest {
  private static final String SCHEMA_FILE = "/{{ .ResourceKind }}{{ .KindSuffix }}.json";

  @TempDir private Path directory;

  @TempDir private Path customResources;

  @ParameterizedTest
  @ValueSource(strings = {"kubernetes.oldest", "kubernetes.newest"})
  void everyManifestOfEveryRenderingIsValid(String which) throws IOException {
    String version = System.getProperty(which);
    int objects = 0;
    for (Rendering rendering : Rendering.all().toList()) {
      String text = rendering.text("helm", "--kube-version", version);
      Files.writeString(directory.resolve(rendering.toString().replace('/', '-')), text);
      objects += Repository.yaml(text).size();
    }
    Result result = kubeconform(version);
    assertThat(result.exit()).as(result.said()).isZero();
    assertThat(Repository.json(result.output()).at("/summary/valid").asInt()).isEqualTo(objects);
  }

  /** The check itself can fail. */
  @Test
  void aMisspeltFieldIsFound() throws IOException {
    String version = System.getProperty("kubernetes.newest");
    String text =
        new Rendering(List.of()).text().replace("enableServiceLinks:", "enableServiceLink:");
    Files.writeString(directory.resolve("misspelt.yaml"), text);
    Result result = kubeconform(version);
    assertThat(result.exit()).isNotZero();
    assertThat(result.output()).contains("enableServiceLink");
  }

  @Test
  void everyExampleIsValid() throws IOException {
    try (Stream<Path> files = Files.walk(Repository.ROOT.resolve("examples"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".yaml")).toList()) {
        String name = file.getFileName().toString();
        if (!name.startsWith("values") && !name.equals("Chart.yaml")) {
          Files.copy(file, directory.resolve(file.getParent().getFileName() + "-" + name));
        }
      }
    }
    CustomResourceSchemas.write(customResources);
    Result result = kubeconform(System.getProperty("kubernetes.newest"));
    assertThat(result.exit()).as(result.said()).isZero();
    assertThat(Repository.json(result.output()).at("/summary/valid").asInt()).isPositive();
  }

  /** The schemas of Argo CD, Flux and CloudNativePG can fail too. */
  @ParameterizedTest
  @CsvSource({
    "argocd/application-prod.yaml, releaseName:, release:",
    "argocd/project.yaml, namespaceResourceWhitelist:, namespaceResources:",
    "flux/prod.yaml, disableWait:, dontWait:",
    "flux/prod.yaml, ref:, reference:",
    "cloudnative-pg/cluster.yaml, enableSuperuserAccess:, superuserAccess:"
  })
  void aMisspeltFieldOfAnExampleIsFound(String example, String right, String wrong)
      throws IOException {
    CustomResourceSchemas.write(customResources);
    String text = Repository.read(Repository.ROOT.resolve("examples").resolve(example));
    assertThat(text).contains(right);
    Files.writeString(directory.resolve("misspelt.yaml"), text.replace(right, wrong));
    Result result = kubeconform(System.getProperty("kubernetes.newest"));
    assertThat(result.exit()).isNotZero();
    assertThat(result.output()).contains(wrong.replace(":", ""));
  }

  /** An old Kubernetes is refused by its version, not by an error of the API server. */
  @Test
  void aKubernetesThatIsTooOldIsRefused() {
    Result result =
        Repository.tool(
            "helm", "template", "r", Repository.CHART.toString(), "--kube-version", "1.28.0");
    assertThat(result.errors()).contains("chart requires kubeVersion: >=1.29");
  }

  /** Checks all files in the directory. */
  private Result kubeconform(String version) throws IOException {
    return Repository.tool(
        "kubeconform",
        "-strict",
        "-summary",
        "-output",
        "json",
        "-schema-location",
        KubernetesSchemas.of(version) + SCHEMA_FILE,
        "-schema-location",
        customResources + SCHEMA_FILE,
        directory.toString());
  }
}

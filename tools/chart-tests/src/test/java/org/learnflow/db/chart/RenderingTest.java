package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What whole renderings promise. */
class RenderingTest {
  private static final Rendering DEFAULTS = new Rendering(List.of());

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void twoRenderingsAreTheSameBytes(Rendering rendering) {
    assertThat(rendering.text()).isEqualTo(rendering.text());
  }

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void helm3AndHelm4RenderTheSameObjects(Rendering rendering) {
    assertThat(
            Repository.yaml(
                rendering.text("helm3", "--kube-version", System.getProperty("kubernetes.newest"))))
        .isEqualTo(rendering.objects());
  }

  /**
   * Without the dummy password Bitnami's chart fails here, since a first install that failed left
   * no Secret.
   */
  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void anUpgradeRendersTheSameObjectsAlsoWhereTheSecretIsNotThereYet(Rendering rendering) {
    assertThat(Repository.yaml(rendering.text("helm", "--is-upgrade")))
        .isEqualTo(rendering.objects());
  }

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void noPasswordAndNoSecretIsInAnyManifest(Rendering rendering) {
    String dummy =
        Repository.yaml(Repository.CHART.resolve("values.yaml"))
            .at("/postgresql/auth/password")
            .asText();
    assertThat(dummy).isNotEmpty();
    String text = rendering.text();
    assertThat(text).doesNotContain(dummy);
    assertThat(rendering.objects())
        .extracting(object -> object.path("kind").asText())
        .doesNotContain("Secret");
    for (Rendering.Pod pod : rendering.pods()) {
      pod.containers()
          .flatMap(container -> StreamSupport.stream(container.path("env").spliterator(), false))
          .filter(variable -> variable.path("name").asText().contains("PASSWORD"))
          .forEach(variable ->
              assertThat(variable.path("value").asText())
                  .as(pod.name() + " " + variable.path("name").asText())
                  .startsWith("/"));
    }
    assertThat(Pattern.compile("://[^/@\\s]*:[^/@\\s]*@").matcher(text).find())
        .as("a password in a URI")
        .isFalse();
  }

  /**
   * Argo CD with label tracking takes the claim, which gets the release's name as a label, for a
   * part of an Application of that name.
   */
  @Test
  void theClaimOfTheDataIsNeitherPrunedNorDeletedByArgoCd() {
    assertThat(DEFAULTS.objects())
        .filteredOn(object -> object.path("kind").asText().equals("StatefulSet"))
        .singleElement()
        .satisfies(set ->
            assertThat(
                    set.at("/spec/volumeClaimTemplates/0/metadata/annotations")
                        .path("argocd.argoproj.io/sync-options")
                        .asText())
                .isEqualTo("Prune=false,Delete=false"));
  }

  @Test
  void hooksRunInTheOrderOfTheDesign() {
    assertThat(hooks("pre-install"))
        .containsExactly(
            "NetworkPolicy/learnflow-db-hooks",
            "Role/learnflow-db-credentials",
            "RoleBinding/learnflow-db-credentials",
            "ServiceAccount/learnflow-db-credentials",
            "Pod/learnflow-db-image-pull-and-credentials");
    assertThat(hooks("pre-upgrade")).isEqualTo(hooks("pre-install"));
    assertThat(hooks("post-install")).containsExactly("Job/learnflow-db-migrate");
    assertThat(hooks("post-upgrade")).isEqualTo(hooks("post-install"));
    assertThat(hooks("test")).containsExactly("Pod/learnflow-db-verify");
  }

  /** By weight, then by name, as Helm 4 runs them. */
  private static List<String> hooks(String event) {
    return DEFAULTS.objects().stream()
        .filter(object -> List.of(hook(object).split(",")).contains(event))
        .sorted(
            Comparator.comparingInt((JsonNode object) ->
                    object.at("/metadata/annotations").path("helm.sh/hook-weight").asInt())
                .thenComparing(Rendering::name))
        .map(Rendering::name)
        .toList();
  }

  private static String hook(JsonNode object) {
    return object.at("/metadata/annotations").path("helm.sh/hook").asText();
  }

  /**
   * Argo CD passes over what it does not know in a list, but hides an object that has no other
   * hook.
   */
  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void everyHookIsOneThatArgoCdKnows(Rendering rendering) {
    assertThat(rendering.objects())
        .extracting(object -> hook(object).replace(",post-rollback", ""))
        .flatExtracting(hooks -> List.of(hooks.split(",")))
        .isSubsetOf("", "pre-install", "pre-upgrade", "post-install", "post-upgrade", "test");
  }

  /**
   * Flux's helm-controller crashes on the annotation; that the chart leaves it out there, where
   * Helm is built in, is what helm-unittest says, which has it built in too.
   */
  @ParameterizedTest
  @ValueSource(strings = {"helm", "helm3"})
  void helmsOwnProgramPrintsTheLogOfAPodThatFailed(String helm) {
    assertThat(
            Repository.yaml(
                DEFAULTS.text(helm, "--kube-version", System.getProperty("kubernetes.newest"))))
        .filteredOn(object -> hook(object).contains("install"))
        .filteredOn(object -> object.path("kind").asText().matches("Job|Pod"))
        .hasSize(2)
        .allSatisfy(object ->
            assertThat(
                    object
                        .at("/metadata/annotations")
                        .path("helm.sh/hook-output-log-policy")
                        .asText())
                .isEqualTo("hook-failed"));
  }

  /** Argo CD syncs by itself where an object differs, and does not look at hooks. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "migrator.image.tag=new",
        "migrator.deadlineSeconds=1000",
        "migrator.lockTimeout=1s",
        "migrator.resources.limits.memory=1Gi",
        "migrator.podAnnotations.a=b",
        "migrator.image.checkSeconds=100",
        "seeds.mode=update",
        "seeds.sets={reference,sample}",
        "backup.beforeMigrate=true",
        "networkPolicy.apiServer.cidrs={10.0.0.1/32}"
      })
  void whatChangesAHookChangesAnOrdinaryObject(String value) {
    assertThat(release(DEFAULTS.text("helm", "--set", value)).at("/data/hooks"))
        .isNotEqualTo(release(DEFAULTS.text()).at("/data/hooks"));
  }

  private static JsonNode release(String rendering) {
    return Repository.yaml(rendering).stream()
        .filter(object -> Rendering.name(object).equals("ConfigMap/learnflow-db-release"))
        .findFirst()
        .orElseThrow();
  }

  /** What it is made of: every hook but those that Argo CD does not know. */
  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void theDigestOfTheHooksIsOfAllThatArgoCdRuns(Rendering rendering) {
    String templates = Repository.read(Repository.CHART.resolve("templates/release.yaml"));
    Pattern source = Pattern.compile("^# Source: learnflow-db/templates/(\\S+)\\.yaml$");
    for (String document : rendering.text().split("(?m)^---$")) {
      Optional<String> file =
          document
              .lines()
              .map(source::matcher)
              .filter(Matcher::matches)
              .findFirst()
              .map(m -> m.group(1));
      for (JsonNode object : Repository.yaml(document)) {
        String hook = hook(object);
        if (file.isPresent() && hook.matches("(pre|post)-(install|upgrade).*")) {
          assertThat(templates).contains('"' + file.get() + '"');
        }
      }
    }
  }

  @Test
  void whatNeitherWaitsNorRunsIsNoHook() {
    Set<String> ordinary =
        Set.of(
            "ConfigMap/learnflow-db-owner",
            "ConfigMap/learnflow-db-release",
            "ServiceAccount/learnflow-db-migrate",
            "Role/learnflow-db-migrate-publish",
            "RoleBinding/learnflow-db-migrate-publish");
    assertThat(DEFAULTS.objects())
        .filteredOn(object -> ordinary.contains(Rendering.name(object)))
        .hasSize(ordinary.size())
        .allMatch(object -> hook(object).isEmpty());
  }

  static Stream<Rendering> external() {
    return Rendering.all().filter(rendering -> rendering.toString().contains("external"));
  }

  @ParameterizedTest
  @MethodSource("external")
  void anExternalDatabaseRendersNothingOfBitnami(Rendering rendering) {
    assertThat(rendering.objects())
        .allMatch(object ->
            object
                .at("/metadata/labels")
                .path("app.kubernetes.io/name")
                .asText()
                .equals("learnflow-db"));
  }

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void everyObjectSaysItsNamespace(Rendering rendering) {
    assertThat(rendering.objects())
        .allSatisfy(object ->
            assertThat(object.at("/metadata/namespace").asText())
                .as(Rendering.name(object))
                .isNotEmpty());
  }

  /**
   * Longer names than these are refused by the API server: those of Jobs are labels of their pods.
   */
  @Test
  void theLongestReleaseNameLeavesRoomForEveryName() {
    String longest = "a".repeat(51);
    String text =
        Repository.tool("helm", "template", longest, Repository.CHART.toString()).successful();
    assertThat(Repository.yaml(text))
        .filteredOn(object ->
            !Set.of("ConfigMap", "Pod", "Role", "RoleBinding")
                .contains(object.path("kind").asText()))
        .allSatisfy(object ->
            assertThat(object.at("/metadata/name").asText()).hasSizeLessThanOrEqualTo(63));
  }
}

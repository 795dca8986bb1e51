package org.learnflow.db.chart;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every pod of every rendering is what the Pod Security Standard "restricted" asks for, and
 * somewhat more. Source: Kubernetes documentation, "Pod Security Standards".
 */
class SecurityTest {
  private static final String EXPORTER = "Deployment/learnflow-db-metrics";

  /** The only ones that call the Kubernetes API. */
  private static final Set<String> WITH_TOKEN =
      Set.of(
          "Pod/learnflow-db-image-pull-and-credentials",
          "Pod/learnflow-db-image-pull-and-checks",
          "CronJob/learnflow-db-reconcile",
          "Job/learnflow-db-migrate");

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void everyContainerIsRestricted(Rendering rendering) {
    assertThat(rendering.pods()).isNotEmpty();
    for (Rendering.Pod pod : rendering.pods()) {
      pod.containers()
          .forEach(container -> {
            var security = container.path("securityContext");
            var podSecurity = pod.spec().path("securityContext");
            assertThat(security.path("allowPrivilegeEscalation").asBoolean(true))
                .as(pod.name())
                .isFalse();
            assertThat(security.path("readOnlyRootFilesystem").asBoolean()).as(pod.name()).isTrue();
            assertThat(security.at("/capabilities/drop").toString())
                .as(pod.name())
                .isEqualTo("[\"ALL\"]");
            assertThat(security.at("/capabilities/add").isMissingNode()).as(pod.name()).isTrue();
            assertThat(
                    security.path("runAsNonRoot").asBoolean()
                        || podSecurity.path("runAsNonRoot").asBoolean())
                .as(pod.name())
                .isTrue();
            assertThat(
                    security.at("/seccompProfile/type").asText()
                        + podSecurity.at("/seccompProfile/type").asText())
                .as(pod.name())
                .isEqualTo("RuntimeDefault");
          });
    }
  }

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void everyContainerHasRequestsAndLimits(Rendering rendering) {
    for (Rendering.Pod pod : rendering.pods()) {
      pod.containers()
          .forEach(container -> {
            for (String kind : new String[] {"requests", "limits"}) {
              for (String resource : new String[] {"cpu", "memory", "ephemeral-storage"}) {
                assertThat(container.path("resources").path(kind).path(resource).asText())
                    .as("%s %s %s", pod.name(), kind, resource)
                    .isNotEmpty();
              }
            }
          });
    }
  }

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void aTokenIsMountedOnlyWhereTheApiIsCalled(Rendering rendering) {
    for (Rendering.Pod pod : rendering.pods()) {
      boolean mounted = pod.spec().path("automountServiceAccountToken").asBoolean(true);
      boolean given =
          pod.containers()
              .anyMatch(
                  container -> pod.sources(container, "serviceAccountToken").findAny().isPresent());
      assertThat(mounted || given).as(pod.name()).isEqualTo(WITH_TOKEN.contains(pod.name()));
    }
    assertThat(rendering.objects())
        .filteredOn(object -> object.path("kind").asText().equals("ServiceAccount"))
        .allSatisfy(account ->
            assertThat(account.path("automountServiceAccountToken").asBoolean(true)).isFalse());
  }

  /** Its server needs the admin's password to begin, and gets no token either. */
  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void anotherImageThanTheMigratorsGetsNoTokenAndOnePasswordAtMost(Rendering rendering) {
    JsonNode release = release(rendering);
    String owner =
        release.path("credentials-secret").asText()
            + "/"
            + release.path("owner-password-key").asText();
    String monitoring =
        release.path("credentials-secret").asText() + "/service-monitoring-password";
    for (Rendering.Pod pod : rendering.pods()) {
      foreign(release, pod)
          .forEach(container -> {
            assertThat(pod.spec().path("automountServiceAccountToken").asBoolean(true))
                .as(pod.name())
                .isFalse();
            assertThat(pod.sources(container, "serviceAccountToken")).as(pod.name()).isEmpty();
            if (!pod.name().startsWith("StatefulSet/")) {
              String password = pod.name().equals(EXPORTER) ? monitoring : owner;
              assertThat(pod.secrets(container))
                  .as(pod.name())
                  // Which of a service's two roles is published, not its password.
                  .filteredOn(secret -> !secret.matches(".*/service-[-a-z0-9]+-user"))
                  .isSubsetOf(password, "ca.crt");
              assertThat(container.path("env").toString()).doesNotContain("secretKeyRef");
              assertThat(container.has("envFrom")).as(pod.name()).isFalse();
            }
          });
    }
  }

  /** None of them escapes the test above. */
  @Test
  void otherImagesServeDumpLendTheirProgramsAndExportMetrics() {
    assertThat(
            Rendering.all()
                .flatMap(rendering -> {
                  JsonNode release = release(rendering);
                  return rendering.pods().stream()
                      .filter(pod -> foreign(release, pod).findAny().isPresent())
                      .map(Rendering.Pod::name);
                }))
        .containsOnly(
            "StatefulSet/postgres",
            "Pod/learnflow-db-image-pull-and-credentials",
            "Pod/learnflow-db-image-pull-and-checks",
            "Job/learnflow-db-migrate",
            "CronJob/learnflow-db-backup",
            "CronJob/learnflow-db-drill",
            EXPORTER);
  }

  private static JsonNode release(Rendering rendering) {
    return rendering.object("ConfigMap/learnflow-db-release").path("data");
  }

  /** Containers of another image than the migrator's. */
  private static Stream<JsonNode> foreign(JsonNode release, Rendering.Pod pod) {
    return pod.containers()
        .filter(container -> !container.path("image").equals(release.path("migrator-image")));
  }

  @ParameterizedTest
  @MethodSource("org.learnflow.db.chart.Rendering#all")
  void noRuleIsAWildcardAndNoneIsForTheWholeCluster(Rendering rendering) {
    assertThat(rendering.objects())
        .filteredOn(object -> object.path("kind").asText().matches("(Cluster)?Role(Binding)?"))
        .allSatisfy(object -> {
          assertThat(object.path("kind").asText()).doesNotStartWith("Cluster");
          assertThat(object.path("rules").toString()).doesNotContain("*");
        });
  }

  /** Images of docker.io/bitnami under a version's tag are gone since September 2025. */
  @Test
  void noSwitchOfPostgresqlsChartPullsAnImageThatIsGone() {
    String text =
        new Rendering(List.of("values-prod.yaml"))
            .text(
                "helm",
                "--set",
                "postgresql.tls.enabled=true,postgresql.tls.certificatesSecret=tls",
                "--set",
                "postgresql.image.acceptFrozen=true,postgresql.serverTls.enabled=false",
                "--set",
                "postgresql.tls.certFilename=tls.crt,postgresql.tls.certKeyFilename=tls.key",
                "--set",
                "postgresql.volumePermissions.enabled=true,postgresql.metrics.enabled=true");
    assertThat(text)
        .contains("docker.io/bitnamilegacy/os-shell:")
        .doesNotContain("docker.io/bitnami/");
  }
}

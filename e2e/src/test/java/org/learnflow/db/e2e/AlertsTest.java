package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.LocalPortForward;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The chart's alerts in a Prometheus that fetches a release's metrics. */
@ExtendWith(Workspaces.class)
@Tag("alerts")
class AlertsTest {
  private static final Duration SOON = Duration.ofSeconds(60);

  @Test
  @DisplayName(
      "Prometheus: of a database that is down, unhealthy or changed by hand, and of a transaction that does not end, the alert fires, and it ends when that is repaired")
  void alerts(Workspace workspace, @TempDir Path folder) throws Exception {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    String values =
        "metrics.enabled=true,metrics.verifySchedule=@yearly,metrics.prometheusRule.thresholds.transactionSeconds=5";
    release.upgradeInstall("--set", values).successful();
    Pods pods = new Pods(workspace.client());
    Jobs jobs = new Jobs(workspace, namespace);
    try (LocalPortForward exporter = release.exporter();
        Prometheus prometheus =
            Prometheus.start(folder, exporter.getLocalPort(), namespace, rules(release, values))) {
      prometheus.await("LearnflowDbDown", false, SOON);
      assertThat(prometheus.firing()).isEmpty();

      pods.sql(namespace, "learnflow", "CREATE INDEX by_hand ON users (id)");
      jobs.runNow(Release.NAME + "-verify", "drift", 120);
      prometheus.await("LearnflowDbDrift", true, SOON);
      pods.sql(namespace, "learnflow", "DROP INDEX by_hand");
      jobs.runNow(Release.NAME + "-verify", "no-drift", 120);
      prometheus.await("LearnflowDbDrift", false, SOON);

      pods.sql(namespace, "learnflow", "ALTER ROLE learnflow_user CREATEDB");
      jobs.start(Release.NAME + "-verify", "unhealthy");
      jobs.awaitFailed("unhealthy", 120);
      prometheus.await("LearnflowDbUnhealthy", true, SOON);
      pods.sql(namespace, "learnflow", "ALTER ROLE learnflow_user NOCREATEDB");
      jobs.runNow(Release.NAME + "-verify", "healthy", 120);
      prometheus.await("LearnflowDbUnhealthy", false, SOON);

      CompletableFuture<Void> old =
          CompletableFuture.runAsync(
              () -> pods.sql(namespace, "learnflow", "SELECT pg_sleep(120)"));
      prometheus.await("LearnflowDbOldTransaction", true, SOON);
      pods.sql(
          namespace,
          "learnflow",
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(%'");
      prometheus.await("LearnflowDbOldTransaction", false, SOON);
      assertThat(old).failsWithin(SOON);

      release.statefulSet().scale(0);
      prometheus.await("LearnflowDbDown", true, SOON);
      release.statefulSet().scale(1);
      prometheus.await("LearnflowDbDown", false, SOON);
      assertThat(prometheus.firing()).isEmpty();
    }
  }

  /** The rules as rendered, but each fires at once. */
  private static String rules(Release release, String values) {
    String rendered =
        release
            .template("--set", values + ",metrics.prometheusRule.enabled=true")
            .successful()
            .output();
    Map<String, Object> spec =
        List.of(rendered.split("(?m)^---$")).stream()
            .filter(document -> document.contains("kind: PrometheusRule"))
            .map(document -> Serialization.unmarshal(document, GenericKubernetesResource.class))
            .<Map<String, Object>>map(rule -> rule.get("spec"))
            .findFirst()
            .orElseThrow();
    return Serialization.asYaml(spec).replaceAll("(?m)^( +)for: .*$", "$1for: 0s");
  }
}

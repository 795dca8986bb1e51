package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.LocalPortForward;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What Prometheus would fetch of a release. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class MetricsTest {
  /** A kubelet looks at a Secret again within a minute or so. */
  private static final Duration NEW_PASSWORD = Duration.ofSeconds(180);

  private static final Duration SOON = Duration.ofSeconds(60);

  /** Its scrape_timeout, unless somebody sets another. */
  private static final Duration PROMETHEUS_WAITS = Duration.ofSeconds(10);

  private static final String UP = "pg_up";
  private static final String SCRAPE_ERROR = "pg_exporter_last_scrape_error";

  @Test
  @DisplayName(
      "prod: helm --wait ends with metrics; they say what was verified, drift, dumps and that the database is down; the exporter takes up the passwords of two rotations; without metrics it is gone")
  void metrics(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    String[] options = {
      "--set", "metrics.enabled=true,metrics.verifySchedule=@yearly", "--wait", "--timeout", "5m"
    };
    release.upgradeInstall(options).successful();
    await(release, SOON, UP, 1);
    assertThat(metrics(release))
        .containsEntry(SCRAPE_ERROR, 0.0)
        .containsEntry("learnflow_db_verify_healthy", 1.0)
        .containsEntry("learnflow_db_run_failed{command=\"run\"}", 0.0)
        .doesNotContainKey("learnflow_db_dump_bytes{kind=\"scheduled\"}");

    Pods pods = new Pods(workspace.client());
    pods.sql(namespace, "learnflow", "CREATE INDEX by_hand ON users (id)");
    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.runNow(Release.NAME + "-verify", "look", 120)).contains("healthy");
    assertThat(metrics(release))
        .containsEntry("learnflow_db_verify_drift_objects", 1.0)
        .containsEntry("learnflow_db_verify_stage{stage=\"drift\"}", 1.0)
        .hasEntrySatisfying(
            "learnflow_db_verify_certificate_expires_timestamp_seconds",
            end -> assertThat(end).isGreaterThan(System.currentTimeMillis() / 1e3));
    jobs.runNow(Release.NAME + "-backup", "dump", 120);
    assertThat(metrics(release))
        .containsEntry("learnflow_db_dump_restored{kind=\"scheduled\"}", 0.0);

    for (int rotation = 1; rotation <= 2; rotation++) {
      release.learnflowDb("credentials", "rotate", "--yes", "--service", "monitoring").successful();
    }
    pods.sql(
        namespace,
        "learnflow",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'learnflow_monitoring%'");
    await(release, NEW_PASSWORD, UP, 1);
    assertThat(release.learnflowDb("verify").output()).contains("service monitoring");

    release.statefulSet().scale(0);
    await(release, SOON, UP, 0);
    release.statefulSet().scale(1);
    await(release, SOON, UP, 1);

    release.upgradeInstall().successful();
    assertThat(
            workspace
                .client()
                .apps()
                .deployments()
                .inNamespace(namespace)
                .withName(Release.NAME + "-metrics")
                .get())
        .isNull();
  }

  @Test
  @DisplayName(
      "the exporter logs in with a password of all sorts of characters, and does not print it; while tables and the catalog are locked, it answers in time")
  void oddCharacters(Workspace workspace) {
    String namespace = workspace.restricted();
    String password = " two words, @/:%?&=+\"'#\\$ and an end ";
    workspace.makeSecret(
        namespace,
        "mine",
        Map.of(
            "postgres-password",
            "first",
            "password",
            "second",
            "app-password",
            "third",
            "service-monitoring-password",
            password));
    Release release = new Release(workspace, "helm", namespace, "values-dev.yaml");
    release
        .upgradeInstall(
            "--set",
            "metrics.enabled=true,metrics.verifySchedule=",
            "--set",
            "credentials.existingSecret=mine,postgresql.auth.existingSecret=mine")
        .successful();
    await(release, SOON, UP, 1);
    assertThat(metrics(release)).containsEntry("learnflow_db_run_failed{command=\"run\"}", 0.0);
    Pods pods = new Pods(workspace.client());
    List<Pod> exporters =
        workspace
            .client()
            .pods()
            .inNamespace(namespace)
            .withLabel("app.kubernetes.io/component", "metrics")
            .list()
            .getItems();
    assertThat(exporters)
        .singleElement()
        .satisfies(pod ->
            assertThat(pods.log(pod))
                .contains("queries.yaml")
                .doesNotContain("two words", "ERROR"));

    String old = "learnflow_db_server_oldest_transaction_seconds";
    CompletableFuture<String> tables =
        pods.lock(namespace, "users, learnflow_db.runs, learnflow_db.seed_sets", 20);
    Eventually.within(
        SOON, "the tables are locked", () -> inTime(release).getOrDefault(old, 0.0) > 0);
    assertThat(inTime(release))
        .containsEntry(UP, 1.0)
        .containsEntry(SCRAPE_ERROR, 0.0)
        .containsEntry("learnflow_db_verify_healthy", 1.0)
        .hasEntrySatisfying(old, age -> assertThat(age).isPositive());
    assertThat(tables).isNotDone();
    tables.join();

    CompletableFuture<String> catalog = pods.lock(namespace, "pg_catalog.pg_class", 30);
    Eventually.within(
        Duration.ofSeconds(30),
        "the catalog is locked",
        () -> inTime(release).getOrDefault(SCRAPE_ERROR, 0.0) == 1);
    assertThat(inTime(release)).containsEntry(UP, 1.0).containsEntry(SCRAPE_ERROR, 1.0);
    assertThat(catalog).isNotDone();
    catalog.join();
    await(release, SOON, SCRAPE_ERROR, 0);
  }

  /** The metrics, before Prometheus would give up. */
  private static Map<String, Double> inTime(Release release) {
    long start = System.nanoTime();
    Map<String, Double> metrics = metrics(release);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(PROMETHEUS_WAITS);
    return metrics;
  }

  private static void await(Release release, Duration most, String metric, double value) {
    Eventually.within(
        most,
        "%s is %s".formatted(metric, value),
        () -> metrics(release).getOrDefault(metric, -1.0) == value);
  }

  /**
   * By name and labels, without the exporter's own label for the server; empty if there is no
   * answer.
   */
  private static Map<String, Double> metrics(Release release) {
    Map<String, Double> metrics = new TreeMap<>();
    try (LocalPortForward forward = release.exporter();
        HttpClient client = HttpClient.newHttpClient()) {
      URI address = URI.create("http://127.0.0.1:%d/metrics".formatted(forward.getLocalPort()));
      client
          .send(HttpRequest.newBuilder(address).timeout(SOON).build(), BodyHandlers.ofLines())
          .body()
          .filter(line -> !line.startsWith("#"))
          .forEach(line -> {
            int end = line.lastIndexOf(' ');
            String name = line.substring(0, end).replaceAll(",?server=\"[^\"]*\"", "");
            metrics.put(
                name.replace("{,", "{").replace("{}", ""),
                Double.valueOf(line.substring(end + 1).replace("+Inf", "Infinity")));
          });
    } catch (IOException e) {
      return Map.of();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return metrics;
  }
}

package org.learnflow.db.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;

/**
 * A Prometheus on this machine, which fetches the metrics of a release through a forwarded port.
 */
final class Prometheus implements AutoCloseable {
  private static final String CONFIGURATION =
      """
      global: {scrape_interval: 2s, evaluation_interval: 2s}
      rule_files: [%s]
      scrape_configs:
        - job_name: %s-metrics
          static_configs:
            - targets: ["127.0.0.1:%d"]
              labels: {namespace: %s}
      """;

  private final HttpClient client = HttpClient.newHttpClient();
  private final URI address;
  private final Process process;
  private final Path log;

  private Prometheus(URI address, Process process, Path log) {
    this.address = address;
    this.process = process;
    this.log = log;
  }

  static Prometheus start(Path folder, int exporter, String namespace, String rules)
      throws IOException {
    Path file = Files.writeString(folder.resolve("rules.yaml"), rules);
    Path configuration =
        Files.writeString(
            folder.resolve("prometheus.yaml"),
            CONFIGURATION.formatted(file, Release.NAME, exporter, namespace));
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    Path log = folder.resolve("prometheus.log");
    Process process =
        new ProcessBuilder(
                Repository.ROOT.resolve("e2e/alerts/bin/prometheus").toString(),
                "--config.file=" + configuration,
                "--storage.tsdb.path=" + folder.resolve("data"),
                "--web.listen-address=127.0.0.1:" + port)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    return new Prometheus(URI.create("http://127.0.0.1:" + port), process, log);
  }

  /** Waits until an alert fires, or until rules were evaluated and it does not. */
  void await(String alert, boolean fires, Duration most) {
    Eventually.within(
        most,
        "%s %s; %s".formatted(alert, fires ? "fires" : "ends", log),
        () -> up() && firing().contains(alert) == fires);
  }

  /** Names of the alerts that fire now. */
  Set<String> firing() {
    Set<String> names = new TreeSet<>();
    get("/api/v1/alerts")
        .at("/data/alerts")
        .forEach(alert -> {
          if (alert.path("state").asText().equals("firing")) {
            names.add(alert.at("/labels/alertname").asText());
          }
        });
    return names;
  }

  /** Whether it has asked the exporter, and evaluated all rules. */
  private boolean up() {
    JsonNode targets = get("/api/v1/targets").at("/data/activeTargets");
    boolean asked = !targets.isEmpty() && targets.get(0).path("health").asText().equals("up");
    boolean evaluated = false;
    for (JsonNode group : get("/api/v1/rules").at("/data/groups")) {
      for (JsonNode rule : group.path("rules")) {
        if (!rule.path("health").asText().equals("ok")) {
          return false;
        }
        evaluated = true;
      }
    }
    return asked && evaluated;
  }

  private JsonNode get(String path) {
    try {
      HttpRequest request = HttpRequest.newBuilder(address.resolve(path)).build();
      return new ObjectMapper().readTree(client.send(request, BodyHandlers.ofString()).body());
    } catch (IOException _) {
      if (!process.isAlive()) {
        throw new AssertionError("Prometheus ended: " + text());
      }
      return new ObjectMapper().createObjectNode(); // it has just been started
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private String text() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Override
  public void close() {
    process.destroy();
    process.onExit().join();
    client.close();
  }
}

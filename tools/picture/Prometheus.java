package picture;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import lib.Failure;
import lib.Programs;

/** A Prometheus with a history in a folder, on this machine only. */
public final class Prometheus implements AutoCloseable {
  private static final Duration START = Duration.ofSeconds(60);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient client = HttpClient.newHttpClient();
  private final URI address;
  private final Process process;

  private Prometheus(URI address, Process process) {
    this.address = address;
    this.process = process;
  }

  /** Starts one that knows this, as OpenMetrics. */
  public static Prometheus with(String history, Path folder)
      throws IOException, InterruptedException {
    Path text = Files.writeString(folder.resolve("history.txt"), history);
    Path data = folder.resolve("data");
    Programs.run(
        "tools/bin/promtool",
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        text.toString(),
        data.toString());
    Path configuration = Files.writeString(folder.resolve("prometheus.yaml"), "{}\n");
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    String listen = "127.0.0.1:" + port;
    Path log = folder.resolve("prometheus.log");
    Process process =
        new ProcessBuilder(
                List.of(
                    "e2e/alerts/bin/prometheus",
                    "--config.file=" + configuration,
                    "--storage.tsdb.path=" + data,
                    "--storage.tsdb.retention.time=100y",
                    "--web.listen-address=" + listen))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    Prometheus started = new Prometheus(URI.create("http://" + listen), process);
    try {
      started.await(log);
    } catch (Failure | IOException | InterruptedException e) {
      started.close();
      throw e;
    }
    return started;
  }

  private void await(Path log) throws IOException, InterruptedException {
    Instant end = Instant.now().plus(START);
    while (!isReady()) {
      if (!process.isAlive() || Instant.now().isAfter(end)) {
        throw new Failure("Prometheus did not start:\n" + Files.readString(log));
      }
      Thread.sleep(200);
    }
  }

  private boolean isReady() throws InterruptedException {
    try {
      HttpRequest request = HttpRequest.newBuilder(address.resolve("/-/ready")).build();
      return client.send(request, BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException _) {
      return false;
    }
  }

  /** The series of a query at one time. */
  public JsonNode now(String query, Instant at) throws IOException, InterruptedException {
    return result("query", "query=%s&time=%d".formatted(encoded(query), at.getEpochSecond()));
  }

  /** Those of a time range. */
  public JsonNode range(String query, Instant from, Instant to, Duration step)
      throws IOException, InterruptedException {
    return result(
        "query_range",
        "query=%s&start=%d&end=%d&step=%d"
            .formatted(
                encoded(query), from.getEpochSecond(), to.getEpochSecond(), step.toSeconds()));
  }

  private JsonNode result(String kind, String parameters) throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(address.resolve("/api/v1/" + kind + "?" + parameters)).build();
    JsonNode answer = JSON.readTree(client.send(request, BodyHandlers.ofString()).body());
    if (!answer.path("status").asText().equals("success")) {
      throw new Failure("Prometheus rejected a query: " + answer.path("error").asText());
    }
    return answer.at("/data/result");
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    process.destroy();
    try {
      process.waitFor();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}

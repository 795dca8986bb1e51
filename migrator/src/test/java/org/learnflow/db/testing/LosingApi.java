package org.learnflow.db.testing;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.http.HttpRequest;
import io.fabric8.kubernetes.client.http.HttpResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;

/**
 * Stands between the program and the API server, and loses answers: from a call on that writes,
 * which is carried out, nothing is answered any more.
 */
public final class LosingApi implements AutoCloseable {
  private final KubernetesClient client = new KubernetesClientBuilder().build();
  private final HttpServer server;
  private final Pattern lost;
  private final AtomicInteger matches = new AtomicInteger();
  private final int number;
  private volatile boolean silent;

  private LosingApi(Pattern lost, int number) throws IOException {
    this.lost = lost;
    this.number = number;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::forward);
    server.start();
  }

  /**
   * Loses the answer to a call, and all that follow.
   *
   * @param call a regular expression for its method and path, such as {@code PUT .*secrets/x}
   * @param number which of the calls that match, from 1
   */
  public static LosingApi losing(String call, int number) {
    try {
      return new LosingApi(Pattern.compile(call), number);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a kubeconfig that leads here. */
  public Path kubeconfig(Path file) {
    return TestFiles.write(
        file,
        """
        apiVersion: v1
        kind: Config
        current-context: test
        clusters: [{name: test, cluster: {server: "http://127.0.0.1:%d"}}]
        users: [{name: test, user: {}}]
        contexts: [{name: test, context: {cluster: test, user: test}}]
        """
            .formatted(server.getAddress().getPort()));
  }

  /** Whether the call was met and carried out. */
  public boolean hasLost() {
    return silent;
  }

  private void forward(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (silent) {
        return;
      }
      String method = exchange.getRequestMethod();
      String path = exchange.getRequestURI().toString();
      byte[] body = exchange.getRequestBody().readAllBytes();
      Config config = client.getConfiguration();
      HttpRequest.Builder request =
          client
              .getHttpClient()
              .newHttpRequestBuilder()
              .uri(config.getMasterUrl().replaceFirst("/$", "") + path);
      if (!method.equals("GET")) {
        request.method(
            method,
            exchange.getRequestHeaders().getFirst("Content-Type"),
            new String(body, StandardCharsets.UTF_8));
      }
      HttpResponse<String> answer =
          client.getHttpClient().sendAsync(request.build(), String.class).get();
      if (lost.matcher(method + " " + path).matches() && matches.incrementAndGet() == number) {
        silent = true;
        return;
      }
      byte[] text = answer.body().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().add("Content-Type", "application/json");
      exchange.sendResponseHeaders(answer.code(), text.length == 0 ? -1 : text.length);
      exchange.getResponseBody().write(text);
    } catch (ExecutionException e) {
      throw new IOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    server.stop(0);
    client.close();
  }
}

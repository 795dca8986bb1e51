package org.learnflow.db.e2e;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.SimpleFileServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executors;

/**
 * Serves bare repositories, as {@code NAME.git}, with git's own program for smart HTTP, and beside
 * them the files of {@code /charts}.
 */
final class GitServer implements AutoCloseable {
  /**
   * Where controllers in pods reach this machine; those beside the tests need no more than this.
   */
  private static final String ADDRESS = System.getProperty("gitops.address");

  private final Path root;
  private final int port;
  private HttpServer server;

  GitServer(Path root) {
    this.root = root;
    this.port = Programs.freePort();
    start();
  }

  String url() {
    return "http://%s:%d".formatted(ADDRESS, port);
  }

  /** Answers again after it was closed, at the same address. */
  void start() {
    try {
      server = HttpServer.create(new InetSocketAddress(ADDRESS, port), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    server.createContext("/", this::git);
    server.createContext("/charts", SimpleFileServer.createFileHandler(root.resolve("charts")));
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.start();
  }

  /** Nobody is answered any more. */
  @Override
  public void close() {
    server.stop(0);
  }

  private void git(HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readAllBytes();
      ProcessBuilder builder =
          new ProcessBuilder("git", "http-backend").redirectError(ProcessBuilder.Redirect.DISCARD);
      Map<String, String> environment = builder.environment();
      environment.put("GIT_PROJECT_ROOT", root.toString());
      environment.put("GIT_HTTP_EXPORT_ALL", "1");
      environment.put("REQUEST_METHOD", exchange.getRequestMethod());
      environment.put("PATH_INFO", exchange.getRequestURI().getPath());
      environment.put(
          "QUERY_STRING", Objects.requireNonNullElse(exchange.getRequestURI().getQuery(), ""));
      environment.put("CONTENT_LENGTH", String.valueOf(body.length));
      environment.put("CONTENT_TYPE", header(exchange, "Content-Type"));
      environment.put("HTTP_CONTENT_ENCODING", header(exchange, "Content-Encoding"));
      environment.put("GIT_PROTOCOL", header(exchange, "Git-Protocol"));
      Process process = builder.start();
      try (var input = process.getOutputStream()) {
        input.write(body);
      }
      try (InputStream output = process.getInputStream()) {
        answer(exchange, output);
      }
    }
  }

  /** Header lines, an empty one, and the answer's body, as CGI has it. */
  private static void answer(HttpExchange exchange, InputStream output) throws IOException {
    int status = 200;
    for (String line = line(output); !line.isEmpty(); line = line(output)) {
      String[] words = line.split(": ", 2);
      if (words[0].equals("Status")) {
        status = Integer.parseInt(words[1].substring(0, 3));
      } else {
        exchange.getResponseHeaders().add(words[0], words[1]);
      }
    }
    exchange.sendResponseHeaders(status, 0);
    output.transferTo(exchange.getResponseBody());
  }

  private static String line(InputStream input) throws IOException {
    StringBuilder line = new StringBuilder();
    for (int next = input.read(); next != '\n' && next >= 0; next = input.read()) {
      line.append((char) next);
    }
    return line.toString().strip();
  }

  private static String header(HttpExchange exchange, String name) {
    return Objects.requireNonNullElse(exchange.getRequestHeaders().getFirst(name), "");
  }
}

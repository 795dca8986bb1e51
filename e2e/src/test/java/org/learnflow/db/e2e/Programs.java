package org.learnflow.db.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Programs that run beside a test, from its beginning to its end: each has a log, and a file with
 * its process id as long as it runs.
 */
final class Programs implements AutoCloseable {
  private static final Path FOLDER = Repository.ROOT.resolve("e2e/target/gitops");

  private static final Duration READY = Duration.ofSeconds(60);

  private final Path folder;
  private final Map<String, ProcessBuilder> builders = new LinkedHashMap<>();
  private final Map<String, Process> processes = new LinkedHashMap<>();
  private final Thread atExit = new Thread(this::endAll);

  /**
   * None yet.
   *
   * @param name of the folder for their logs and files in {@code e2e/target/gitops}
   */
  Programs(String name) {
    folder = FOLDER.resolve(name);
    // Also where the tests are interrupted.
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  /** A folder for what they write. */
  Path folder(String name) {
    try {
      return Files.createDirectories(folder.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A port of this machine that nobody listens on. */
  static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void start(String name, Map<String, String> environment, List<String> words) {
    Path log = folder("log").resolve(name + ".log");
    ProcessBuilder builder =
        new ProcessBuilder(words)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    builders.put(name, builder);
    start(name);
  }

  /** Starts one again that was killed. */
  void start(String name) {
    try {
      Process process = builders.get(name).start();
      processes.put(name, process);
      Repository.write(pidFile(name), process.pid() + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException(
          builders.get(name).command().getFirst() + " cannot be run; next: make e2e-gitops", e);
    }
  }

  /** Ends one at once, as kill -9 does. */
  void kill(String name) {
    processes.get(name).destroyForcibly();
    await(name);
  }

  private void await(String name) {
    try {
      Process process = processes.get(name);
      if (!process.waitFor(15, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
      Files.deleteIfExists(pidFile(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Waits until an address answers with 200. */
  void awaitReady(String name, String url) {
    long end = System.nanoTime() + READY.toNanos();
    while (!answers(url)) {
      if (System.nanoTime() > end || !processes.get(name).isAlive()) {
        throw new AssertionError(
            "%s is not ready at %s; its log is %s/log/%s.log".formatted(name, url, folder, name));
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
    }
  }

  private static boolean answers(String url) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(5)).build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(request, BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private void endAll() {
    processes.values().forEach(Process::destroy);
    processes.keySet().forEach(this::await);
  }

  @Override
  public void close() {
    processes.forEach((name, process) -> {
      if (!process.isAlive()) {
        System.out.printf("e2e      %s had ended by itself: %s/log/%s.log%n", name, folder, name);
      }
    });
    endAll();
    Runtime.getRuntime().removeShutdownHook(atExit);
  }

  private Path pidFile(String name) {
    return folder("run").resolve(name + ".pid");
  }
}

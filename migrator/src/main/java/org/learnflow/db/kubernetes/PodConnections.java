package org.learnflow.db.kubernetes;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.LocalPortForward;
import io.fabric8.kubernetes.client.dsl.ExecWatch;
import io.fabric8.kubernetes.client.dsl.TtyExecOutputErrorable;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Failure;

/**
 * Commands in pods and ways to their ports, which go over web sockets; the only place that loads
 * the whole client.
 */
final class PodConnections implements AutoCloseable {
  private final Config config;
  private final ApiFailures failures;
  private final List<LocalPortForward> forwards = new ArrayList<>();
  private @Nullable KubernetesClient wholeClient;

  PodConnections(Config config) {
    this.config = config;
    this.failures = new ApiFailures(config.getMasterUrl());
  }

  /**
   * What a command in a container left behind.
   *
   * @param output of stdout
   * @param errors of stderr
   */
  record Executed(int exitCode, String output, String errors) {}

  /**
   * Runs a command in a container, as kubectl exec does; its stdin is not ended.
   *
   * @throws Failure 1 where that is not allowed or not possible, 4 where there is no answer in time
   */
  Executed execute(
      String namespace,
      String pod,
      String container,
      String input,
      Duration most,
      String... command) {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    try (ExecWatch running =
        container(namespace, pod, container)
            .writingOutput(output)
            .writingError(errors)
            .exec(command)) {
      running.getInput().write(input.getBytes(StandardCharsets.UTF_8));
      running.getInput().flush();
      int code = running.exitCode().get(most.toMillis(), TimeUnit.MILLISECONDS);
      return new Executed(
          code, output.toString(StandardCharsets.UTF_8), errors.toString(StandardCharsets.UTF_8));
    } catch (KubernetesClientException | ExecutionException | IOException e) {
      throw failures.notRun(namespace, pod, e);
    } catch (TimeoutException e) {
      throw failures
          .unreached("the command in pod %s did not end".formatted(pod), e)
          .state(ApiFailures.UNKNOWN);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failures.unreached("interrupted", e).state(ApiFailures.UNKNOWN);
    }
  }

  /**
   * Runs a command in a container with streams of any length; its stdin is not ended, but breaks
   * off when this process ends.
   *
   * @return its exit code
   * @throws IOException what {@code input} or {@code output} throws
   * @throws Failure 1 where that is not allowed, or the connection was lost before the command
   *     ended
   */
  int stream(
      String namespace,
      String pod,
      String container,
      InputStream input,
      OutputStream output,
      OutputStream errors,
      String... command)
      throws IOException {
    CompletableFuture<Integer> ended = new CompletableFuture<>();
    try (ExecWatch running =
        container(namespace, pod, container)
            .writingOutput(new Guarded(output, ended))
            .writingError(errors)
            .exec(command)) {
      var _ =
          running
              .exitCode()
              .whenComplete((code, e) -> {
                if (e != null) {
                  ended.completeExceptionally(e);
                } else if (code == null || code < 0) {
                  ended.completeExceptionally(new ConnectException("the connection was lost"));
                } else {
                  ended.complete(code);
                }
              });
      byte[] buffer = new byte[1 << 16];
      for (int read = input.read(buffer); read >= 0 && !ended.isDone(); read = input.read(buffer)) {
        try {
          running.getInput().write(buffer, 0, read);
          running.getInput().flush();
        } catch (IOException | KubernetesClientException e) {
          break; // It reads no more; its exit code says why.
        }
      }
      return ended.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UncheckedIOException unwritten) {
        throw unwritten.getCause();
      }
      throw failures.unfinished(namespace, pod, e);
    } catch (KubernetesClientException e) {
      throw failures.unfinished(namespace, pod, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failures.unreached("interrupted", e);
    }
  }

  /** The whole client, which takes long to load; until closing. */
  private synchronized KubernetesClient client() {
    KubernetesClient client = wholeClient;
    if (client == null) {
      client =
          new KubernetesClientBuilder()
              .withConfig(config)
              .withHttpClientFactory(new StoppingHttpClientFactory())
              .build();
      wholeClient = client;
    }
    return client;
  }

  /** A port of this machine's loopback address that leads to a port of a pod, until closing. */
  int forward(String namespace, String pod, int port) {
    LocalPortForward forward =
        client()
            .pods()
            .inNamespace(namespace)
            .withName(pod)
            .portForward(port, InetAddress.getLoopbackAddress(), 0);
    forwards.add(forward);
    return forward.getLocalPort();
  }

  private TtyExecOutputErrorable container(String namespace, String pod, String container) {
    return client()
        .pods()
        .inNamespace(namespace)
        .withName(pod)
        .inContainer(container)
        .redirectingInput();
  }

  @Override
  public synchronized void close() {
    for (LocalPortForward forward : forwards) {
      try {
        forward.close();
      } catch (Exception e) {
        // It is gone either way.
      }
    }
    if (wholeClient != null) {
      wholeClient.close();
    }
  }

  /** Takes output until it cannot be written; that ends the command. */
  private static final class Guarded extends OutputStream {
    private final OutputStream output;
    private final CompletableFuture<Integer> ended;

    Guarded(OutputStream output, CompletableFuture<Integer> ended) {
      this.output = output;
      this.ended = ended;
    }

    @Override
    public void write(int value) {
      write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      if (ended.isDone()) {
        return;
      }
      try {
        output.write(bytes, offset, length);
      } catch (IOException e) {
        ended.completeExceptionally(new UncheckedIOException(e));
      }
    }
  }
}

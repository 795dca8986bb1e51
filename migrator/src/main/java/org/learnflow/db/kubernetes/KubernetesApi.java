package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.NamedContext;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.LocalPortForward;
import io.fabric8.kubernetes.client.dsl.ExecWatch;
import io.fabric8.kubernetes.client.http.HttpClient;
import io.fabric8.kubernetes.client.http.HttpRequest;
import io.fabric8.kubernetes.client.http.HttpResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;

/**
 * A Kubernetes API server as one user sees it; the only place where the client is made. Objects are
 * JSON trees, and of the client only its configuration and its HTTP client are used: loading what
 * it knows of Kubernetes takes longer than all calls together.
 *
 * <p>Calls throw {@link Failure}: 4 where the API was not reached, 5 where it does not know the
 * user, 3 where something is made in a namespace that is not there, else 1. Where an answer to a
 * call that writes was lost, its state says that nobody knows whether it was carried out.
 */
public final class KubernetesApi implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  /** Outside a cluster a person waits, so a server that does not answer is told within a second. */
  private static final int RETRIES_OUTSIDE = 3;

  private static final Duration PATIENCE_OUTSIDE = Duration.ofSeconds(10);

  /** In a pod an API server that is being restarted is waited for; a call is repeated meanwhile. */
  private static final Duration PATIENCE_IN_POD = Duration.ofSeconds(30);

  private static final String JSON_TYPE = "application/json";
  private static final String APPLY_TYPE = "application/apply-patch+yaml";

  /** Who server-side apply says has written a field. */
  static final String FIELD_MANAGER = "learnflow-db";

  /** In what YAML and JSON parsers say, beside classes that nobody knows. */
  private static final Pattern LINE = Pattern.compile("line:? \\d+, column:? \\d+");

  private static final int CREATED = 201;
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;
  private static final int CONFLICT = 409;
  private static final int SERVER_ERROR = 500;

  private static final String UNCHANGED = "nothing was changed by this call";
  private static final String UNKNOWN = "whether this call was carried out is not known";

  private final Config config;
  private final HttpClient http;
  private final Duration patience;
  private final List<LocalPortForward> forwards = new ArrayList<>();
  private @Nullable KubernetesClient wholeClient;

  private KubernetesApi(Config config, Duration patience) {
    this.config = config;
    this.patience = patience;
    this.http = new StoppingHttpClientFactory().newBuilder(config).build();
  }

  /**
   * The API server that the kubeconfig or, in a pod, the service account names.
   *
   * @param context of the kubeconfig, where it is not the current one
   * @param inPod whether this process runs in the cluster
   * @throws Failure 2 where there is no such context or no cluster at all
   */
  public static KubernetesApi open(Optional<String> context, boolean inPod) {
    Config config = config(context);
    if (context.isPresent() && !context.equals(contextOf(config))) {
      throw Failure.of(ExitCode.USAGE, "the kubeconfig has no context " + context.get())
          .state("nothing was changed")
          .next("give one of: " + contexts(config));
    }
    if (!inPod && config.getCurrentContext() == null) {
      throw Failure.of(ExitCode.USAGE, "no cluster is named: there is no kubeconfig with a context")
          .state("nothing was changed")
          .next("set KUBECONFIG, or see what there is: kubectl config get-contexts");
    }
    if (!inPod) {
      config.setRequestRetryBackoffLimit(RETRIES_OUTSIDE);
    }
    if (config.getCaCertData() != null || config.getCaCertFile() != null) {
      // Only that authority is trusted, as kubectl does; the JVM's own ones take long to read.
      System.setProperty("javax.net.ssl.trustStore", "NONE");
    }
    // One request after the other has no use for HTTP/2, whose classes take long to load.
    config.setHttp2Disable(true);
    return new KubernetesApi(config, inPod ? PATIENCE_IN_POD : PATIENCE_OUTSIDE);
  }

  private static Config config(Optional<String> context) {
    try {
      return context.map(Config::autoConfigure).orElseGet(() -> Config.autoConfigure(null));
    } catch (RuntimeException e) { // whatever reads YAML throws
      Matcher place = LINE.matcher(String.valueOf(e.getMessage()));
      throw Failure.of(
              ExitCode.USAGE,
              "the kubeconfig cannot be understood" + (place.find() ? ", " + place.group() : ""))
          .state("nothing was changed")
          .next("correct it, or set KUBECONFIG to another file: kubectl config view")
          .causedBy(e);
    }
  }

  private static Optional<String> contextOf(Config config) {
    return Optional.ofNullable(config.getCurrentContext()).map(NamedContext::getName);
  }

  private static String contexts(Config config) {
    return Optional.ofNullable(config.getContexts()).orElse(List.of()).stream()
        .map(NamedContext::getName)
        .collect(Collectors.joining(", "));
  }

  /** The user's or the pod's own namespace. */
  public String namespace() {
    return Optional.ofNullable(config.getNamespace()).orElse("default");
  }

  /** An object with nothing in it. */
  static ObjectNode object() {
    return JSON.createObjectNode();
  }

  /** The object of that name, if it is there. */
  Optional<JsonNode> get(Kind kind, String namespace, String name) {
    Answer answer = send("GET", kind.path(namespace) + "/" + name, "", JSON_TYPE);
    return answer.code() == NOT_FOUND
        ? Optional.empty()
        : Optional.of(answer.object("get", kind, namespace, name));
  }

  /**
   * All objects of a kind that {@code query} selects.
   *
   * @param query {@code labelSelector} and {@code fieldSelector}, as far as given
   */
  List<JsonNode> list(Kind kind, String namespace, Map<String, String> query) {
    String parameters =
        query.entrySet().stream()
            .map(entry -> entry.getKey() + "=" + encoded(entry.getValue()))
            .collect(Collectors.joining("&"));
    Answer answer = send("GET", kind.path(namespace) + "?" + parameters, "", JSON_TYPE);
    List<JsonNode> items = new ArrayList<>();
    if (answer.code() != NOT_FOUND) {
      answer.object("list", kind, namespace, "").path("items").forEach(items::add);
    }
    return items;
  }

  /** Makes an object by POST; nothing where one of that name is there already. */
  Optional<JsonNode> create(Kind kind, String namespace, JsonNode object) {
    return unlessConflict(
        "create", kind, namespace, object, send("POST", kind.path(namespace), object, JSON_TYPE));
  }

  /**
   * Makes an object where none of that name is there; nothing where another one was faster.
   *
   * <p>By server-side apply, which RBAC can limit to a name, as it cannot a POST; without force and
   * under a field manager of this call's own, so that whoever comes second with another value is
   * refused as in conflict with the first, also where both saw nothing there.
   */
  Optional<JsonNode> make(Kind kind, String namespace, JsonNode object) {
    String manager = "%s-%08x".formatted(FIELD_MANAGER, ThreadLocalRandom.current().nextInt());
    String path = "%s/%s?fieldManager=%s".formatted(kind.path(namespace), name(object), manager);
    Answer answer = send("PATCH", path, object, APPLY_TYPE);
    return unlessConflict("create", kind, namespace, object, answer)
        .filter(_ -> answer.code() == CREATED);
  }

  /** Replaces an object; nothing where it is no longer the one that was read. */
  Optional<JsonNode> replace(Kind kind, String namespace, JsonNode object) {
    return unlessConflict(
        "update",
        kind,
        namespace,
        object,
        send("PUT", kind.path(namespace) + "/" + name(object), object, JSON_TYPE));
  }

  /** Makes or changes an object by server-side apply, with force. */
  JsonNode apply(Kind kind, String namespace, JsonNode object) {
    String path =
        "%s/%s?fieldManager=%s&force=true"
            .formatted(kind.path(namespace), name(object), FIELD_MANAGER);
    return send("PATCH", path, object, APPLY_TYPE).object("patch", kind, namespace, name(object));
  }

  /** Changes an object as kubectl patch does: what {@code change} names is merged into it. */
  JsonNode patch(Kind kind, String namespace, String name, JsonNode change) {
    return send(
            "PATCH",
            kind.path(namespace) + "/" + name,
            change,
            "application/strategic-merge-patch+json")
        .object("patch", kind, namespace, name);
  }

  private static Optional<JsonNode> unlessConflict(
      String verb, Kind kind, String namespace, JsonNode object, Answer answer) {
    return answer.code() == CONFLICT
        ? Optional.empty()
        : Optional.of(answer.object(verb, kind, namespace, name(object)));
  }

  private static String name(JsonNode object) {
    return object.at("/metadata/name").asText();
  }

  /** The last line that a container wrote, or an empty text where that cannot be had. */
  String lastLogLine(String namespace, String pod, String container, boolean previous) {
    Answer answer =
        send(
            "GET",
            "%s/%s/log?container=%s&tailLines=1&limitBytes=2000&previous=%s"
                .formatted(Kind.POD.path(namespace), pod, container, previous),
            "",
            JSON_TYPE);
    return answer.successful() ? answer.body().strip() : "";
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
        client()
            .pods()
            .inNamespace(namespace)
            .withName(pod)
            .inContainer(container)
            .redirectingInput()
            .writingOutput(output)
            .writingError(errors)
            .exec(command)) {
      running.getInput().write(input.getBytes(StandardCharsets.UTF_8));
      running.getInput().flush();
      int code = running.exitCode().get(most.toMillis(), TimeUnit.MILLISECONDS);
      return new Executed(
          code, output.toString(StandardCharsets.UTF_8), errors.toString(StandardCharsets.UTF_8));
    } catch (KubernetesClientException | ExecutionException | IOException e) {
      throw Failure.of(
              ExitCode.FAILED, "no command could be run in pod %s: %s".formatted(pod, rootCause(e)))
          .where("the Kubernetes API " + config.getMasterUrl())
          .state(isRefused(e) ? UNCHANGED : UNKNOWN)
          .next(
              "ask for the right, and test it with: kubectl -n %s auth can-i create pods/exec"
                  .formatted(namespace))
          .causedBy(e);
    } catch (TimeoutException e) {
      throw unreached("the command in pod %s did not end".formatted(pod), e).state(UNKNOWN);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unreached("interrupted", e).state(UNKNOWN);
    }
  }

  /** Whether the API server did not even begin; source: HTTP, status codes of class 4. */
  private static boolean isRefused(Exception e) {
    return e instanceof KubernetesClientException refused && refused.getCode() / 100 == 4;
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
        client()
            .pods()
            .inNamespace(namespace)
            .withName(pod)
            .inContainer(container)
            .redirectingInput()
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
      throw unfinished(pod, namespace, e);
    } catch (KubernetesClientException e) {
      throw unfinished(pod, namespace, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unreached("interrupted", e);
    }
  }

  private Failure unfinished(String pod, String namespace, Exception e) {
    return Failure.of(
            ExitCode.FAILED,
            "the command in pod %s could not be followed to its end: %s"
                .formatted(pod, rootCause(e)))
        .where("the Kubernetes API " + config.getMasterUrl())
        .state("nothing of it is used")
        .next(
            "run the same command again; where it is refused, ask for the right, and test it with:"
                + " kubectl -n %s auth can-i create pods/exec".formatted(namespace))
        .causedBy(e);
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
    http.close();
  }

  private Answer send(String method, String path, Object body, String contentType) {
    HttpRequest.Builder request =
        http.newHttpRequestBuilder().uri(config.getMasterUrl().replaceFirst("/$", "") + path);
    HttpRequest finished =
        method.equals("GET")
            ? request.build()
            : request.method(method, contentType, body.toString()).build();
    CompletableFuture<HttpResponse<String>> response = http.sendAsync(finished, String.class);
    try {
      HttpResponse<String> answer = response.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      // A server that failed, or gave up waiting for etcd, may have written before.
      boolean unknown = !method.equals("GET") && answer.code() >= SERVER_ERROR;
      return new Answer(
          config.getMasterUrl(), answer.code(), answer.body(), unknown ? UNKNOWN : UNCHANGED);
    } catch (ExecutionException e) {
      throw unanswered(method, rootCause(e), e);
    } catch (TimeoutException e) {
      response.cancel(true);
      throw unanswered(method, "no answer within " + patience.toSeconds() + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unanswered(method, "interrupted", e);
    }
  }

  /** Also a call that found no connection: the client may have sent it before, and tried again. */
  private Failure unanswered(String method, String reason, Exception cause) {
    Failure failure = unreached(reason, cause);
    return method.equals("GET")
        ? failure
        : failure
            .state(UNKNOWN)
            .next(
                "see whether it answers: kubectl version; then run the same command again, which"
                    + " goes on from what is there");
  }

  private Failure unreached(String reason, Exception cause) {
    return Failure.of(ExitCode.NOT_REACHED, "the Kubernetes API was not reached: " + reason)
        .where("the Kubernetes API " + config.getMasterUrl())
        .state(UNCHANGED)
        .next("see whether it answers: kubectl version")
        .causedBy(cause);
  }

  /** The first cause that says something: without a connection the deepest one is a bare name. */
  private static String rootCause(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
      if (cause instanceof ConnectException) {
        return Reason.of(cause);
      }
    }
    return Reason.of(cause);
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  /**
   * What the API server answered.
   *
   * @param server its address
   * @param code HTTP status
   * @param state what became of the call, where {@code code} is an error
   */
  private record Answer(String server, int code, String body, String state) {
    boolean successful() {
      return code / 100 == 2;
    }

    /** The object it holds; a failure where it is an error, or where something else answered. */
    JsonNode object(String verb, Kind kind, String namespace, String name) {
      if (!successful()) {
        throw failure(verb, kind, namespace, name);
      }
      try {
        JsonNode read = JSON.readTree(body);
        if (read.isObject()) {
          return read;
        }
        throw notTheApi();
      } catch (JsonProcessingException e) {
        throw notTheApi().causedBy(e);
      }
    }

    private Failure notTheApi() {
      return Failure.of(
              ExitCode.NOT_REACHED, "what answers is not a Kubernetes API: it sent no JSON object")
          .where("the Kubernetes API " + server + ", HTTP " + code)
          .state("nothing is known of what the call was about")
          .next(
              "see whether a proxy or a login page is in between: kubectl version; HTTPS_PROXY,"
                  + " NO_PROXY");
    }

    private Failure failure(String verb, Kind kind, String namespace, String name) {
      Failure failure =
          switch (code) {
            case UNAUTHORIZED ->
                Failure.of(
                        ExitCode.CREDENTIALS_REFUSED,
                        "the Kubernetes API does not accept the credentials of this kubeconfig"
                            + " context or service account")
                    .next("log in again, or choose a --context");
            case FORBIDDEN ->
                Failure.of(ExitCode.FAILED, reason())
                    .next(
                        "ask for the right, and test it with: kubectl -n %s auth can-i %s %s%s"
                            .formatted(
                                namespace, verb, kind.plural(), name.isEmpty() ? "" : "/" + name));
            case NOT_FOUND ->
                Failure.of(ExitCode.NOT_DEPLOYED, "namespace " + namespace + " is not there")
                    .next("make it: kubectl create namespace " + namespace);
            default ->
                Failure.of(
                        ExitCode.FAILED,
                        "%s %s in namespace %s: %s"
                            .formatted(kind.text(), name, namespace, reason()))
                    .next("correct what it says and run the command again");
          };
      return failure.where("the Kubernetes API " + server + ", HTTP " + code).state(state);
    }

    /** The API's own words, which come as a Status object. */
    private String reason() {
      try {
        String message = JSON.readTree(body).path("message").asText();
        return message.isEmpty() ? body : message;
      } catch (JsonProcessingException e) {
        return body;
      }
    }
  }
}

package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.http.HttpClient;
import io.fabric8.kubernetes.client.http.HttpRequest;
import io.fabric8.kubernetes.client.http.HttpResponse;
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
import java.util.stream.Collectors;
import org.learnflow.db.Failure;
import org.learnflow.db.Ongoing;
import org.learnflow.db.Progress;

/**
 * A Kubernetes API server as one user sees it. Objects are JSON trees, and of the client only its
 * configuration and its HTTP client are used: loading what it knows of Kubernetes takes longer than
 * all calls together.
 *
 * <p>Calls throw {@link Failure}: 4 if the API was not reached, 5 if it does not accept the user, 3
 * if something is created in a namespace that does not exist, otherwise 1. If the answer to a call
 * that writes was lost, the state says that it is unknown whether it took effect.
 */
public final class KubernetesApi implements AutoCloseable {
  private static final Duration PATIENCE_OUTSIDE = Duration.ofSeconds(10);

  /** In a pod an API server that is being restarted is waited for; a call is repeated meanwhile. */
  private static final Duration PATIENCE_IN_POD = Duration.ofSeconds(30);

  private static final String JSON_TYPE = "application/json";
  private static final String APPLY_TYPE = "application/apply-patch+yaml";

  /** Who server-side apply says has written a field. */
  static final String FIELD_MANAGER = "learnflow-db";

  private static final int CREATED = 201;
  private static final int CONFLICT = 409;
  private static final int SERVER_ERROR = 500;

  private final Config config;
  private final HttpClient http;
  private final Duration patience;
  private final Progress progress;
  private final ApiFailures failures;
  private final PodConnections pods;

  private KubernetesApi(Config config, Duration patience, Progress progress) {
    this.config = config;
    this.patience = patience;
    this.progress = progress;
    this.http = new StoppingHttpClientFactory().newBuilder(config).build();
    this.failures = new ApiFailures(config.getMasterUrl());
    this.pods = new PodConnections(config);
  }

  /**
   * The API server that the kubeconfig or, in a pod, the service account names.
   *
   * @param context of the kubeconfig, if it is not the current one
   * @param inPod whether this process runs in the cluster
   * @param progress where waits for its answers are reported
   * @throws Failure 2 if there is no such context or no cluster at all
   */
  public static KubernetesApi open(Optional<String> context, boolean inPod, Progress progress) {
    return new KubernetesApi(
        Kubeconfig.read(context, inPod), inPod ? PATIENCE_IN_POD : PATIENCE_OUTSIDE, progress);
  }

  /** The user's or the pod's own namespace. */
  public String namespace() {
    return Optional.ofNullable(config.getNamespace()).orElse("default");
  }

  /** An object with nothing in it. */
  static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  /** Connects, so that the next call need not; whether it works, that call says. */
  public void greet() {
    try {
      send("GET", "/version", "", JSON_TYPE);
    } catch (Failure e) {
      // The next call reports it.
    }
  }

  /** Whether the cluster has the API of a kind, which every user may ask. */
  boolean serves(Kind kind) {
    return send("GET", kind.api(), "", JSON_TYPE).code() != ApiAnswer.NOT_FOUND;
  }

  /** The object of that name, if it exists. */
  Optional<JsonNode> get(Kind kind, String namespace, String name) {
    ApiAnswer answer = send("GET", kind.path(namespace) + "/" + name, "", JSON_TYPE);
    return answer.code() == ApiAnswer.NOT_FOUND
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
    ApiAnswer answer = send("GET", kind.path(namespace) + "?" + parameters, "", JSON_TYPE);
    List<JsonNode> items = new ArrayList<>();
    if (answer.code() != ApiAnswer.NOT_FOUND) {
      answer.object("list", kind, namespace, "").path("items").forEach(items::add);
    }
    return items;
  }

  /** Creates an object by POST; empty if one of that name already exists. */
  Optional<JsonNode> create(Kind kind, String namespace, JsonNode object) {
    return unlessConflict(
        "create", kind, namespace, object, send("POST", kind.path(namespace), object, JSON_TYPE));
  }

  /**
   * Creates an object if none of that name exists; empty if another call was faster.
   *
   * <p>By server-side apply, which RBAC can limit to a name, as it cannot a POST; without force and
   * under a field manager of this call's own, so that whoever comes second with another value is
   * refused as in conflict with the first, also where both saw nothing there.
   */
  Optional<JsonNode> make(Kind kind, String namespace, JsonNode object) {
    String manager = "%s-%08x".formatted(FIELD_MANAGER, ThreadLocalRandom.current().nextInt());
    String path = "%s/%s?fieldManager=%s".formatted(kind.path(namespace), name(object), manager);
    ApiAnswer answer = send("PATCH", path, object, APPLY_TYPE);
    return unlessConflict("create", kind, namespace, object, answer)
        .filter(_ -> answer.code() == CREATED);
  }

  /** Replaces an object; empty if it is no longer the one that was read. */
  Optional<JsonNode> replace(Kind kind, String namespace, JsonNode object) {
    return unlessConflict(
        "update",
        kind,
        namespace,
        object,
        send("PUT", kind.path(namespace) + "/" + name(object), object, JSON_TYPE));
  }

  /** Creates or changes an object by server-side apply, with force. */
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
      String verb, Kind kind, String namespace, JsonNode object, ApiAnswer answer) {
    return answer.code() == CONFLICT
        ? Optional.empty()
        : Optional.of(answer.object(verb, kind, namespace, name(object)));
  }

  private static String name(JsonNode object) {
    return object.at("/metadata/name").asText();
  }

  /** The last line that a container wrote; empty if it is not available. */
  String lastLogLine(String namespace, String pod, String container, boolean previous) {
    ApiAnswer answer =
        send(
            "GET",
            "%s/%s/log?container=%s&tailLines=1&limitBytes=2000&previous=%s"
                .formatted(Kind.POD.path(namespace), pod, container, previous),
            "",
            JSON_TYPE);
    return answer.successful() ? answer.body().strip() : "";
  }

  /** Where waits are reported. */
  Progress progress() {
    return progress;
  }

  /** Commands in pods, and ways to their ports. */
  PodConnections pods() {
    return pods;
  }

  @Override
  public void close() {
    pods.close();
    http.close();
  }

  private ApiAnswer send(String method, String path, Object body, String contentType) {
    HttpRequest.Builder request =
        http.newHttpRequestBuilder().uri(config.getMasterUrl().replaceFirst("/$", "") + path);
    HttpRequest finished =
        method.equals("GET")
            ? request.build()
            : request.method(method, contentType, body.toString()).build();
    CompletableFuture<HttpResponse<String>> response = http.sendAsync(finished, String.class);
    String waiting = "waiting for the Kubernetes API at " + config.getMasterUrl();
    try (var _ = Ongoing.begin(progress, "wait", waiting, patience)) {
      HttpResponse<String> answer = response.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      // A server that failed, or gave up waiting for etcd, may have written before.
      boolean unknown = !method.equals("GET") && answer.code() >= SERVER_ERROR;
      return new ApiAnswer(
          config.getMasterUrl(),
          answer.code(),
          answer.body(),
          unknown ? ApiFailures.UNKNOWN : ApiFailures.UNCHANGED);
    } catch (ExecutionException e) {
      throw failures.unanswered(method, ApiFailures.rootCause(e), e);
    } catch (TimeoutException e) {
      response.cancel(true);
      throw failures.unanswered(method, "no answer within " + patience.toSeconds() + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw failures.unanswered(method, "interrupted", e);
    }
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }
}

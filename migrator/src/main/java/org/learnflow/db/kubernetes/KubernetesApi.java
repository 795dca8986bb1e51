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
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * A Kubernetes API server as one user sees it; the only place where the client is made. Objects are
 * JSON trees: loading the client's classes for a Pod takes longer than all calls together.
 *
 * <p>Calls throw {@link Failure}: 4 where the API was not reached, 5 where it does not know the
 * user, 3 where something is made in a namespace that is not there, else 1.
 */
public final class KubernetesApi implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  /** Outside a cluster a person waits, so a server that does not answer is told within a second. */
  private static final int RETRIES_OUTSIDE = 3;

  /** What the client gives, or a negative number, where there was no answer. */
  private static final int NO_ANSWER = 0;

  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;
  private static final int CONFLICT = 409;

  private final KubernetesClient client;
  private final List<LocalPortForward> forwards = new ArrayList<>();

  private KubernetesApi(KubernetesClient client) {
    this.client = client;
  }

  /**
   * The API server that the kubeconfig or, in a pod, the service account names.
   *
   * @param context of the kubeconfig, where it is not the current one
   * @param inPod whether this process runs in the cluster
   * @throws Failure 2 where there is no such context or no cluster at all
   */
  public static KubernetesApi open(Optional<String> context, boolean inPod) {
    Config config = context.map(Config::autoConfigure).orElseGet(() -> Config.autoConfigure(null));
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
    return new KubernetesApi(new KubernetesClientBuilder().withConfig(config).build());
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
    return Optional.ofNullable(client.getNamespace()).orElse("default");
  }

  KubernetesClient client() {
    return client;
  }

  /** An object with nothing in it. */
  static ObjectNode object() {
    return JSON.createObjectNode();
  }

  /** The object of that name, if it is there. */
  Optional<JsonNode> get(Kind kind, String namespace, String name) {
    try {
      return Optional.ofNullable(client.raw(kind.path(namespace) + "/" + name))
          .map(KubernetesApi::read);
    } catch (KubernetesClientException e) {
      throw failure("get", kind, namespace, name, e);
    }
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
    try {
      List<JsonNode> items = new ArrayList<>();
      Optional.ofNullable(client.raw(kind.path(namespace) + "?" + parameters))
          .ifPresent(text -> read(text).path("items").forEach(items::add));
      return items;
    } catch (KubernetesClientException e) {
      throw failure("list", kind, namespace, "", e);
    }
  }

  /** Makes an object by POST; nothing where one of that name is there already. */
  Optional<JsonNode> create(Kind kind, String namespace, JsonNode object) {
    String name = object.at("/metadata/name").asText();
    return write("create", "POST", kind, namespace, name, kind.path(namespace), object);
  }

  /** Replaces an object; nothing where it is no longer the one that was read. */
  Optional<JsonNode> replace(Kind kind, String namespace, JsonNode object) {
    String name = object.at("/metadata/name").asText();
    return write("update", "PUT", kind, namespace, name, kind.path(namespace) + "/" + name, object);
  }

  private Optional<JsonNode> write(
      String verb,
      String method,
      Kind kind,
      String namespace,
      String name,
      String path,
      JsonNode object) {
    try {
      return Optional.of(read(client.raw(path, method, object.toString())));
    } catch (KubernetesClientException e) {
      if (e.getCode() == CONFLICT) {
        return Optional.empty();
      }
      throw failure(verb, kind, namespace, name, e);
    }
  }

  /** The last line that a container wrote, or an empty text where that cannot be had. */
  String lastLogLine(String namespace, String pod, String container, boolean previous) {
    try {
      return Optional.ofNullable(
              client.raw(
                  "%s/%s/log?container=%s&tailLines=1&limitBytes=2000&previous=%s"
                      .formatted(Kind.POD.path(namespace), pod, container, previous)))
          .orElse("")
          .strip();
    } catch (KubernetesClientException e) {
      return "";
    }
  }

  /** A port of this machine's loopback address that leads to a port of a pod, until closing. */
  int forward(String namespace, String pod, int port) {
    LocalPortForward forward =
        client
            .pods()
            .inNamespace(namespace)
            .withName(pod)
            .portForward(port, InetAddress.getLoopbackAddress(), 0);
    forwards.add(forward);
    return forward.getLocalPort();
  }

  @Override
  public void close() {
    for (LocalPortForward forward : forwards) {
      try {
        forward.close();
      } catch (IOException e) {
        // It is gone either way.
      }
    }
    client.close();
  }

  private static JsonNode read(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("an API server answers in JSON", e);
    }
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private Failure failure(
      String verb, Kind kind, String namespace, String name, KubernetesClientException e) {
    String where =
        "the Kubernetes API "
            + client.getMasterUrl()
            + (e.getCode() > 0 ? ", HTTP " + e.getCode() : "");
    Failure failure =
        switch (Math.max(e.getCode(), NO_ANSWER)) {
          case NO_ANSWER ->
              Failure.of(ExitCode.NOT_REACHED, "the Kubernetes API was not reached: " + reason(e))
                  .where(where)
                  .state("nothing was changed by this call")
                  .next("see whether it answers: kubectl version");
          case 401 ->
              Failure.of(
                      ExitCode.CREDENTIALS_REFUSED,
                      "the Kubernetes API does not accept the credentials of this kubeconfig context"
                          + " or service account")
                  .where(where)
                  .state("nothing was changed by this call")
                  .next("log in again, or choose a --context");
          case FORBIDDEN ->
              Failure.of(ExitCode.FAILED, reason(e))
                  .where(where)
                  .state("nothing was changed by this call")
                  .next(
                      "ask for the right, and test it with: kubectl -n %s auth can-i %s %s%s"
                          .formatted(
                              namespace, verb, kind.plural(), name.isEmpty() ? "" : "/" + name));
          case NOT_FOUND ->
              Failure.of(ExitCode.NOT_DEPLOYED, "namespace " + namespace + " is not there")
                  .where(where)
                  .state("nothing was changed")
                  .next("make it: kubectl create namespace " + namespace);
          default ->
              Failure.of(
                      ExitCode.FAILED,
                      "%s %s in namespace %s: %s"
                          .formatted(kind.text(), name, namespace, reason(e)))
                  .where(where)
                  .state("nothing was changed by this call")
                  .next("correct what it says and run the command again");
        };
    return failure.causedBy(e);
  }

  /** The API's own words; the exception's message repeats the request. */
  static String reason(KubernetesClientException e) {
    return Optional.ofNullable(e.getStatus())
        .map(status -> status.getMessage())
        .or(() -> rootCause(e))
        .orElse(String.valueOf(e.getMessage()));
  }

  /** The first cause that says something, such as "Connection refused". */
  private static Optional<String> rootCause(Throwable thrown) {
    for (Throwable cause = thrown.getCause(); cause != null; cause = cause.getCause()) {
      if (cause instanceof ConnectException) {
        return Optional.of("no connection (" + deepest(cause) + ")");
      }
    }
    return Optional.ofNullable(thrown.getCause()).map(KubernetesApi::deepest);
  }

  private static String deepest(Throwable thrown) {
    return Optional.ofNullable(thrown.getCause())
        .map(KubernetesApi::deepest)
        .orElse(thrown.toString());
  }
}

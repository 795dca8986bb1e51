package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.learnflow.db.Failure;

/** Core v1 Events; those of events.k8s.io cannot be granted by the admin of a namespace. */
public final class Events {
  private final KubernetesApi api;
  private final String namespace;

  /** The Events of a namespace. */
  public Events(KubernetesApi api, String namespace) {
    this.api = api;
    this.namespace = namespace;
  }

  /**
   * What was told last about an object, as {@code REASON: MESSAGE}; none where nothing was, or
   * where Events may not be read.
   *
   * @param warningsOnly leaves out Events of type Normal
   */
  Optional<String> newestOf(JsonNode object, boolean warningsOnly) {
    String selector =
        "involvedObject.uid=%s%s"
            .formatted(object.at("/metadata/uid").asText(), warningsOnly ? ",type=Warning" : "");
    try {
      return api.list(Kind.EVENT, namespace, Map.of("fieldSelector", selector)).stream()
          .max(Comparator.comparing(Events::time))
          .map(event -> event.path("reason").asText() + ": " + oneLine(event.path("message")));
    } catch (Failure e) {
      return Optional.empty();
    }
  }

  /**
   * What was told last, as a warning, about any object of a name; not that a probe failed, which
   * says no more than that it is not ready.
   *
   * @param name of the objects
   * @param since what is older is left out
   */
  Optional<String> newestWarning(Predicate<String> name, Instant since) {
    try {
      return api.list(Kind.EVENT, namespace, Map.of("fieldSelector", "type=Warning")).stream()
          .filter(event -> name.test(event.at("/involvedObject/name").asText()))
          .filter(event -> !event.path("reason").asText().equals("Unhealthy"))
          .filter(event -> time(event).compareTo(since.toString()) > 0)
          .max(Comparator.comparing(Events::time))
          .map(event ->
              "%s: %s: %s"
                  .formatted(
                      event.at("/involvedObject/name").asText(),
                      event.path("reason").asText(),
                      oneLine(event.path("message"))));
    } catch (Failure e) {
      return Optional.empty();
    }
  }

  /** When it happened last, in a form that sorts. */
  private static String time(JsonNode event) {
    for (String path :
        new String[] {
          "/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"
        }) {
      String time = event.at(path).asText("");
      if (!time.isEmpty() && !time.equals("null")) {
        return time;
      }
    }
    return "";
  }

  static String oneLine(JsonNode text) {
    return text.asText().strip().replaceAll("\\s+", " ");
  }

  /**
   * Writes a Warning about what runs a release's server or, if that is unknown, about its ConfigMap
   * {@code R-release}.
   *
   * @param reason one word in CamelCase
   * @param message one line without passwords, at most 1024 bytes
   * @throws Failure where it cannot be written
   */
  public void warn(String release, Optional<ServerObject> server, String reason, String message) {
    Kind kind = server.map(ServerObject::kind).orElse(Kind.CONFIG_MAP);
    String name = server.map(ServerObject::name).orElse(release + "-release");
    String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    ObjectNode event = KubernetesApi.object().put("apiVersion", "v1").put("kind", "Event");
    event
        .put("type", "Warning")
        .put("reason", reason)
        .put("message", message)
        .put("firstTimestamp", now)
        .put("lastTimestamp", now)
        .put("count", 1);
    event
        .putObject("metadata")
        .put("name", "%s.%x".formatted(name, System.currentTimeMillis()))
        .put("namespace", namespace);
    event.putObject("source").put("component", "learnflow-db");
    ObjectNode about =
        event
            .putObject("involvedObject")
            .put("apiVersion", kind.apiVersion())
            .put("kind", kind.text())
            .put("name", name)
            .put("namespace", namespace);
    // kubectl describe looks for Events by uid.
    api.get(kind, namespace, name)
        .ifPresent(object -> about.put("uid", object.at("/metadata/uid").asText()));
    api.create(Kind.EVENT, namespace, event);
  }
}

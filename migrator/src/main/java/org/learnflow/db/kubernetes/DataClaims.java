package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The claims that hold a release's data: those that are named, or, where none is, those with
 * Bitnami's labels and those that the StatefulSet names {@code data-SET-N}, which needs the right
 * to list claims.
 */
final class DataClaims {
  private final KubernetesApi api;
  private final String namespace;
  private final String release;
  private final String statefulSet;
  private final List<String> named;

  DataClaims(
      KubernetesApi api, String namespace, String release, String statefulSet, List<String> named) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.statefulSet = statefulSet;
    this.named = List.copyOf(named);
  }

  List<JsonNode> all() {
    if (!named.isEmpty()) {
      return named.stream().flatMap(name -> api.get(Kind.CLAIM, namespace, name).stream()).toList();
    }
    Pattern byName = Pattern.compile("data-" + Pattern.quote(statefulSet) + "-\\d+");
    return api.list(Kind.CLAIM, namespace, Map.of()).stream()
        .filter(claim -> isLabelled(claim) || byName.matcher(name(claim)).matches())
        .toList();
  }

  /** Names of those that may hold data: a claim that waits for its first volume holds none. */
  List<String> withData() {
    return all().stream()
        .filter(claim -> !claim.at("/status/phase").asText().equals("Pending"))
        .map(DataClaims::name)
        .toList();
  }

  /** Names of those that are being deleted, which they are as long as a pod uses them. */
  List<String> beingDeleted() {
    return all().stream().filter(DataClaims::isBeingDeleted).map(DataClaims::name).toList();
  }

  static boolean isBeingDeleted(JsonNode claim) {
    return !claim.at("/metadata/deletionTimestamp").isMissingNode();
  }

  private boolean isLabelled(JsonNode claim) {
    JsonNode labels = claim.at("/metadata/labels");
    return labels.path("app.kubernetes.io/instance").asText().equals(release)
        && labels.path("app.kubernetes.io/name").asText().equals("postgresql");
  }

  private static String name(JsonNode claim) {
    return claim.at("/metadata/name").asText();
  }
}

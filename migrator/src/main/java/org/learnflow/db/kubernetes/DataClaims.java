package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The claims that hold a release's data: those with Bitnami's labels, and those that the
 * StatefulSet names {@code data-SET-N}.
 */
final class DataClaims {
  private final KubernetesApi api;
  private final String namespace;
  private final String release;
  private final String statefulSet;

  DataClaims(KubernetesApi api, String namespace, String release, String statefulSet) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.statefulSet = statefulSet;
  }

  List<JsonNode> all() {
    Pattern byName = Pattern.compile("data-" + Pattern.quote(statefulSet) + "-\\d+");
    return api.list(Kind.CLAIM, namespace, Map.of()).stream()
        .filter(claim -> isLabelled(claim) || byName.matcher(name(claim)).matches())
        .toList();
  }

  List<String> names() {
    return all().stream().map(DataClaims::name).toList();
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

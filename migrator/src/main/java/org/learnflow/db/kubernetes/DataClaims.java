package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The claims that hold a release's data: those with Bitnami's labels, those that the StatefulSet
 * names {@code data-SET-N}, and those that are named besides. They are listed, since a claim that
 * no value names any more has a name that nobody knows.
 */
final class DataClaims {
  private final KubernetesApi api;
  private final String namespace;
  private final String release;
  private final String statefulSet;
  private final Set<String> named;
  private final Set<String> retired;

  /**
   * Claims.
   *
   * @param statefulSet empty if unknown
   * @param named names of others that may hold the data
   * @param retired names of those that are ignored, because their data are no longer needed
   */
  DataClaims(
      KubernetesApi api,
      String namespace,
      String release,
      String statefulSet,
      Collection<String> named,
      Collection<String> retired) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.statefulSet = statefulSet;
    this.named = Set.copyOf(named);
    this.retired = Set.copyOf(retired);
  }

  /** Those of an installed release, as far as they can be told from its name. */
  static DataClaims of(Release release, KubernetesApi api) {
    return new DataClaims(
        api,
        release.namespace(),
        release.name(),
        release.statefulSet().orElse(""),
        List.of(),
        List.of());
  }

  List<JsonNode> all() {
    Pattern byName = Pattern.compile("data-" + Pattern.quote(statefulSet) + "-\\d+");
    return api.list(Kind.CLAIM, namespace, Map.of()).stream()
        .filter(claim ->
            isLabelled(claim)
                || byName.matcher(name(claim)).matches()
                || named.contains(name(claim)))
        .filter(claim -> !retired.contains(name(claim)))
        .toList();
  }

  /** Those that may contain data: a claim that waits for its first volume contains none. */
  List<JsonNode> withData() {
    return all().stream()
        .filter(claim -> !claim.at("/status/phase").asText().equals("Pending"))
        .toList();
  }

  private boolean isLabelled(JsonNode claim) {
    JsonNode labels = claim.at("/metadata/labels");
    // CloudNativePG labels so too, and its Cluster can have the release's name.
    return labels.path("app.kubernetes.io/instance").asText().equals(release)
        && labels.path("app.kubernetes.io/name").asText().equals("postgresql")
        && !labels.has("cnpg.io/cluster");
  }

  static String name(JsonNode claim) {
    return claim.at("/metadata/name").asText();
  }
}

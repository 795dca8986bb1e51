package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.learnflow.db.Failure;

/**
 * What CloudNativePG says about a Cluster. Source: CloudNativePG 1.30, "API Reference", ClusterSpec
 * and ClusterStatus.
 *
 * @param name of the Cluster
 * @param phase such as {@code Failing over}; empty until the operator has seen it
 * @param reason of that phase, if it gives one
 * @param instances wanted
 * @param ready those that serve
 * @param primary name of the pod that takes writes; empty where none does
 * @param target name of the pod that is to take writes
 * @param stopped why nothing runs by somebody's will, and the command that ends it
 * @param names of all instances' pods
 * @param archiving {@code off}, {@code working}, or {@code failing: WHY}
 */
public record ClusterStatus(
    String name,
    String phase,
    String reason,
    int instances,
    int ready,
    String primary,
    String target,
    Optional<Stopped> stopped,
    List<String> names,
    String archiving) {
  private static final String HEALTHY = "Cluster in healthy state";
  private static final String HIBERNATION = "cnpg.io/hibernation";
  private static final String FENCED = "cnpg.io/fencedInstances";

  /** How archiving is called where the Cluster has none, whatever its condition says. */
  static final String OFF = "off";

  static final String WORKING = "working";

  /**
   * Why nothing runs.
   *
   * @param how {@code hibernated} or the like
   * @param next the command that ends it
   */
  public record Stopped(String how, String next) {}

  static ClusterStatus of(JsonNode cluster) {
    JsonNode status = cluster.path("status");
    String name = cluster.at("/metadata/name").asText();
    String primary = status.path("currentPrimary").asText();
    return new ClusterStatus(
        name,
        status.path("phase").asText(),
        Events.oneLine(status.path("phaseReason")).replaceFirst("\\.$", ""),
        cluster.at("/spec/instances").asInt(1),
        status.path("readyInstances").asInt(),
        primary,
        status.path("targetPrimary").asText(),
        stopped(cluster, name, primary),
        status.path("instanceNames").valueStream().map(JsonNode::asText).toList(),
        archiving(cluster));
  }

  private static Optional<Stopped> stopped(JsonNode cluster, String name, String primary) {
    String namespace = cluster.at("/metadata/namespace").asText();
    if (!cluster.at("/metadata/deletionTimestamp").isMissingNode()) {
      return Optional.of(
          new Stopped(
              "being deleted", "kubectl -n %s get %s %s".formatted(namespace, kind(), name)));
    }
    JsonNode annotations = cluster.at("/metadata/annotations");
    if (annotations.path(HIBERNATION).asText().equals("on")) {
      return Optional.of(
          new Stopped("hibernated", annotate(namespace, name, HIBERNATION + "=off --overwrite")));
    }
    String fenced = annotations.path(FENCED).asText();
    Set<String> words = new HashSet<>(List.of(fenced.split("[\\[\\]\", ]+", -1)));
    return words.contains("*") || (!primary.isEmpty() && words.contains(primary))
        ? Optional.of(new Stopped("fenced", annotate(namespace, name, FENCED + "-")))
        : Optional.empty();
  }

  private static String annotate(String namespace, String name, String change) {
    return "kubectl -n %s annotate %s %s %s".formatted(namespace, kind(), name, change);
  }

  private static String kind() {
    return Kind.CLUSTER.singular();
  }

  /** The condition says that it works where nothing is archived, too. */
  private static String archiving(JsonNode cluster) {
    boolean wanted =
        cluster.at("/spec/backup/barmanObjectStore").isObject()
            || cluster
                .at("/spec/plugins")
                .valueStream()
                .anyMatch(plugin ->
                    plugin.path("isWALArchiver").asBoolean()
                        && plugin.path("enabled").asBoolean(true));
    if (!wanted) {
      return OFF;
    }
    return PodDiagnosis.condition(cluster, "ContinuousArchiving")
        .map(condition ->
            condition.path("status").asText().equals("True")
                ? WORKING
                : "failing: " + Events.oneLine(condition.path("message")))
        .orElse("not begun");
  }

  /** Whether the operator finds nothing to do, and a pod takes writes. */
  boolean isHealthy() {
    return stopped.isEmpty()
        && phase.equals(HEALTHY)
        && ready > 0
        && !primary.isEmpty()
        && primary.equals(target);
  }

  /** In CloudNativePG's words. */
  public String state() {
    return stopped
        .map(Stopped::how)
        .orElse(
            phase.isEmpty()
                ? "its operator has not seen it yet"
                : reason.isEmpty() ? phase : "%s: %s".formatted(phase, reason));
  }

  String text() {
    return "Cluster %s: %s, %d of %d instances ready".formatted(name, state(), ready, instances);
  }

  /** What keeps it from what was asked for, as people see it on one line. */
  public String summary() {
    return "%d of %d instances ready, primary %s, %s, WAL archiving %s"
        .formatted(ready, instances, primary.isEmpty() ? "none" : primary, state(), archiving);
  }

  /** Whether something is to be done about it though the primary serves. */
  public boolean needsAttention() {
    return ready < instances || !(archiving.equals(OFF) || archiving.equals(WORKING));
  }

  /**
   * When the newest good backup of CloudNativePG's was finished, RFC 3339; empty if there is none.
   *
   * @throws Failure where Backups may not be read
   */
  static Optional<String> lastBackup(KubernetesApi api, String namespace, String name) {
    return api.list(Kind.BACKUP, namespace, Map.of()).stream()
        .filter(backup -> backup.at("/spec/cluster/name").asText().equals(name))
        .filter(backup -> backup.at("/status/phase").asText().equals("completed"))
        .map(backup -> backup.at("/status/stoppedAt").asText())
        .max(Comparator.naturalOrder());
  }

  /** Roles that the Cluster's own manifest sets passwords and memberships of. */
  static Set<String> managedRoles(JsonNode cluster) {
    Set<String> roles =
        cluster
            .at("/spec/managed/roles")
            .valueStream()
            .map(role -> role.path("name").asText())
            .collect(Collectors.toCollection(HashSet::new));
    String owner = cluster.at("/spec/bootstrap/initdb/owner").asText();
    if (!owner.isEmpty()) {
      roles.add(owner);
    }
    return roles;
  }
}

package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a release's pod and volume look like; changes nothing. */
public final class ReleaseState {
  private final KubernetesApi api;
  private final Release release;

  /** The state of a release. */
  public ReleaseState(KubernetesApi api, Release release) {
    this.api = api;
    this.release = release;
  }

  /**
   * A pod.
   *
   * @param phase Pending, Running, Succeeded, Failed or Unknown
   * @param restarts of all its containers
   * @param image of its first container
   */
  public record Pod(String name, String phase, boolean ready, int restarts, String image) {}

  /**
   * A data volume.
   *
   * @param claim name of the PersistentVolumeClaim
   * @param phase Pending, Bound or Lost
   * @param size that it has, else that it asks for, such as 10Gi
   * @param storageClass empty where it names none
   */
  public record Storage(String claim, String phase, String size, String storageClass) {}

  /** The database's pods: that of the StatefulSet, or those of the Cluster. */
  public List<Pod> pods() {
    return cluster()
        .map(cluster ->
            cluster.names().stream()
                .flatMap(pod -> api.get(Kind.POD, release.namespace(), pod).stream())
                .map(ReleaseState::pod)
                .toList())
        .orElseGet(() ->
            release.hosting(api, false).flatMap(PodHosting::pod).map(ReleaseState::pod).stream()
                .toList());
  }

  /** What CloudNativePG says, if it runs the database and has the Cluster. */
  public Optional<ClusterStatus> cluster() {
    return clusterName()
        .flatMap(name -> api.get(Kind.CLUSTER, release.namespace(), name))
        .map(ClusterStatus::of);
  }

  private Optional<String> clusterName() {
    return release.server().filter(server -> !server.isStatefulSet()).map(ServerObject::name);
  }

  /** When CloudNativePG's newest good backup of it was finished, RFC 3339; empty without one. */
  public Optional<String> lastClusterBackup() {
    return clusterName().flatMap(name -> ClusterStatus.lastBackup(api, release.namespace(), name));
  }

  private static Pod pod(JsonNode pod) {
    return new Pod(
        pod.at("/metadata/name").asText(),
        pod.at("/status/phase").asText(),
        PodHosting.isReady(pod),
        pod.at("/status/containerStatuses")
            .valueStream()
            .mapToInt(status -> status.path("restartCount").asInt())
            .sum(),
        pod.at("/spec/containers/0/image").asText());
  }

  /** Its data volumes; none for an external database, or where data goes with the pod. */
  public List<Storage> storage() {
    return release.server().map(this::claims).orElse(List.of()).stream()
        .map(ReleaseState::storage)
        .toList();
  }

  private List<JsonNode> claims(ServerObject server) {
    return server.isStatefulSet()
        ? DataClaims.of(release, api).all()
        : api.list(
            Kind.CLAIM,
            release.namespace(),
            Map.of("labelSelector", "cnpg.io/cluster=" + server.name()));
  }

  private static Storage storage(JsonNode claim) {
    String size = claim.at("/status/capacity/storage").asText();
    return new Storage(
        claim.at("/metadata/name").asText(),
        claim.at("/status/phase").asText(),
        size.isEmpty() ? claim.at("/spec/resources/requests/storage").asText() : size,
        claim.at("/spec/storageClassName").asText());
  }
}

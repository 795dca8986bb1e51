package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
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

  /** The database's pod, if there is one. */
  public Optional<Pod> pod() {
    return release
        .statefulSet()
        .flatMap(set ->
            new StatefulSetHosting(api, release.namespace(), release.name(), set, Optional.empty())
                .pod())
        .map(ReleaseState::pod);
  }

  private static Pod pod(JsonNode pod) {
    return new Pod(
        pod.at("/metadata/name").asText(),
        pod.at("/status/phase").asText(),
        StatefulSetHosting.isReady(pod),
        pod.at("/status/containerStatuses")
            .valueStream()
            .mapToInt(status -> status.path("restartCount").asInt())
            .sum(),
        pod.at("/spec/containers/0/image").asText());
  }

  /** Its data volumes; none for an external database, or where data goes with the pod. */
  public List<Storage> storage() {
    return release
        .statefulSet()
        .map(_ -> DataClaims.of(release, api).all())
        .orElse(List.of())
        .stream()
        .map(ReleaseState::storage)
        .toList();
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

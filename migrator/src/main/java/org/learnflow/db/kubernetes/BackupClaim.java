package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * The claim of the volume that dumps are kept on. Made once and never changed: an object of the
 * release would go with it, and under {@code --wait} Helm would wait for its volume, which many
 * storage classes make only when the first pod uses it.
 */
public final class BackupClaim {
  private final KubernetesApi api;
  private final String namespace;
  private final String release;
  private final String name;

  /** A claim. */
  public BackupClaim(KubernetesApi api, String namespace, String release, String name) {
    this.api = api;
    this.namespace = namespace;
    this.release = release;
    this.name = name;
  }

  /**
   * Makes it where it is not there.
   *
   * @param size as Kubernetes writes it, such as 10Gi
   * @param storageClass empty: the cluster's default
   * @return whether it was made
   * @throws Failure 10 where it is being deleted
   */
  public boolean ensure(String size, String storageClass) {
    Optional<JsonNode> found = api.get(Kind.CLAIM, namespace, name);
    if (found.filter(DataClaims::isBeingDeleted).isPresent()) {
      throw Failure.of(
              ExitCode.REFUSED,
              "PersistentVolumeClaim %s, which is for dumps, is being deleted".formatted(name))
          .where("namespace " + namespace)
          .state(
              "it was left alone; its dumps are there until no pod uses it, not even one that has"
                  + " ended, and a new pod would wait for it")
          .next(
              ("if you need the dumps, take them off first: docs/backup.md; then let go of it:"
                      + " kubectl -n %1$s delete job %2$s-dump; what else holds it stands under Used"
                      + " By: kubectl -n %1$s describe pvc %3$s; and the same command again")
                  .formatted(namespace, release, name));
    }
    if (found.isPresent()) {
      return false;
    }
    ObjectNode claim =
        KubernetesApi.object().put("apiVersion", "v1").put("kind", "PersistentVolumeClaim");
    ObjectNode labels =
        claim
            .putObject("metadata")
            .put("name", name)
            .put("namespace", namespace)
            .putObject("labels");
    KubernetesTarget.LABELS.forEach(labels::put);
    ObjectNode spec = claim.putObject("spec");
    spec.putArray("accessModes").add("ReadWriteOnce");
    spec.putObject("resources").putObject("requests").put("storage", size);
    if (!storageClass.isEmpty()) {
      spec.put("storageClassName", storageClass);
    }
    return api.make(Kind.CLAIM, namespace, claim).isPresent();
  }
}

package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * The claim of the volume that dumps are kept on. Made once and never changed: an object of the
 * release would go with it, and under {@code --wait} Helm would wait for its volume, which many
 * storage classes make only when the first pod uses it.
 */
public final class BackupClaim {
  private final KubernetesApi api;
  private final String namespace;
  private final String name;

  /** A claim. */
  public BackupClaim(KubernetesApi api, String namespace, String name) {
    this.api = api;
    this.namespace = namespace;
    this.name = name;
  }

  /**
   * Makes it where it is not there.
   *
   * @param size as Kubernetes writes it, such as 10Gi
   * @param storageClass empty: the cluster's default
   * @return whether it was made
   */
  public boolean ensure(String size, String storageClass) {
    if (api.get(Kind.CLAIM, namespace, name).isPresent()) {
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

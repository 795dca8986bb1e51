package org.learnflow.db.verify;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.ReleaseState;

/**
 * The state of a release at a glance.
 *
 * @param pods the database's; none for an external one
 * @param cluster what CloudNativePG says, if it runs the database
 * @param storage data volumes
 * @param published the expected objects, as they were found
 * @param problem why {@code status} is missing, or what else is wrong with the release, otherwise
 *     empty
 * @param status of the database
 */
public record ReleaseStatus(
    Map<String, String> release,
    List<ReleaseState.Pod> pods,
    @Nullable Cluster cluster,
    List<ReleaseState.Storage> storage,
    List<KubernetesTarget.Found> published,
    String problem,
    @Nullable DatabaseStatus status) {

  /**
   * A Cluster of CloudNativePG.
   *
   * @param state in CloudNativePG's words
   * @param instances wanted
   * @param ready those that serve
   * @param primary pod that takes writes; empty without one
   * @param archiving of WAL: {@code off}, {@code working}, or {@code failing: WHY}
   * @param lastBackup when CloudNativePG's newest good backup was finished, RFC 3339; empty without
   *     one
   * @param replicas that follow the primary; empty if it could not be asked
   */
  public record Cluster(
      String name,
      String state,
      int instances,
      int ready,
      String primary,
      String archiving,
      String lastBackup,
      List<Replica> replicas) {}
}

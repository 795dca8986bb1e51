package org.learnflow.db.cli;

import org.learnflow.db.kubernetes.BackupClaim;
import picocli.CommandLine.Option;

/** The claim of the volume that holds a release's dumps. */
final class BackupClaimOptions {
  @Option(
      names = "--backup-claim",
      paramLabel = "NAME",
      description = "PersistentVolumeClaim for dumps (default: none).")
  private String claim = "";

  @Option(
      names = "--backup-size",
      paramLabel = "SIZE",
      description = "Its size, or existing for a claim that you create yourself (default: 10Gi).")
  private String size = "10Gi";

  @Option(
      names = "--backup-storage-class",
      paramLabel = "NAME",
      description = "Its storage class (default: the cluster's).")
  private String storageClass = "";

  /** Creates the claim if one is named and does not exist. */
  void ensure(ClusterOptions cluster, ConsoleProgress progress) {
    if (!claim.isEmpty()
        && new BackupClaim(cluster.api(), cluster.namespace(), cluster.release(), claim)
            .ensure(size, storageClass)) {
      progress.line(
          "backup",
          "PersistentVolumeClaim %s in namespace %s: created, %s"
              .formatted(claim, cluster.namespace(), size));
    }
  }
}

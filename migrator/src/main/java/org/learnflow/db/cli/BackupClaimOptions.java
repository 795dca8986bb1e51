package org.learnflow.db.cli;

import org.learnflow.db.kubernetes.BackupClaim;
import picocli.CommandLine.Option;

/** The claim of the volume that a release's dumps are kept on. */
final class BackupClaimOptions {
  @Option(
      names = "--backup-claim",
      paramLabel = "NAME",
      description = "PersistentVolumeClaim for dumps (default: none).")
  private String claim = "";

  @Option(
      names = "--backup-size",
      paramLabel = "SIZE",
      description = "Its size, or existing for one that somebody else makes (default: 10Gi).")
  private String size = "10Gi";

  @Option(
      names = "--backup-storage-class",
      paramLabel = "NAME",
      description = "Its storage class (default: the cluster's).")
  private String storageClass = "";

  /** Makes it where it is named and not there; what was done, one line. */
  String ensure(ClusterOptions cluster, ConsoleProgress progress) {
    if (claim.isEmpty()) {
      return "no claim is named";
    }
    boolean made =
        new BackupClaim(cluster.api(), cluster.namespace(), cluster.release(), claim)
            .ensure(size, storageClass);
    String text =
        "PersistentVolumeClaim %s in namespace %s: %s"
            .formatted(claim, cluster.namespace(), made ? "made, " + size : "there, unchanged");
    if (made) {
      progress.line("backup", text);
    }
    return text;
  }
}

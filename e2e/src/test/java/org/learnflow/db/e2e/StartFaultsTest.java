package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.PersistentVolume;
import io.fabric8.kubernetes.api.model.PersistentVolumeBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** PostgreSQL does not come up. */
@ExtendWith(Workspaces.class)
class StartFaultsTest {
  @Test
  @DisplayName("no StorageClass: said, with the claim's name; with one, the same command succeeds")
  void noStorageClass(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    OnCall onCall = new OnCall(release, "no StorageClass");
    String[] causes = {
      "PersistentVolumeClaim data-postgres-0 over 10Gi is Pending, no StorageClass",
      "pod postgres-0 is Unschedulable",
      "kubectl get storageclass,pv"
    };
    onCall.installs(
        new String[] {"--set-string", "postgresql.primary.persistence.storageClass=-"}, causes);
    onCall.asks("no StorageClass: it names none, and the cluster has no default");

    release.uninstall().successful();
    workspace
        .client()
        .persistentVolumeClaims()
        .inNamespace(release.namespace())
        .withName("data-postgres-0")
        .delete();
    release.upgradeInstall().successful();
  }

  @Test
  @DisplayName("a StorageClass for dumps that is not there: the first hook says so, not the last")
  void noClassForDumps(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    new OnCall(release, "no StorageClass for dumps")
        .installs(
            new String[] {"--set", "backup.volume.storageClass=nope"},
            "PersistentVolumeClaim learnflow-db-backups for dumps gets no volume: the"
                + " cluster has no StorageClass nope",
            "kubectl -n %s delete pvc learnflow-db-backups".formatted(release.namespace()));
    assertThat(release.statefulSet().get()).as("nothing was applied").isNull();
    workspace
        .client()
        .persistentVolumeClaims()
        .inNamespace(release.namespace())
        .withName("learnflow-db-backups")
        .delete();
    release.upgradeInstall().successful();
  }

  @Test
  @DisplayName("a claim larger than any volume: said, with its size and the class")
  void claimTooLarge(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    // A class without a provisioner, whose only volume is small.
    String name = release.namespace();
    PersistentVolume small =
        new PersistentVolumeBuilder()
            .withNewMetadata()
            .withName(name)
            .endMetadata()
            .withNewSpec()
            .withStorageClassName(name)
            .withAccessModes("ReadWriteOnce")
            .addToCapacity("storage", new Quantity("1Gi"))
            .withNewHostPath("/nonexistent", "")
            .endSpec()
            .build();
    workspace.client().resource(small).create();
    try {
      OnCall onCall = new OnCall(release, "a claim larger than any volume");
      onCall.installs(
          new String[] {"--set", "postgresql.primary.persistence.storageClass=" + name},
          "PersistentVolumeClaim data-postgres-0 over 10Gi is Pending, StorageClass " + name,
          "kubectl get storageclass,pv");
      onCall.asks("PersistentVolumeClaim data-postgres-0 over 10Gi is Pending");
    } finally {
      workspace.client().resource(small).delete();
    }
  }

  @Test
  @DisplayName("an image of PostgreSQL that cannot be pulled: said, with the image's name")
  void imageCannotBePulled(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    OnCall onCall = new OnCall(release, "PostgreSQL's image cannot be pulled");
    onCall.installs(
        new String[] {"--set-string", "postgresql.image.tag=no-such-tag"},
        "ImagePull",
        ":no-such-tag",
        "describe pod postgres-0");
    onCall.asks("ImagePull", ":no-such-tag");
  }

  @Test
  @DisplayName(
      "PostgreSQL crashes on a bad configuration: said, with its last log line; corrected, all rows are there")
  void badConfiguration(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("add", "ada");
    OnCall onCall = new OnCall(release, "PostgreSQL crashes on a bad configuration");
    onCall.installs(
        new String[] {
          "--set", "postgresql.primary.extendedConfiguration=shared_buffers = nonsense"
        },
        "restarts, last log line:",
        "override.conf\\\" contains errors",
        "logs postgres-0");
    onCall.asks("restarts, last log line:", "override.conf\" contains errors");

    // Kubernetes does not replace a pod that never became ready.
    new OnCall(release, "and corrected, but the old pod is still there")
        .installs(
            new String[0],
            "pod postgres-0 is of the previous revision and not ready",
            "kubectl -n %s delete pod postgres-0".formatted(namespace));
    workspace.client().pods().inNamespace(namespace).withName("postgres-0").delete();
    release.upgradeInstall().successful();
    new Service(workspace, namespace).run("find", "ada");
  }

  @Test
  @DisplayName("PostgreSQL is killed for its memory: OOMKilled, and which value is to be raised")
  void outOfMemory(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    OnCall onCall = new OnCall(release, "out of memory");
    String memory = "postgresql.primary.resources.%s.memory=12Mi";
    onCall.installs(
        new String[] {"--set", memory.formatted("limits") + "," + memory.formatted("requests")},
        "OOMKilled",
        "out of memory",
        "postgresql.primary.resources.limits.memory");
    onCall.asks("OOMKilled", "out of memory");
  }
}

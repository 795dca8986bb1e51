package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaimList;
import io.fabric8.kubernetes.client.dsl.NonNamespaceOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.Eventually;

/**
 * What {@code credentials ensure} does besides: the volume for dumps, and values that cannot be.
 */
class StatefulSetChangeTest {
  private static final String NO_VOLUME = "[]";
  private static final String TEN_GIBIBYTES =
      """
      [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}]
      """;

  private static final String NO_CLASS =
      "no persistent volumes available for this claim and no storage class is set";

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("values that the StatefulSet cannot take are");
  }

  private void living(String volumes) {
    server.apply(
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: postgres}
        spec:
          serviceName: postgres
          replicas: 0
          selector: {matchLabels: {app: postgres}}
          template:
            metadata: {labels: {app: postgres}}
            spec: {containers: [{name: postgresql, image: "registry.example:5000/postgresql:17.6.0-debian-12-r4"}]}
          volumeClaimTemplates: %s
        """
            .formatted(volumes.strip()));
  }

  /** Changes the living one's container. */
  private void edit(Consumer<Container> change) {
    server
        .client()
        .apps()
        .statefulSets()
        .inNamespace(server.namespace())
        .withName("postgres")
        .edit(set -> {
          change.accept(set.getSpec().getTemplate().getSpec().getContainers().getFirst());
          return set;
        });
  }

  private CliResult ensure(String... more) {
    return server.ensure(List.of("--stateful-set", "postgres"), more);
  }

  private CliResult wanted(String size, String tag) {
    return ensure("--data-size", size, "--postgresql-image", "registry.example:5000/db:" + tag);
  }

  @Test
  void whatTheStatefulSetCanTakeGoesOn() {
    assertThat(wanted("10Gi", "17")).exited(ExitCode.OK);
    living(TEN_GIBIBYTES);
    assertThat(wanted("10Gi", "17.5")).exited(ExitCode.OK);
    assertThat(wanted("10240Mi", "17.7.0")).exited(ExitCode.OK);
    assertThat(wanted("10Gi", "latest")).exited(ExitCode.OK);
    assertThat(wanted("10Gi", "2026-11")).exited(ExitCode.OK);
  }

  @Test
  void anotherVolumeIsRefusedWithThePageThatHelps() {
    living(TEN_GIBIBYTES);
    assertThat(wanted("20Gi", "17"))
        .exited(ExitCode.REFUSED)
        .says("a volume of 20Gi, but that of StatefulSet postgres has 10Gi")
        .says("docs/how-to/volume.md");
    assertThat(wanted("5G", "17")).exited(ExitCode.REFUSED).says("volumes do not shrink");
    assertThat(wanted("none", "17")).exited(ExitCode.REFUSED).says("docs/how-to/dev-to-prod.md");
  }

  @Test
  void aVolumeWhereThereIsNoneIsRefused() {
    living(NO_VOLUME);
    assertThat(wanted("10Gi", "17")).exited(ExitCode.REFUSED).says("docs/how-to/dev-to-prod.md");
    assertThat(wanted("existing", "17"))
        .exited(ExitCode.REFUSED)
        .says("docs/how-to/dev-to-prod.md");
    // The data go with the pod anyway.
    assertThat(wanted("none", "18")).exited(ExitCode.OK);
  }

  @Test
  void anExistingClaimStaysInUse() {
    server.apply(
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: postgres}
        spec:
          serviceName: postgres
          replicas: 0
          selector: {matchLabels: {app: postgres}}
          template:
            metadata: {labels: {app: postgres}}
            spec:
              containers: [{name: postgresql, image: "postgresql:17"}]
              volumes: [{name: data, persistentVolumeClaim: {claimName: mine}}]
        """);
    assertThat(wanted("existing", "17")).exited(ExitCode.OK);
    assertThat(wanted("existing", "18"))
        .exited(ExitCode.REFUSED)
        .says("docs/how-to/major-upgrade.md");
    assertThat(wanted("none", "17"))
        .exited(ExitCode.REFUSED)
        .says("the values want no volume, but StatefulSet postgres has one");
    assertThat(wanted("10Gi", "17"))
        .exited(ExitCode.REFUSED)
        .says("the values want a new volume, but that of StatefulSet postgres is an existing one")
        .says("restore postgresql.primary.persistence.existingClaim");
  }

  @Test
  void anExistingClaimInPlaceOfWhatTheSetHasIsRefused() {
    living(TEN_GIBIBYTES);
    assertThat(wanted("existing", "17"))
        .exited(ExitCode.REFUSED)
        .says("the values want an existing volume, but that of StatefulSet postgres is its own");
  }

  @Test
  void anotherMajorVersionOnTheSameVolumeIsRefused() {
    living(TEN_GIBIBYTES);
    assertThat(wanted("10Gi", "18.0.0-debian-12-r1"))
        .exited(ExitCode.REFUSED)
        .says("PostgreSQL 18, which does not start on the data of PostgreSQL 17")
        .says("docs/how-to/major-upgrade.md");
  }

  /** A living StatefulSet that the chart's script starts. */
  private void startedByTheScript(String volumes) {
    living(volumes);
    edit(container ->
        container.setCommand(List.of("sh", "-c", "exec sh /start/start.sh \"$@\"", "0123")));
  }

  private CliResult started(String size, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of("--data-size", size, "--postgresql-image", "docker.io/library/postgres:17"));
    arguments.addAll(List.of(more));
    return ensure(arguments.toArray(String[]::new));
  }

  @Test
  void anotherStartOnTheSameVolumeIsRefusedUntilItIsAccepted() {
    living(TEN_GIBIBYTES);
    assertThat(started("10Gi", "--postgresql-start", "image")).exited(ExitCode.OK);
    assertThat(started("10Gi", "--postgresql-start", "script"))
        .exited(ExitCode.REFUSED)
        .says(
            "the values want PostgreSQL started by the chart's script, from"
                + " docker.io/library/postgres:17, but that of StatefulSet postgres is started by"
                + " the image itself, from registry.example:5000/postgresql:17.6.0-debian-12-r4",
            "StatefulSet postgres in namespace " + server.namespace(),
            "nothing was changed, the database keeps running",
            "add --values values-bitnami-image.yaml, before your own values,",
            "docs/how-to/official-image.md",
            "postgresql.image.acceptStart=script");
    assertThat(started("10Gi", "--postgresql-start", "script", "--accept-start", "image"))
        .exited(ExitCode.REFUSED);
    assertThat(started("10Gi", "--postgresql-start", "script", "--accept-start", "script"))
        .exited(ExitCode.OK);
  }

  @Test
  void theWayBackToAnImageThatStartsItselfIsRefusedUntilItIsAccepted() {
    startedByTheScript(TEN_GIBIBYTES);
    assertThat(started("10Gi", "--postgresql-start", "script")).exited(ExitCode.OK);
    assertThat(started("10Gi", "--postgresql-start", "image"))
        .exited(ExitCode.REFUSED)
        .says(
            "started by the image itself, from docker.io/library/postgres:17, but that of"
                + " StatefulSet postgres is started by the chart's script",
            "to stay as it is, leave out values-bitnami-image.yaml;",
            "postgresql.image.acceptStart=image");
    assertThat(started("10Gi", "--postgresql-start", "image", "--accept-start", "image"))
        .exited(ExitCode.OK);
  }

  @Test
  void anotherStartWithoutAVolumeGoesOn() {
    living(NO_VOLUME);
    assertThat(started("none", "--postgresql-start", "script")).exited(ExitCode.OK);
  }

  private static String digest(String begin) {
    return "sha256:" + begin + "0123456789abcdef".repeat(4).substring(begin.length());
  }

  /** As the subchart names an image by digest, and what the chart says about it. */
  private void livingByDigest(String digest, String recorded) {
    living(TEN_GIBIBYTES);
    edit(container -> container.setImage("registry.example:5000/db@" + digest));
    server.apply(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: learnflow-db-release}
        data: {postgresql-image: "%s"}
        """
            .formatted(recorded));
  }

  @Test
  void theTagBesideADigestSaysTheMajorVersion() {
    String living = digest("17ab");
    livingByDigest(living, "registry.example:5000/db:17.11-trixie@" + living);
    assertThat(wanted("10Gi", "17.12-trixie@" + digest("18cd"))).exited(ExitCode.OK);
    assertThat(wanted("10Gi", "17.12-trixie")).exited(ExitCode.OK);
    assertThat(wanted("10Gi", "18.7-trixie@" + digest("17cd")))
        .exited(ExitCode.REFUSED)
        .says(
            "PostgreSQL 18, which does not start on the data of PostgreSQL 17",
            "restore postgresql.image.tag, which has to name the version of postgresql.image.digest",
            "docs/how-to/major-upgrade.md");
    assertThat(wanted("10Gi", "18.7-trixie")).exited(ExitCode.REFUSED);
    // The same image, whatever its tag says.
    assertThat(wanted("10Gi", "18.7-trixie@" + living)).exited(ExitCode.OK);
  }

  /** Nothing says which version that is. */
  @ParameterizedTest
  @ValueSource(strings = {":17.11-trixie@sha256:99", "@sha256:17ab"})
  void aDigestAloneSaysNothing(String recorded) {
    livingByDigest(digest("17ab"), "registry.example:5000/db" + recorded);
    assertThat(wanted("10Gi", "18.7-trixie")).exited(ExitCode.OK);
  }

  @Test
  void aWantedDigestAloneSaysNothing() {
    living(TEN_GIBIBYTES);
    assertThat(
            ensure(
                "--data-size",
                "10Gi",
                "--postgresql-image",
                "registry.example:5000/db@" + digest("18ab")))
        .exited(ExitCode.OK);
  }

  /** A StatefulSet of release {@code learnflow-db}, as the subchart labels it. */
  private void ofLearnflowDb(String instanceLabel) {
    server.apply(
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: postgres, labels: {app.kubernetes.io/instance: %s}}
        spec:
          serviceName: postgres
          replicas: 0
          selector: {matchLabels: {app.kubernetes.io/name: postgresql, app.kubernetes.io/instance: learnflow-db}}
          template:
            metadata: {labels: {app.kubernetes.io/name: postgresql, app.kubernetes.io/instance: learnflow-db}}
            spec: {containers: [{name: postgresql, image: "postgresql:17"}]}
          volumeClaimTemplates: %s
        """
            .formatted(instanceLabel, TEN_GIBIBYTES.strip()));
  }

  @Test
  void aReleaseWithAnotherNameIsRefusedBeforeItsPasswordsAreMade() {
    ofLearnflowDb("learnflow-db");
    assertThat(ensure("--release", "lessons"))
        .exited(ExitCode.REFUSED)
        .says(
            "this release is lessons, but the database in this namespace is that of release"
                + " learnflow-db",
            "StatefulSet postgres in namespace " + server.namespace(),
            "nothing was changed, the database keeps running",
            "docs/how-to/rename.md");
    assertThat(server.client().secrets().inNamespace(server.namespace()).list().getItems())
        .isEmpty();
  }

  @Test
  void theNameThatArgoCdWritesOverTheLabelDoesNotCount() {
    ofLearnflowDb("an-application");
    assertThat(ensure("--release", "learnflow-db")).exited(ExitCode.OK);
    assertThat(ensure("--release", "an-application")).exited(ExitCode.REFUSED);
  }

  @Test
  void theVolumeOfAnotherReleaseIsRefusedUntilItIsGivenAway() {
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata:
          name: data-postgres-0
          labels: {app.kubernetes.io/name: postgresql, app.kubernetes.io/instance: learnflow-db}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: lessons-credentials}
        stringData: {postgres-password: a, password: b, app-password: c}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: learnflow-db-credentials}
        stringData: {postgres-password: a, password: b, app-password: c}
        """);
    assertThat(ensure("--release", "learnflow-db")).exited(ExitCode.OK);
    assertThat(ensure("--release", "lessons"))
        .exited(ExitCode.REFUSED)
        .says(
            "this release is lessons, but the database in this namespace is that of release"
                + " learnflow-db",
            "PersistentVolumeClaim data-postgres-0",
            "docs/how-to/rename.md");
    server
        .client()
        .persistentVolumeClaims()
        .inNamespace(server.namespace())
        .withName("data-postgres-0")
        .edit(claim -> {
          claim.getMetadata().getLabels().put("app.kubernetes.io/instance", "lessons");
          claim.getMetadata().setFinalizers(List.of());
          return claim;
        });
    assertThat(ensure("--release", "lessons")).exited(ExitCode.OK);
    assertThat(ensure("--release", "learnflow-db")).exited(ExitCode.REFUSED);
  }

  @Test
  void aSecretOfSomebodyElseIsLeftToThemAndTheChecksAreTheSame() {
    assertThat(ensure("--no-secret", "--release", "others", "--data-size", "10Gi"))
        .exited(ExitCode.OK);
    assertThat(
            server
                .client()
                .secrets()
                .inNamespace(server.namespace())
                .withName("others-credentials")
                .get())
        .isNull();
    living(TEN_GIBIBYTES);
    assertThat(ensure("--no-secret", "--release", "others", "--data-size", "20Gi"))
        .exited(ExitCode.REFUSED)
        .says("docs/how-to/volume.md");
  }

  @Test
  void theClaimForDumpsIsMadeOnceAndLeftAlone() {
    assertThat(ensure("--backup-claim", "r-backups", "--backup-size", "3Gi")).exited(ExitCode.OK);
    var made = claim();
    assertThat(made.getSpec().getResources().getRequests().get("storage")).hasToString("3Gi");

    assertThat(ensure("--backup-claim", "r-backups", "--backup-size", "4Gi")).exited(ExitCode.OK);

    assertThat(claim().getMetadata().getResourceVersion())
        .isEqualTo(made.getMetadata().getResourceVersion());
    release("r-backups");
  }

  @Test
  void aClaimForDumpsThatIsBeingDeletedIsNotTakenForOneThatIsThere() {
    ensure("--backup-claim", "r-backups");
    server.client().resource(claim()).delete();
    assertThat(claim().isMarkedForDeletion()).isTrue();
    uses("r-migrate-x", "r-backups");

    assertThat(ensure("--release", "r", "--backup-claim", "r-backups"))
        .exited(ExitCode.REFUSED)
        .says(
            "PersistentVolumeClaim r-backups for dumps is being deleted",
            "held by finalizer kubernetes.io/pvc-protection; it is used by pod r-migrate-x (",
            "its dumps exist until no pod uses it",
            "kubectl -n %s delete job r-migrate".formatted(server.namespace()),
            "the same command again");

    release("r-backups");
    assertThat(ensure("--backup-claim", "r-backups")).exited(ExitCode.OK);
    assertThat(claim().isMarkedForDeletion()).isFalse();
    release("r-backups");
  }

  @Test
  void aVolumeThatIsBeingDeletedIsRefusedWhileItsPodRunsAndAfterwards() {
    assertThat(ensure()).exited(ExitCode.OK);
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data-postgres-0}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        """);
    assertThat(ensure()).exited(ExitCode.OK);
    claims().withName("data-postgres-0").delete();
    uses("postgres-0", "data-postgres-0");
    for (String[] named :
        new String[][] {{}, {"--data-claim", "data-postgres-0"}, {"--no-secret"}}) {
      assertThat(ensure(named))
          .exited(ExitCode.REFUSED)
          .says(
              "the database's volume is being deleted: PersistentVolumeClaim data-postgres-0",
              "data-postgres-0 by finalizer kubernetes.io/pvc-protection; it is used by pod"
                  + " postgres-0 (",
              "the data are there until no pod uses the volume",
              "backup --stateful-set postgres learnflow.dump --release learnflow-db --namespace "
                  + server.namespace()
                  + ";",
              "the same command again");
    }
    living(TEN_GIBIBYTES);
    assertThat(wanted("10Gi", "17")).exited(ExitCode.REFUSED).says("is being deleted");

    release("data-postgres-0");
    assertThat(wanted("10Gi", "17")).exited(ExitCode.OK);
  }

  private void uses(String pod, String claim) {
    server.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: %s}
        spec:
          containers: [{name: main, image: "postgres:17"}]
          volumes: [{name: data, persistentVolumeClaim: {claimName: %s}}]
        """
            .formatted(pod, claim));
  }

  @Test
  void aStatefulSetThatIsBeingDeletedIsWaitedFor() {
    living(NO_VOLUME);
    var sets = server.client().apps().statefulSets().inNamespace(server.namespace());
    sets.withName("postgres").withPropagationPolicy(DeletionPropagation.FOREGROUND).delete();

    assertThat(wanted("none", "17"))
        .exited(ExitCode.REFUSED)
        .says(
            "StatefulSet postgres, which runs the database, is being deleted",
            "held by finalizer foregroundDeletion",
            "wait --for=delete statefulset/postgres");

    sets.withName("postgres")
        .edit(set -> {
          set.getMetadata().setFinalizers(List.of());
          return set;
        });
    assertThat(wanted("none", "17")).exited(ExitCode.OK);
  }

  @Test
  void aVolumeOfAnotherNameInTheStatefulSetIsTheOneThatCounts() {
    server.apply(
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: postgres}
        spec:
          serviceName: postgres
          replicas: 0
          selector: {matchLabels: {app: postgres}}
          template:
            metadata: {labels: {app: postgres}}
            spec:
              containers:
                - name: postgresql
                  image: "postgresql:17"
                  env: [{name: PGDATA, value: /bitnami/postgresql/data}]
                  volumeMounts:
                    - {name: other, mountPath: /bitnami}
                    - {name: pg, mountPath: /bitnami/postgresql}
              volumes: [{name: other, emptyDir: {}}]
          volumeClaimTemplates:
            - {metadata: {name: pg}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}}
        """);
    assertThat(wanted("10Gi", "17")).exited(ExitCode.OK);
    assertThat(wanted("20Gi", "17")).exited(ExitCode.REFUSED).says("docs/how-to/volume.md");
  }

  /** Says what the controller of volumes says as soon as the claim is there. */
  private CliResult ensureAnd(String reason, String message, String... more) throws Exception {
    CompletableFuture<CliResult> run =
        CompletableFuture.supplyAsync(() -> ensure(more), task -> Thread.ofVirtual().start(task));
    Eventually.within(Duration.ofSeconds(60), "the claim exists", () -> claim() != null);
    server.event(claim(), "Normal", reason, message);
    return run.get(60, TimeUnit.SECONDS);
  }

  @Test
  void aClaimForDumpsThatGetsNoVolumeIsToldAtOnceAndAgain() throws Exception {
    String[] wanted = {"--backup-claim", "r-backups"};
    long start = System.nanoTime();
    CliResult first = ensureAnd("FailedBinding", NO_CLASS, wanted);
    System.out.printf("told after %d ms%n", (System.nanoTime() - start) / 1_000_000);
    for (CliResult result : List.of(first, ensure(wanted))) {
      assertThat(result)
          .exited(ExitCode.REFUSED)
          .says(
              "PersistentVolumeClaim r-backups for dumps gets no volume: it names no"
                  + " StorageClass, and the cluster has no default",
              NO_CLASS,
              "kubectl get storageclass",
              "kubectl -n %s delete pvc r-backups".formatted(server.namespace()),
              "backup.volume.storageClass and postgresql.primary.persistence.storageClass");
    }
    release("r-backups");
  }

  @Test
  void aStorageClassThatIsNotThereIsToldAtOnce() throws Exception {
    assertThat(
            ensureAnd(
                "ProvisioningFailed",
                "storageclass.storage.k8s.io \"nope\" not found",
                "--backup-claim",
                "r-backups",
                "--backup-storage-class",
                "nope"))
        .exited(ExitCode.REFUSED)
        .says("gets no volume: the cluster has no StorageClass nope");
    release("r-backups");
  }

  /** What comes with the first pod, or is on its way. */
  @ParameterizedTest
  @CsvSource({
    "WaitForFirstConsumer, waiting for first consumer to be created before binding",
    "ExternalProvisioning, Waiting for a volume to be created",
    "Provisioning, External provisioner is provisioning volume",
    "ProvisioningFailed, the backend is full"
  })
  void aVolumeThatMayComeIsNotWaitedFor(String reason, String message) throws Exception {
    assertThat(
            ensureAnd(
                reason, message, "--backup-claim", "r-backups", "--backup-storage-class", "slow"))
        .exited(ExitCode.OK);
    release("r-backups");
  }

  @Test
  void anExistingClaimForDumpsMustBeThere() {
    String[] existing = {"--backup-claim", "r-backups", "--backup-size", "existing"};
    assertThat(ensure(existing))
        .exited(ExitCode.REFUSED)
        .says("PersistentVolumeClaim r-backups for dumps does not exist", "create it first");
    assertThat(claims().list().getItems()).isEmpty();
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: r-backups}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        status: {phase: Bound}
        """);
    assertThat(ensure(existing)).exited(ExitCode.OK);
    release("r-backups");
  }

  private PersistentVolumeClaim claim() {
    return claims().withName("r-backups").get();
  }

  private NonNamespaceOperation<
          PersistentVolumeClaim, PersistentVolumeClaimList, Resource<PersistentVolumeClaim>>
      claims() {
    return server.client().persistentVolumeClaims().inNamespace(server.namespace());
  }

  /** What a controller does when no pod uses it any more. */
  private void release(String claim) {
    claims()
        .withName(claim)
        .edit(edited -> {
          edited.getMetadata().setFinalizers(List.of());
          return edited;
        });
  }
}

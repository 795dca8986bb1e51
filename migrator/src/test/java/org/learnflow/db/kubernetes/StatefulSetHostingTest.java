package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import java.sql.SQLException;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Hosting.Obstacle;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;

/**
 * What a waiting migrator says about the cluster, in the words that people search for; the states
 * are written as controllers and kubelet write them.
 */
class StatefulSetHostingTest {
  private static final String NEW_REVISION = "postgres-new";

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("waiting for a StatefulSet is");
  }

  private Optional<Obstacle> obstacle() {
    return new StatefulSetHosting(
            server.api(), server.namespace(), "learnflow-db", "postgres", Optional.empty())
        .obstacle();
  }

  private String reason() {
    return obstacle().map(Obstacle::what).orElse("");
  }

  private String next() {
    return obstacle().map(Obstacle::next).orElse("");
  }

  private void set() {
    set("{}", 1);
  }

  private void set(String strategy, int observedGeneration) {
    server.apply(
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: postgres}
        spec:
          serviceName: postgres
          updateStrategy: %s
          selector: {matchLabels: {app: postgres}}
          template:
            metadata: {labels: {app: postgres}}
            spec: {containers: [{name: postgresql, image: "postgres:17"}]}
        status: {replicas: 1, observedGeneration: %d, updateRevision: %s}
        """
            .formatted(strategy, observedGeneration, NEW_REVISION));
  }

  private void pod(String status) {
    pod(NEW_REVISION, status);
  }

  private void pod(String revision, String status) {
    server.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata:
          name: postgres-0
          labels: {app: postgres, controller-revision-hash: %s}
        spec:
          containers: [{name: postgresql, image: "postgres:17"}]
          volumes: [{name: data, persistentVolumeClaim: {claimName: data-postgres-0}}]
        status: %s
        """
            .formatted(revision, status));
  }

  private void container(String status) {
    pod(
        """
        {phase: Running, containerStatuses: [{name: postgresql, image: i, imageID: i, ready: false, %s}]}\
        """
            .formatted(status));
  }

  private void claim(String storageClass) {
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data-postgres-0}
        spec:
          accessModes: [ReadWriteOnce]
          resources: {requests: {storage: 10Gi}}
          %s
        """
            .formatted(storageClass));
  }

  private static final String UNSCHEDULABLE =
      """
      {phase: Pending, conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, \
      message: "0/1 nodes are available: %s"}]}\
      """;

  private static final String READY =
      "{phase: Running, conditions: [{type: Ready, status: \"True\"}]}";

  private Pod pod() {
    return server.client().pods().inNamespace(server.namespace()).withName("postgres-0").get();
  }

  private HasMetadata claim() {
    return server
        .client()
        .persistentVolumeClaims()
        .inNamespace(server.namespace())
        .withName("data-postgres-0")
        .get();
  }

  @Test
  void aReadyPodOfTheCurrentRevisionIsUsed() {
    set();
    pod(READY);
    assertThat(obstacle()).isEmpty();
  }

  @Test
  void aMissingStatefulSetIsSaid() {
    assertThat(reason()).isEqualTo("StatefulSet postgres does not exist");
  }

  @Test
  void aReadyPodOfThePreviousRevisionIsNotUsed() {
    set();
    pod("postgres-old", READY);
    assertThat(reason())
        .isEqualTo("pod postgres-0 is of the previous revision and about to be replaced");
  }

  @Test
  void aBrokenPodOfThePreviousRevisionMustBeDeletedByHand() {
    set();
    pod(
        "postgres-old",
        """
        {phase: Pending, containerStatuses: [{name: postgresql, image: i, imageID: i, ready: false,
          state: {waiting: {reason: ImagePullBackOff, message: "Back-off"}}}]}\
        """);
    assertThat(reason()).contains("does not replace it", "ImagePullBackOff");
    assertThat(next())
        .isEqualTo("kubectl -n %s delete pod postgres-0".formatted(server.namespace()));
  }

  @Test
  void whereTheControllerReplacesNothingThePreviousRevisionIsUsed() {
    set("{type: OnDelete}", 1);
    pod("postgres-old", READY);
    assertThat(obstacle()).isEmpty();
  }

  @Test
  void aChangeThatTheControllerHasNotSeenIsWaitedFor() {
    set("{}", 0);
    pod(READY);
    assertThat(reason()).contains("its controller has not seen it yet");
  }

  @Test
  void aPodThatCannotBeCreatedIsExplainedByItsEvent() {
    set();
    server.event(
        server
            .client()
            .apps()
            .statefulSets()
            .inNamespace(server.namespace())
            .withName("postgres")
            .get(),
        "Warning",
        "FailedCreate",
        "create Pod postgres-0 in StatefulSet postgres failed error: pods \"postgres-0\" is"
            + " forbidden: exceeded quota: small");
    assertThat(reason())
        .startsWith("StatefulSet postgres has no pod: FailedCreate: ")
        .contains("exceeded quota: small");
  }

  @Test
  void aClaimWithoutStorageClassIsNamed() {
    set();
    claim("");
    pod(UNSCHEDULABLE.formatted("pod has unbound immediate PersistentVolumeClaims."));
    server.event(
        claim(),
        "Normal",
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set");
    assertThat(reason())
        .contains(
            "PersistentVolumeClaim data-postgres-0 over 10Gi is Pending, no StorageClass",
            "FailedBinding: no persistent volumes available",
            "Unschedulable: 0/1 nodes are available");
    assertThat(next()).contains("kubectl get storageclass");
  }

  @Test
  void aStorageClassThatIsNotThereOrHasNoSpaceIsNamedByItsEvent() {
    set();
    claim("storageClassName: fast");
    pod(UNSCHEDULABLE.formatted("pod has unbound immediate PersistentVolumeClaims."));
    server.event(
        claim(), "Warning", "ProvisioningFailed", "storageclass.storage.k8s.io \"fast\" not found");
    assertThat(reason())
        .contains("is Pending, StorageClass fast, ProvisioningFailed: storageclass", "not found");
  }

  @Test
  void anUnschedulablePodTellsWhatTheSchedulerSays() {
    set();
    claim("");
    server
        .client()
        .persistentVolumeClaims()
        .inNamespace(server.namespace())
        .withName("data-postgres-0")
        .editStatus(edited -> {
          edited.getStatus().setPhase("Bound");
          return edited;
        });
    pod(UNSCHEDULABLE.formatted("1 Insufficient cpu."));
    assertThat(reason())
        .isEqualTo("pod postgres-0 is Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.");
  }

  @Test
  void anImageThatCannotBePulledIsNamed() {
    set();
    container(
        """
        state: {waiting: {reason: ImagePullBackOff,
          message: 'Back-off pulling image "registry.example/postgresql:17"'}}\
        """);
    assertThat(reason())
        .isEqualTo(
            "pod postgres-0: ImagePullBackOff: Back-off pulling image"
                + " \"registry.example/postgresql:17\"");
  }

  @Test
  void aMissingSecretIsNamed() {
    set();
    container(
        """
        state: {waiting: {reason: CreateContainerConfigError,
          message: 'secret "learnflow-db-credentials" not found'}}\
        """);
    assertThat(reason())
        .contains("CreateContainerConfigError: secret \"learnflow-db-credentials\" not found");
  }

  @Test
  void anOutOfMemoryKillIsNamedAlsoWhileThePodStartsAgain() {
    set();
    container(
        """
        restartCount: 3, state: {running: {startedAt: "2026-01-01T00:00:00Z"}},
        lastState: {terminated: {exitCode: 137, reason: OOMKilled}}\
        """);
    assertThat(reason())
        .isEqualTo(
            "pod postgres-0: running again, not ready: OOMKilled (exit code 137), 3 restarts: out"
                + " of memory");
    assertThat(next()).contains("resources.limits.memory");
  }

  @Test
  void aCrashLoopLeadsToItsLog() {
    set();
    container(
        """
        restartCount: 4, state: {waiting: {reason: CrashLoopBackOff, message: "back-off 40s"}},
        lastState: {terminated: {exitCode: 1, reason: Error}}\
        """);
    assertThat(reason())
        .isEqualTo("pod postgres-0: CrashLoopBackOff: Error (exit code 1), 4 restarts");
    assertThat(next())
        .isEqualTo(
            "kubectl -n %s logs postgres-0 -c postgresql --previous".formatted(server.namespace()));
  }

  @Test
  void aNodeThatIsNotReadyIsNamedByTheEvent() {
    set();
    pod("{phase: Running, conditions: [{type: Ready, status: \"False\"}]}");
    server.event(pod(), "Warning", "NodeNotReady", "Node is not ready");
    assertThat(reason())
        .isEqualTo("pod postgres-0 is running, but not ready: NodeNotReady: Node is not ready");
  }

  @Test
  void aPasswordThatDoesNotFitLeadsToANewPodWhereTheDataAreInThePod() {
    StatefulSetHosting hosting =
        new StatefulSetHosting(
            server.api(), server.namespace(), "learnflow-db", "postgres", Optional.empty());
    Failure refused =
        Failure.of(ExitCode.CREDENTIALS_REFUSED, "password authentication failed")
            .causedBy(new SQLException("password authentication failed", "28P01"));
    set();
    server.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: postgres-0, labels: {app: postgres}}
        spec:
          containers: [{name: postgresql, image: "postgres:17"}]
          volumes: [{name: data, emptyDir: {}}]
        """);
    assertThat(hosting.explained(refused, Optional.empty()).next().orElse(""))
        .contains("credentials repair", "delete pod postgres-0");

    server.client().resource(pod()).withGracePeriod(0).delete();
    pod(READY);
    assertThat(hosting.explained(refused, Optional.empty()).next().orElse(""))
        .contains("credentials repair")
        .doesNotContain("delete pod");
  }

  @Test
  void aPodOfTheNameThatTheSetDoesNotSelectIsNotItsOwn() {
    set();
    server.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: postgres-0, labels: {app: other}}
        spec: {containers: [{name: postgresql, image: "postgres:17"}]}
        """);
    assertThat(reason()).isEqualTo("StatefulSet postgres has no pod yet");
  }

  @Test
  void theReasonStandsInTheFinalErrorOfACommand() {
    set();
    container("state: {waiting: {reason: ErrImagePull, message: \"not found\"}}");
    assertThat(
            new Cli(Map.of())
                .run(
                    "wait",
                    "--database",
                    "postgresql://u@127.0.0.1:1/d",
                    "--stateful-set",
                    "postgres",
                    "--namespace",
                    server.namespace(),
                    "--timeout",
                    "1s"))
        .exited(ExitCode.NOT_REACHED)
        .says(
            "wait     127.0.0.1:1: pod postgres-0: ErrImagePull: not found",
            "the database was not reached within",
            "describe pod postgres-0");
  }
}

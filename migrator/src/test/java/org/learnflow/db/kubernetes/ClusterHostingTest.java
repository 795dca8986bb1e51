package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Hosting.Obstacle;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CliResult;

/**
 * What is said about a Cluster of CloudNativePG; its states are written as its operator 1.30 writes
 * them. With the real one: e2e's CloudNativePgTest.
 */
class ClusterHostingTest {
  private static final String DEFINITION =
      """
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata: {name: %2$s.postgresql.cnpg.io}
      spec:
        group: postgresql.cnpg.io
        names: {kind: %1$s, plural: %2$s}
        scope: Namespaced
        versions:
          - name: v1
            served: true
            storage: true
            subresources: {status: {}}
            schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
      ---
      """;

  private static final String HEALTHY =
      """
      phase: Cluster in healthy state, readyInstances: 3, currentPrimary: learnflow-pg-2,
      targetPrimary: learnflow-pg-2, instanceNames: [learnflow-pg-1, learnflow-pg-2]\
      """;

  private static Obstacle withoutOperator = new Obstacle("", "");
  private static CliResult ensuredWithoutOperator = new CliResult(0, "", "");

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  /** Before there is an operator, and then what it brings. */
  @BeforeAll
  static void install() throws InterruptedException {
    ApiServer.requireWithoutNodes("what CloudNativePG says about a Cluster is");
    try (ApiServer before = ApiServer.withNamespace()) {
      withoutOperator = hosting(before, false).cause().orElseThrow();
      ensuredWithoutOperator = before.ensure(List.of("--cnpg-cluster", "learnflow-pg"));
      before
          .client()
          .load(
              new ByteArrayInputStream(
                  (DEFINITION.formatted("Cluster", "clusters")
                          + DEFINITION.formatted("Backup", "backups"))
                      .getBytes(StandardCharsets.UTF_8)))
          .serverSideApply();
      for (int i = 0; i < 100 && !before.api().serves(Kind.CLUSTER); i++) {
        TimeUnit.MILLISECONDS.sleep(100);
      }
    }
  }

  private static ClusterHosting hosting(ApiServer at, boolean forwarded) {
    return (ClusterHosting)
        ServerObject.cluster("learnflow-pg")
            .hosting(at.api(), at.namespace(), "learnflow-db", Optional.empty(), forwarded);
  }

  private void cluster(String metadata, String spec, String status) {
    server.apply(
        """
        apiVersion: postgresql.cnpg.io/v1
        kind: Cluster
        metadata: {name: learnflow-pg%s}
        spec: {instances: 3%s}
        status: {%s}
        """
            .formatted(
                metadata,
                spec.contains("enableSuperuserAccess")
                    ? spec
                    : ", enableSuperuserAccess: true" + spec,
                status));
  }

  private String cause() {
    return hosting(server, false).cause().map(Obstacle::what).orElse("");
  }

  private String next() {
    return hosting(server, false).cause().map(Obstacle::next).orElse("");
  }

  @Test
  void withoutTheOperatorItIsNamedBeforeAnythingIsCreated() {
    assertThat(withoutOperator.what())
        .isEqualTo(
            "CloudNativePG, which runs Cluster learnflow-pg, is not installed: the cluster does not"
                + " serve postgresql.cnpg.io/v1");
    assertThat(withoutOperator.next()).contains("docs/how-to/cloudnative-pg.md");
    assertThat(ensuredWithoutOperator)
        .exited(ExitCode.REFUSED)
        .says("is not installed", "nothing was changed", "docs/how-to/cloudnative-pg.md");
  }

  @Test
  void theFirstHookCreatesAllPasswordsButTheSuperusers() {
    assertThat(server.ensure(List.of("--cnpg-cluster", "learnflow-pg"))).exited(ExitCode.OK);
    assertThat(
            server
                .client()
                .secrets()
                .inNamespace(server.namespace())
                .withName("learnflow-db-credentials")
                .get()
                .getData())
        .containsOnlyKeys("password", "app-password");
  }

  @Test
  void aClusterThatDoesNotExist() {
    assertThat(cause()).isEqualTo("Cluster learnflow-pg does not exist");
    assertThat(next()).startsWith("create it: kubectl -n " + server.namespace());
  }

  @Test
  void aHealthyOneIsNoReason() {
    cluster("", "", HEALTHY);
    assertThat(cause()).isEmpty();
    assertThat(hosting(server, false).obstacle()).isEmpty();
  }

  @Test
  void oneThatItsOperatorHasNotSeen() {
    cluster("", "", "");
    assertThat(cause())
        .isEqualTo(
            "Cluster learnflow-pg: its operator has not seen it yet, 0 of 3 instances ready");
    assertThat(next())
        .isEqualTo(
            "kubectl -n %s describe cluster.postgresql.cnpg.io learnflow-pg"
                .formatted(server.namespace()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "phase: Failing over, phaseReason: Failing over from learnflow-pg-1 to learnflow-pg-2., currentPrimary: learnflow-pg-1, targetPrimary: learnflow-pg-2, readyInstances: 2 | Failing over: Failing over from learnflow-pg-1 to learnflow-pg-2, 2 of 3",
        "phase: Not enough disk space, currentPrimary: learnflow-pg-1, targetPrimary: learnflow-pg-1, readyInstances: 0 | Not enough disk space, 0 of 3",
        "phase: Setting up primary, phaseReason: Creating primary instance learnflow-pg-1 | Setting up primary: Creating primary instance learnflow-pg-1, 0 of 3",
        "phase: Cluster in healthy state, readyInstances: 2, currentPrimary: learnflow-pg-1, targetPrimary: pending | Cluster in healthy state, 2 of 3",
      })
  void itsOwnWords(String status, String said) {
    cluster("", "", status);
    assertThat(cause()).isEqualTo("Cluster learnflow-pg: %s instances ready".formatted(said));
  }

  @Test
  void whatIsStoppedByHandNamesTheCommandThatEndsIt() {
    cluster(", annotations: {cnpg.io/hibernation: \"on\"}", "", HEALTHY);
    assertThat(cause()).isEqualTo("Cluster learnflow-pg: hibernated, 3 of 3 instances ready");
    assertThat(next())
        .isEqualTo(
            "kubectl -n %s annotate cluster.postgresql.cnpg.io learnflow-pg cnpg.io/hibernation=off --overwrite"
                .formatted(server.namespace()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"[\"*\"] | true", "[\"learnflow-pg-2\"] | true", "[\"learnflow-pg-1\"] | false"})
  void aFencedPrimaryServesNobody(String fenced, boolean stopped) {
    cluster(", annotations: {cnpg.io/fencedInstances: '%s'}".formatted(fenced), "", HEALTHY);
    assertThat(cause().contains("fenced")).isEqualTo(stopped);
    assertThat(next().endsWith("cnpg.io/fencedInstances-")).isEqualTo(stopped);
  }

  private Pod pod(String name) {
    return new PodBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace(server.namespace())
        .endMetadata()
        .build();
  }

  @Test
  void theNewestWarningAboutItsPodsSaysMore() {
    cluster("", "", "phase: Setting up primary");
    server.event(pod("learnflow-pg-1-initdb-x7k2p"), "Warning", "Failed", "Failed to pull image");
    server.event(pod("learnflow-pg-1"), "Warning", "Unhealthy", "Readiness probe failed");
    server.event(pod("learnflow-pgbouncer-1"), "Warning", "Failed", "of another one");
    server.event(pod("learnflow-pg-1"), "Normal", "Pulled", "no warning");
    assertThat(cause())
        .isEqualTo(
            "Cluster learnflow-pg: Setting up primary, 0 of 3 instances ready;"
                + " learnflow-pg-1-initdb-x7k2p: Failed: Failed to pull image");
  }

  @Test
  void aWarningAboutAReplicaIsNoReasonWhyThePrimaryIsNotThere() {
    cluster(
        "",
        "",
        "phase: Failing over, currentPrimary: learnflow-pg-1, targetPrimary: learnflow-pg-2");
    server.event(pod("learnflow-pg-2"), "Warning", "BackOff", "Back-off restarting");
    server.event(pod("learnflow-pg-3-join-x7k2p"), "Warning", "FailedScheduling", "no node");
    assertThat(cause())
        .isEqualTo(
            "Cluster learnflow-pg: Failing over, 0 of 3 instances ready; learnflow-pg-2: BackOff: Back-off restarting");
  }

  @Test
  void fromOutsideItIsNotTriedWithoutItsPrimary() {
    cluster("", "", "phase: Failing over, currentPrimary: learnflow-pg-1, targetPrimary: pending");
    assertThat(hosting(server, true).obstacle().map(Obstacle::what))
        .contains("Cluster learnflow-pg: Failing over, 0 of 3 instances ready");
    assertThat(hosting(server, false).obstacle()).isEmpty();
  }

  @Test
  void fromOutsideAPrimaryThatIsReadyIsEnough() {
    cluster(
        "",
        "",
        "phase: Creating a new replica, currentPrimary: learnflow-pg-1, targetPrimary: learnflow-pg-1, readyInstances: 1");
    server.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: learnflow-pg-1}
        spec: {containers: [{name: postgres, image: "postgres:17"}]}
        status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
        """);
    assertThat(hosting(server, true).obstacle()).isEmpty();
    assertThat(hosting(server, true).podName()).isEqualTo("learnflow-pg-1");
  }

  private AbstractThrowableAssert<?, ? extends Throwable> superuserFails() {
    return Assertions.assertThatThrownBy(() -> superuser(Duration.ofMillis(1)));
  }

  private Password superuser(Duration timeout) {
    return hosting(server, false)
        .superuser(
            "learnflow-pg-superuser",
            List.of("learnflow_owner", "learnflow_user"),
            timeout,
            Progress.SILENT);
  }

  @Test
  void theSuperusersPasswordIsWaitedFor() {
    superuserFails()
        .isInstanceOf(Failure.class)
        .hasMessageContaining("Cluster learnflow-pg does not exist");
    cluster("", "", "phase: Setting up primary");
    superuserFails()
        .hasMessageContaining(
            "Secret learnflow-pg-superuser with the superuser's password of Cluster learnflow-pg does not exist");
    Thread.ofVirtual()
        .start(() -> {
          try {
            TimeUnit.MILLISECONDS.sleep(700);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
          server
              .client()
              .resource(
                  new SecretBuilder()
                      .withNewMetadata()
                      .withName("learnflow-pg-superuser")
                      .withNamespace(server.namespace())
                      .endMetadata()
                      .withStringData(Map.of("password", "s3cret"))
                      .build())
              .create();
        });
    assertThat(superuser(Duration.ofSeconds(20)).value()).isEqualTo("s3cret");
  }

  @Test
  void aClusterThatLetsNoSuperuserInIsRefused() {
    cluster("", ", enableSuperuserAccess: false", HEALTHY);
    superuserFails()
        .isInstanceOfSatisfying(
            Failure.class,
            failure -> {
              assertThat(failure.code()).isEqualTo(ExitCode.REFUSED);
              assertThat(failure.next())
                  .contains(
                      "kubectl -n %s patch cluster.postgresql.cnpg.io learnflow-pg --type merge -p '{\"spec\":{\"enableSuperuserAccess\":true}}'"
                          .formatted(server.namespace()));
            });
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "managed: {roles: [{name: learnflow_user}, {name: other}]} | learnflow_user",
        "bootstrap: {initdb: {database: learnflow, owner: learnflow_owner}} | learnflow_owner"
      })
  void aClusterThatManagesTheReleasesRolesIsRefused(String spec, String role) {
    cluster("", ", " + spec, HEALTHY);
    superuserFails()
        .hasMessageContaining(
            "Cluster learnflow-pg manages %s itself, and would set".formatted(role));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'' | off",
        ", backup: {barmanObjectStore: {destinationPath: x}} | failing: no space left",
        ", plugins: [{name: barman-cloud.cloudnative-pg.io, isWALArchiver: true}] | failing: no space left",
        ", plugins: [{name: other}] | off"
      })
  void archivingIsOffUnlessTheClusterWantsIt(String spec, String archiving) {
    cluster(
        "",
        spec,
        HEALTHY
            + ", conditions: [{type: ContinuousArchiving, status: \"False\", message: no space left}]");
    ClusterStatus status =
        ClusterStatus.of(
            server.api().get(Kind.CLUSTER, server.namespace(), "learnflow-pg").orElseThrow());
    assertThat(status.archiving()).isEqualTo(archiving);
    assertThat(status.needsAttention()).isEqualTo(!archiving.equals("off"));
    assertThat(status.summary())
        .isEqualTo(
            "3 of 3 instances ready, primary learnflow-pg-2, Cluster in healthy state, WAL archiving "
                + archiving);
  }

  @Test
  void theLastBackupIsTheNewestGoodOneOfThisCluster() {
    backup("a", "learnflow-pg", "completed", "2026-11-01T00:00:00Z");
    backup("b", "learnflow-pg", "completed", "2026-11-02T00:00:00Z");
    backup("c", "learnflow-pg", "failed", "2026-11-03T00:00:00Z");
    backup("d", "other", "completed", "2026-11-04T00:00:00Z");
    assertThat(ClusterStatus.lastBackup(server.api(), server.namespace(), "learnflow-pg"))
        .contains("2026-11-02T00:00:00Z");
    assertThat(ClusterStatus.lastBackup(server.api(), server.namespace(), "none")).isEmpty();
  }

  private void backup(String name, String cluster, String phase, String stopped) {
    server.apply(
        """
        apiVersion: postgresql.cnpg.io/v1
        kind: Backup
        metadata: {name: %s}
        spec: {cluster: {name: %s}}
        status: {phase: %s, stoppedAt: "%s"}
        """
            .formatted(name, cluster, phase, stopped));
  }

  @Test
  void itsClaimsAreNotTheReleasesThoughBothHaveOneName() {
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata:
          name: learnflow-db-1
          labels:
            app.kubernetes.io/instance: learnflow-db
            app.kubernetes.io/name: postgresql
            cnpg.io/cluster: learnflow-db
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        status: {phase: Bound}
        """);
    assertThat(server.ensure(List.of("--cnpg-cluster", "learnflow-db", "--data-claim", "none")))
        .exited(ExitCode.OK);
  }

  @Test
  void aWarningIsToldOfTheCluster() {
    cluster("", "", HEALTHY);
    new Events(server.api(), server.namespace())
        .warn(
            "learnflow-db",
            Optional.of(ServerObject.cluster("learnflow-pg")),
            "MigrationFailed",
            "V010__x.sql, line 6");
    GenericKubernetesResource cluster =
        server
            .client()
            .genericKubernetesResources(
                new ResourceDefinitionContext.Builder()
                    .withGroup("postgresql.cnpg.io")
                    .withVersion("v1")
                    .withKind("Cluster")
                    .withPlural("clusters")
                    .withNamespaced(true)
                    .build())
            .inNamespace(server.namespace())
            .withName("learnflow-pg")
            .get();
    assertThat(server.client().v1().events().inNamespace(server.namespace()).list().getItems())
        .singleElement()
        .satisfies(event ->
            assertThat(event.getInvolvedObject().getUid())
                .isEqualTo(cluster.getMetadata().getUid()));
  }
}

package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CliResult;

/** No values make a release begin with an empty database while its data are still there. */
class DataStayTest {
  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("values that leave data behind are");
  }

  @BeforeEach
  void passwords() {
    server.apply(
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: learnflow-db-credentials}
        stringData: {postgres-password: a, password: b, app-password: c}
        """);
  }

  /** A claim as the controller of a StatefulSet makes it for Bitnami's chart. */
  private void claim(String name, String component, String phase) {
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata:
          name: %s
          labels:
            app.kubernetes.io/name: postgresql
            app.kubernetes.io/instance: learnflow-db
            app.kubernetes.io/component: %s
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        status: {phase: %s}
        """
            .formatted(name, component, phase));
  }

  /** What the last values said. */
  private void release(String claim, String directory, String statefulSet) {
    server.apply(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: learnflow-db-release}
        data: {data-claim: "%s", data-directory: "%s", stateful-set: "%s"}
        """
            .formatted(claim, directory, statefulSet));
  }

  private CliResult wanted(String statefulSet, String claim, String... more) {
    List<String> always = new ArrayList<>(List.of("--data-claim", claim));
    if (!statefulSet.isEmpty()) {
      always.addAll(List.of("--stateful-set", statefulSet));
    }
    return server.ensure(always, more);
  }

  /** Each with and without a release that is still installed. */
  @ParameterizedTest
  @CsvSource({
    // fullnameOverride, architecture, primary.name, primary.persistence.volumeName
    "pgnew, data-pgnew-0, a database in PersistentVolumeClaim data-pgnew-0",
    "postgres-primary, data-postgres-primary-0, PersistentVolumeClaim data-postgres-primary-0",
    "postgres, pg-postgres-0, a database in PersistentVolumeClaim pg-postgres-0",
    // primary.persistence.existingClaim, and none
    "postgres, mine, a database in PersistentVolumeClaim mine",
    "pgnew, none, a database without a volume",
    // postgresql.enabled=false
    "'', none, an external database"
  })
  void whatWouldLeaveTheDataBehindIsRefused(String statefulSet, String claim, String wanted) {
    for (boolean installed : new boolean[] {false, true}) {
      if (installed) {
        release("data-postgres-0", "/data", "postgres");
      } else {
        claim("data-postgres-0", "primary", "Bound");
      }
      assertThat(wanted(statefulSet, claim))
          .exited(ExitCode.REFUSED)
          .says(
              "these values want",
              wanted,
              "but this release's data are in PersistentVolumeClaim data-postgres-0",
              "nothing was changed",
              "docs/how-to/database-name.md",
              "docs/how-to/move-out.md",
              "--set 'retiredClaims={data-postgres-0}'");
    }
    assertThat(wanted(statefulSet, claim, "--retired-claims", "another,data-postgres-0"))
        .exited(ExitCode.OK);
    assertThat(wanted("postgres", "data-postgres-0")).exited(ExitCode.OK);
  }

  @Test
  void anExistingClaimOfTheLastValuesCountsToo() {
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: mine}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        status: {phase: Bound}
        """);
    assertThat(wanted("postgres", "other")).exited(ExitCode.OK);
    release("mine", "/data", "postgres");
    assertThat(wanted("postgres", "mine")).exited(ExitCode.OK);
    assertThat(wanted("postgres", "other"))
        .exited(ExitCode.REFUSED)
        .says("but this release's data are in PersistentVolumeClaim mine");
  }

  @Test
  void whatHoldsNoDataOfTheReleaseMayStay() {
    claim("data-postgres-0", "primary", "Pending");
    claim("data-postgres-read-0", "read", "Bound");
    release("data-gone-0", "/data", "gone");
    assertThat(wanted("pgnew", "data-pgnew-0")).exited(ExitCode.OK);
    assertThat(wanted("", "none")).exited(ExitCode.OK);
  }

  @Test
  void theDataOfAnotherReleaseAreNotLookedAt() {
    claim("data-postgres-0", "primary", "Bound");
    assertThat(
            wanted(
                "pgnew",
                "data-pgnew-0",
                "--release",
                "lessons",
                "--credentials-secret",
                "learnflow-db-credentials"))
        .exited(ExitCode.OK);
  }

  @Test
  void anotherDirectoryOfTheSameVolumeIsRefused() {
    claim("data-postgres-0", "primary", "Bound");
    release("data-postgres-0", "/data", "postgres");
    assertThat(wanted("postgres", "data-postgres-0", "--data-directory", "/data"))
        .exited(ExitCode.OK);
    assertThat(wanted("postgres", "data-postgres-0", "--data-directory", "/new/data"))
        .exited(ExitCode.REFUSED)
        .says(
            "directory /new/data of PersistentVolumeClaim data-postgres-0, but this release's are in"
                + " /data",
            "subPath");
    assertThat(
            wanted(
                "postgres",
                "data-postgres-0",
                "--data-directory",
                "/new/data",
                "--retired-claims",
                "data-postgres-0"))
        .exited(ExitCode.OK);
  }

  @Test
  void aRetiredClaimThatIsInUseAgainIsLookedAfterAgain() {
    claim("data-postgres-0", "primary", "Bound");
    String[] another = {"--credentials-secret", "lost", "--retired-claims", "data-postgres-0"};
    assertThat(wanted("pgnew", "data-pgnew-0", another)).exited(ExitCode.OK);
    another[1] = "lost-too";
    assertThat(wanted("postgres", "data-postgres-0", another))
        .exited(ExitCode.REFUSED)
        .says("Secret lost-too does not exist, but its data volume does");
  }

  /** Helm makes the new one before it removes the old one. */
  @Test
  void twoServersAreKeptFromOneVolume() {
    claim("data-postgres-0", "primary", "Bound");
    assertThat(wanted("pgnew", "data-postgres-0", "--data-directory", "/data")).exited(ExitCode.OK);
    release("data-postgres-0", "/data", "postgres");
    assertThat(wanted("pgnew", "data-postgres-0", "--data-directory", "/data"))
        .exited(ExitCode.REFUSED)
        .says(
            "StatefulSet pgnew would open PersistentVolumeClaim data-postgres-0 while StatefulSet"
                + " postgres still does",
            "first stop the old server",
            "docs/how-to/database-name.md");
  }

  @Test
  void aReleaseThatIsBeingUninstalledIsWaitedFor() {
    release("data-postgres-0", "/data", "postgres");
    var maps = server.client().configMaps().inNamespace(server.namespace());
    hold(true);
    maps.withName("learnflow-db-release").delete();
    assertThat(wanted("postgres", "data-postgres-0"))
        .exited(ExitCode.REFUSED)
        .says(
            "ConfigMap learnflow-db-release, with which the whole release goes, is being deleted",
            "held by finalizer example.org/hold",
            "wait --for=delete configmap/learnflow-db-release");
    hold(false);
    assertThat(wanted("postgres", "data-postgres-0")).exited(ExitCode.OK);
  }

  private void hold(boolean held) {
    server
        .client()
        .configMaps()
        .inNamespace(server.namespace())
        .withName("learnflow-db-release")
        .edit(map -> {
          map.getMetadata().setFinalizers(held ? List.of("example.org/hold") : List.of());
          return map;
        });
  }
}

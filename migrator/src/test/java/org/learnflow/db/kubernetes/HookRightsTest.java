package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Progress;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.TestFiles;

/** The chart's hooks have the rights that they need, and no others. */
class HookRightsTest {
  private static final String IMPERSONATE = "kubernetes.impersonate.username";

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("what the hooks may do is");
  }

  @AfterEach
  void beAdministratorAgain() {
    System.clearProperty(IMPERSONATE);
  }

  /** Is from here on who may do what the tests of the chart say of a Role, and nothing else. */
  private void become(String chartTest, String it) {
    server.apply(
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: hook}
        rules: %s
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: hook}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: hook}
        subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: hook}]
        """
            .formatted(rules(chartTest, it)));
    System.setProperty(IMPERSONATE, "hook");
  }

  private static JsonNode rules(String chartTest, String it) {
    Path file = TestFiles.repository().resolve("charts/learnflow-db/tests").resolve(chartTest);
    try {
      return new YAMLMapper()
          .readTree(TestFiles.read(file))
          .path("tests")
          .valueStream()
          .filter(test -> test.path("it").asText().equals(it))
          .flatMap(test -> test.path("asserts").valueStream())
          .map(assertion -> assertion.path("equal"))
          .filter(equal -> equal.path("path").asText().equals("rules"))
          .map(equal -> equal.path("value"))
          .findFirst()
          .orElseThrow();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(file + " is no YAML", e);
    }
  }

  private CliResult ensure(String... more) {
    return server.ensure(
        List.of("--stateful-set", "postgres", "--data-claim", "data-postgres-0"), more);
  }

  private void becomeTheFirstHook() {
    become(
        "credentials_rbac_test.yaml",
        "is to read its own Secret, to make one, and to look for a volume and the StatefulSet");
  }

  @Test
  void theFirstHookMakesItsOwnSecretAndTheClaimForDumpsAndNoOther() {
    become(
        "credentials_rbac_test.yaml",
        "is to make a claim where dumps are wanted and none is named");
    assertThat(ensure("--backup-claim", "learnflow-db-backups")).exited(ExitCode.OK);
    assertThat(ensure("--backup-claim", "another"))
        .exited(ExitCode.FAILED)
        .says("persistentvolumeclaims \"another\" is forbidden");
    assertThat(ensure("--retired-claims", "data-postgres-0")).exited(ExitCode.OK);
    assertThat(ensure("--credentials-secret", "another"))
        .exited(ExitCode.FAILED)
        .says("secrets \"another\" is forbidden");
    System.clearProperty(IMPERSONATE);
    assertThat(server.client().secrets().inNamespace(server.namespace()).list().getItems())
        .hasSize(1);
  }

  private void claim(String name, String status) {
    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: %s}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        status: %s
        """
            .formatted(name, status));
  }

  @Test
  void theFirstHookMakesTheSecretAndAddsAKey() {
    becomeTheFirstHook();
    assertThat(ensure()).exited(ExitCode.OK);
    server
        .client()
        .secrets()
        .inNamespace(server.namespace())
        .withName("learnflow-db-credentials")
        .edit(secret -> {
          secret.getData().remove("app-password");
          return secret;
        });
    CliResult added = ensure();
    assertThat(added).exited(ExitCode.OK);
    assertThat(added.out()).contains("created app-password");
  }

  @Test
  void theFirstHookSeesTheVolumeThatIsLeft() {
    claim("data-postgres-0", "{phase: Bound}");
    becomeTheFirstHook();
    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says("Secret learnflow-db-credentials does not exist, but its data volume does");
  }

  @Test
  void theMigrateJobTellsAFailureWithAnExternalDatabase() {
    server.apply(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: learnflow-db-release}
        """);
    become(
        "migrate_rbac_test.yaml",
        "is to publish where the database is external, and to tell a failure as an event of the"
            + " release");
    CliResult failed =
        new Cli(
                Map.of(
                    "KUBERNETES_SERVICE_HOST", "10.0.0.1",
                    "LEARNFLOW_DB_RELEASE", "learnflow-db",
                    "LEARNFLOW_DB_NAMESPACE", server.namespace(),
                    "LEARNFLOW_DB_MIGRATIONS", TestFiles.migrations().toString(),
                    "LEARNFLOW_DB_SEEDS", "none",
                    "LEARNFLOW_DB_DATABASE", "postgresql://owner@no-such-host.invalid/learnflow"))
            .run("run", "--timeout", "0");
    System.clearProperty(IMPERSONATE);
    assertThat(failed).exited(ExitCode.NOT_REACHED).doesNotSay("not written");
    assertThat(server.client().v1().events().inNamespace(server.namespace()).list().getItems())
        .singleElement()
        .satisfies(event -> {
          assertThat(event.getReason()).isEqualTo("DatabaseNotReached");
          assertThat(event.getInvolvedObject().getName()).isEqualTo("learnflow-db-release");
          assertThat(event.getInvolvedObject().getUid()).isNotEmpty();
          assertThat(event.getMessage()).contains("no-such-host.invalid is unknown");
        });
  }

  @Test
  void theFirstHookSeesDataThatWouldBeLeftBehindAndWhatHoldsThem() {
    server.apply(
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: learnflow-db-release}
        data: {data-claim: mine, data-directory: /data, stateful-set: postgres}
        """);
    claim("mine", "{phase: Bound}");
    becomeTheFirstHook();
    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says("but this release's data are in PersistentVolumeClaim mine");
    System.clearProperty(IMPERSONATE);

    server.apply(
        """
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata: {name: data-postgres-0}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: postgres-0}
        spec:
          containers: [{name: postgresql, image: "postgres:17"}]
          volumes: [{name: data, persistentVolumeClaim: {claimName: data-postgres-0}}]
        """);
    server
        .client()
        .persistentVolumeClaims()
        .inNamespace(server.namespace())
        .withName("data-postgres-0")
        .delete();
    System.setProperty(IMPERSONATE, "hook");
    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says("is being deleted", "it is used by pod postgres-0 (");
  }

  @Test
  void theMigrateJobSeesWhyPostgresqlIsNotThere() {
    server.apply(
        """
        apiVersion: apps/v1
        kind: StatefulSet
        metadata: {name: postgres}
        spec:
          serviceName: postgres
          selector: {matchLabels: {app: postgres}}
          template:
            metadata: {labels: {app: postgres}}
            spec: {containers: [{name: postgresql, image: "postgres:17"}]}
        status: {replicas: 1, observedGeneration: 1}
        ---
        apiVersion: v1
        kind: Pod
        metadata: {name: postgres-0, labels: {app: postgres}}
        spec:
          containers: [{name: postgresql, image: "postgres:17"}]
          volumes:
            - {name: data, persistentVolumeClaim: {claimName: data-postgres-0}}
            - {name: more, persistentVolumeClaim: {claimName: of-the-user}}
        status:
          phase: Pending
          conditions:
            - {type: PodScheduled, status: "False", reason: Unschedulable, message: unbound claims}
        """);
    claim("data-postgres-0", "{phase: Pending}");
    server.event(
        server
            .client()
            .persistentVolumeClaims()
            .inNamespace(server.namespace())
            .withName("data-postgres-0")
            .get(),
        "Normal",
        "FailedBinding",
        "no storage class is set");
    become(
        "migrate_rbac_test.yaml",
        "is to read why PostgreSQL is not there, and to tell it as an event");
    try (KubernetesApi api = KubernetesApi.open(Optional.empty(), false, Progress.SILENT)) {
      StatefulSetHosting hosting =
          new StatefulSetHosting(
              api, server.namespace(), "learnflow-db", "postgres", Optional.empty());
      assertThat(hosting.obstacle().orElseThrow().what())
          .isEqualTo(
              "PersistentVolumeClaim data-postgres-0 over 10Gi is Pending, no StorageClass: it names"
                  + " none, and the cluster has no default, FailedBinding: no storage class is set;"
                  + " pod postgres-0 is Unschedulable: unbound claims");
      new Events(api, server.namespace())
          .warn(
              "learnflow-db",
              Optional.of(ServerObject.statefulSet("postgres")),
              "MigrationFailed",
              "V010__x.sql, line 6");
    }
  }
}

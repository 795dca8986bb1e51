package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Secret;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;

/** {@code credentials ensure}: creates and renews the server's certificate, and loses no client. */
class TlsSecretsTest {
  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("the Secrets with certificates are");
  }

  private CliResult ensure(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "credentials",
                "ensure",
                "--namespace",
                server.namespace(),
                "--tls-secret",
                "r-tls",
                "--tls-name",
                "postgres,localhost,127.0.0.1,::1"));
    arguments.addAll(List.of(more));
    return new Cli(Map.of()).run(arguments.toArray(String[]::new));
  }

  private List<String> at(Duration later) {
    return new TlsSecrets(server.api(), server.namespace(), "r-tls", "r-tls-authority")
        .ensure(List.of("postgres"), false, Instant.now().plus(later));
  }

  private Secret secret(String name) {
    return server.client().secrets().inNamespace(server.namespace()).withName(name).get();
  }

  private Map<String, String> values(String name) {
    return KubernetesTargetTest.decoded(secret(name));
  }

  private void remove(String secret, String key) {
    server
        .client()
        .resource(secret(secret))
        .edit(edited -> {
          edited.getData().put(key, "");
          return edited;
        });
  }

  @Test
  void bothAreCreatedOnceAndBelongToNoRelease() {
    assertThat(ensure()).exited(ExitCode.OK).says("created r-tls-authority", "created r-tls");
    assertThat(secret("r-tls").getType()).isEqualTo("kubernetes.io/tls");
    assertThat(values("r-tls")).containsOnlyKeys("tls.crt", "tls.key", "ca.crt");
    assertThat(values("r-tls")).containsEntry("ca.crt", values("r-tls-authority").get("tls.crt"));
    for (String name : List.of("r-tls", "r-tls-authority")) {
      assertThat(secret(name).getMetadata().getOwnerReferences()).isEmpty();
      assertThat(secret(name).getMetadata().getLabels())
          .containsEntry("app.kubernetes.io/managed-by", "learnflow-db")
          .doesNotContainKey("app.kubernetes.io/instance");
    }
    Secret before = secret("r-tls");
    CliResult again = ensure();
    assertThat(again).exited(ExitCode.OK).doesNotSay("renewed");
    assertThat(again.all()).doesNotContain("PRIVATE");
    assertThat(secret("r-tls")).isEqualTo(before);
  }

  @Test
  void eightAtOnceEndWithOneAuthorityAndItsCertificate() {
    for (int round = 0; round < 5; round++) {
      List<CompletableFuture<List<String>>> runs = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        runs.add(
            CompletableFuture.supplyAsync(
                () -> at(Duration.ZERO), task -> Thread.ofVirtual().start(task)));
      }
      List<String> done = runs.stream().map(CompletableFuture::join).flatMap(List::stream).toList();
      assertThat(done).containsExactlyInAnyOrder("created r-tls-authority", "created r-tls");
      assertThat(values("r-tls")).containsEntry("ca.crt", values("r-tls-authority").get("tls.crt"));
      assertThat(at(Duration.ZERO)).isEmpty();
      server.client().resource(secret("r-tls")).delete();
      server.client().resource(secret("r-tls-authority")).delete();
    }
  }

  @Test
  void aCertificateThatIsDueIsRenewedWithANewKeyByTheSameAuthority() {
    at(Duration.ZERO);
    Map<String, String> before = values("r-tls");
    assertThat(at(Duration.ofDays(250))).containsExactly("renewed r-tls");
    assertThat(values("r-tls")).containsEntry("ca.crt", before.get("ca.crt"));
    assertThat(values("r-tls").get("tls.key")).isNotEqualTo(before.get("tls.key"));
  }

  @Test
  void whatIsMissingIsCreatedAgain() {
    ensure();
    String authority = values("r-tls").get("ca.crt");
    server.client().resource(secret("r-tls")).delete();
    assertThat(ensure()).exited(ExitCode.OK).says("created r-tls");
    remove("r-tls", "tls.key");
    assertThat(ensure()).exited(ExitCode.OK).says("renewed r-tls");
    assertThat(values("r-tls")).containsEntry("ca.crt", authority);

    server.client().resource(secret("r-tls-authority")).delete();
    String certificate = values("r-tls").get("tls.crt");
    assertThat(ensure()).exited(ExitCode.OK).says("created r-tls-authority", "updated ca.crt");
    assertThat(values("r-tls")).containsEntry("tls.crt", certificate);
    assertThat(values("r-tls").get("ca.crt")).contains(authority).isNotEqualTo(authority);
  }

  @Test
  void anAuthorityWithoutItsKeyIsNotReplaced() {
    ensure();
    remove("r-tls-authority", "tls.key");
    Secret before = secret("r-tls");
    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says("r-tls-authority does not contain a usable authority", "restore it from a backup");
    assertThat(secret("r-tls")).isEqualTo(before);
  }

  @Test
  void aRotationOnRequestNeedsTwoRuns() {
    ensure();
    String certificate = values("r-tls").get("tls.crt");
    assertThat(ensure("--tls-rotate-authority"))
        .exited(ExitCode.OK)
        .says("created the next authority", "updated ca.crt of r-tls");
    assertThat(values("r-tls")).containsEntry("tls.crt", certificate);
    String both = values("r-tls").get("ca.crt");
    assertThat(ensure("--tls-rotate-authority"))
        .exited(ExitCode.OK)
        .says("signs from now on", "renewed r-tls");
    assertThat(values("r-tls").get("tls.crt")).isNotEqualTo(certificate);
    assertThat(values("r-tls").get("ca.crt")).hasSameSizeAs(both);
    assertThat(ensure()).exited(ExitCode.OK).doesNotSay("renewed");
  }

  @Test
  void aSecretOfSomebodyElseIsNotTouched() {
    server.apply(
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: r-tls}
        type: kubernetes.io/tls
        stringData: {tls.crt: x, tls.key: "y"}
        """);
    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says("Secret r-tls is somebody else's", "tls.existingSecret=r-tls");
    assertThat(secret("r-tls-authority")).isNull();
  }
}

package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Secret;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.certificates.Authorities;
import org.learnflow.db.certificates.Chain;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.LosingApi;

/** {@code credentials ensure}: creates and renews the server's certificate, and loses no client. */
class TlsSecretsTest {
  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("the Secrets with certificates are");
  }

  private CliResult ensure(String... more) {
    return server.ensure(
        List.of("--tls-secret", "r-tls", "--tls-name", "postgres,localhost,127.0.0.1,::1"), more);
  }

  private List<String> at(Duration later) {
    return new TlsSecrets(server.api(), server.namespace(), "r-tls", "r-tls-authority")
        .ensure(List.of("postgres"), false, Instant.now().plus(later));
  }

  private List<String> rotateAt(Duration later) {
    return new TlsSecrets(server.api(), server.namespace(), "r-tls", "r-tls-authority")
        .ensure(List.of(), true, Instant.now().plus(later));
  }

  private static List<String> atOnce(int number, Supplier<List<String>> run) {
    List<CompletableFuture<List<String>>> runs = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      runs.add(CompletableFuture.supplyAsync(run, task -> Thread.ofVirtual().start(task)));
    }
    return runs.stream().map(CompletableFuture::join).flatMap(List::stream).toList();
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
      List<String> done = atOnce(8, () -> at(Duration.ZERO));
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
        .exited(ExitCode.REFUSED)
        .says(
            "the next authority was created less than 5 minutes ago",
            "ca.crt contains both authorities",
            "run the same command again after 20");
    assertThat(values("r-tls")).containsEntry("tls.crt", certificate).containsEntry("ca.crt", both);
    assertThat(rotateAt(Duration.ofMinutes(6)))
        .containsExactly(
            "the next authority in r-tls-authority signs from now on; both are trusted",
            "renewed r-tls");
    assertThat(values("r-tls").get("tls.crt")).isNotEqualTo(certificate);
    assertThat(values("r-tls").get("ca.crt")).hasSameSizeAs(both);
    assertThat(ensure()).exited(ExitCode.OK).doesNotSay("renewed");
  }

  /** None makes the next authority sign that another one has just created. */
  @Test
  void eightRotationsAtOnceAreOneStep() {
    at(Duration.ZERO);
    String certificate = values("r-tls").get("tls.crt");
    List<String> done =
        atOnce(
            8,
            () -> {
              try {
                return rotateAt(Duration.ZERO);
              } catch (Failure refused) {
                assertThat(refused.code()).isEqualTo(ExitCode.REFUSED);
                return List.of();
              }
            });
    assertThat(done)
        .containsExactlyInAnyOrder(
            "created the next authority in r-tls-authority; both are trusted",
            "updated ca.crt of r-tls");
    assertThat(values("r-tls")).containsEntry("tls.crt", certificate);

    assertThat(atOnce(2, () -> rotateAt(Duration.ofMinutes(6))))
        .containsOnlyOnce(
            "the next authority in r-tls-authority signs from now on; both are trusted");
    assertThat(values("r-tls").get("tls.crt")).isNotEqualTo(certificate);
    assertClientsTrustTheServer();
  }

  private void assertClientsTrustTheServer() {
    Map<String, String> server = values("r-tls");
    try {
      X509Certificate own =
          (X509Certificate)
              CertificateFactory.getInstance("X.509")
                  .generateCertificate(
                      new ByteArrayInputStream(
                          server.getOrDefault("tls.crt", "").getBytes(StandardCharsets.US_ASCII)));
      assertThat(new Chain(List.of(own)).authority(server.getOrDefault("ca.crt", ""))).isPresent();
    } catch (CertificateException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A run that is killed after its first write leaves what is undone here. */
  private void undoTheSecondWrite(Secret before) {
    server
        .client()
        .resource(secret("r-tls"))
        .edit(secret -> {
          secret.setData(before.getData());
          return secret;
        });
  }

  @Test
  void anAuthorityThatClientsNeverGotDoesNotSign() {
    at(Duration.ZERO);
    Secret before = secret("r-tls");
    rotateAt(Duration.ZERO);
    String first = values("r-tls-authority").get("next.crt");
    undoTheSecondWrite(before);
    Duration later = Authorities.OVERLAP.plusDays(1);
    assertThat(at(later))
        .containsExactly(
            "created the next authority in r-tls-authority; both are trusted",
            "updated ca.crt of r-tls");
    assertThat(values("r-tls-authority").get("next.crt")).isNotEqualTo(first);
    assertThat(at(later.plusDays(1))).isEmpty();
    assertThat(at(later.plus(later))).contains("renewed r-tls");
  }

  @Test
  void aRotationThatIsKilledBeforeTheServerHasItsCertificateIsFinishedOnRequest() {
    at(Duration.ZERO);
    rotateAt(Duration.ZERO);
    Secret before = secret("r-tls");
    rotateAt(Duration.ofMinutes(6));
    undoTheSecondWrite(before);
    assertThat(at(Duration.ofMinutes(7))).containsExactly("updated ca.crt of r-tls");
    assertClientsTrustTheServer();
    assertThat(rotateAt(Duration.ofMinutes(7))).containsExactly("renewed r-tls");
    assertClientsTrustTheServer();
  }

  /** The first install, killed after each of its writes. */
  @Test
  void aRunThatLosesAnAnswerIsContinuedByTheNext(@TempDir Path folder) {
    String kubeconfig = Objects.requireNonNull(System.getProperty("kubeconfig"));
    for (String call :
        List.of("PATCH .*/secrets/r-tls-authority.*", "PATCH .*/secrets/r-tls\\?.*")) {
      try (LosingApi losing = LosingApi.losing(call, 1)) {
        System.setProperty("kubernetes.request.retry.backoffLimit", "1");
        System.setProperty("kubeconfig", losing.kubeconfig(folder.resolve("config")).toString());
        assertThat(ensure())
            .exited(ExitCode.NOT_REACHED)
            .says("whether this call took effect is unknown");
        assertThat(losing.hasLost()).isTrue();
      } finally {
        System.setProperty("kubeconfig", kubeconfig);
        System.clearProperty("kubernetes.request.retry.backoffLimit");
      }
    }
    String authority = values("r-tls-authority").get("tls.crt");
    assertThat(ensure()).exited(ExitCode.OK).doesNotSay("created r-tls");
    assertThat(values("r-tls")).containsEntry("ca.crt", authority);
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
        .says("Secret r-tls is somebody else's", "set postgresql.serverTls.existingSecret=r-tls");
    assertThat(secret("r-tls-authority")).isNull();
  }
}

package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.LocalPortForward;
import io.fabric8.kubernetes.client.dsl.PodResource;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/** The server's certificate, from the first hook to its renewal. */
@DisabledIfSystemProperty(
    named = "postgresql.bitnami",
    matches = "true",
    disabledReason = "an image that starts itself reads no certificate of the chart's")
@ExtendWith(Workspaces.class)
class TlsTest {
  private static final String SECRET = Release.NAME + "-tls";
  private static final String AUTHORITY = SECRET + "-authority";

  /**
   * The kubelet updates a mounted Secret within a minute or so, and the start script then looks.
   */
  private static final int TAKEN_UP_SECONDS = 150;

  @Test
  @DisplayName(
      "prod: services verify the server's certificate and plain text is refused; a lost certificate is issued again by the periodic run and taken up without a restart, under the authority that services know")
  void ofTheRelease(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    release.upgradeInstall(Release.RECONCILE_NEVER).successful();
    Map<String, String> first = Release.decoded(release.secret(namespace, SECRET));
    assertThat(release.binding(namespace))
        .containsEntry("sslmode", "verify-full")
        .containsEntry("ca.crt", first.get("ca.crt"));
    assertThat(release.published(namespace))
        .containsEntry("PGSSLMODE", "verify-full")
        .containsEntry("DATABASE_CA_CERT", first.get("ca.crt"));
    Service service = new Service(workspace, namespace);
    service.run("verified,add", "ada");
    assertThat(release.test().successful().output())
        .contains("✓ tls: TLSv1.3", "✓ plaintext: refused", "healthy");
    assertThat(release.learnflowDb("verify").successful().output())
        .contains("✓ tls: TLSv1.3", "authority valid for", "healthy");

    PodResource server = workspace.client().pods().inNamespace(namespace).withName("postgres-0");
    Pod running = server.get();
    String shown = shown(server);
    assertThat(shown).contains("serial=", "CN");
    workspace.client().secrets().inNamespace(namespace).withName(SECRET).delete();
    assertThat(
            new Jobs(workspace, namespace)
                .runNow(Release.NAME + "-reconcile", "renew", TAKEN_UP_SECONDS))
        .contains("created " + SECRET);
    Map<String, String> second = Release.decoded(release.secret(namespace, SECRET));
    assertThat(second.get("tls.crt")).isNotEqualTo(first.get("tls.crt"));
    assertThat(second.get("ca.crt")).isEqualTo(first.get("ca.crt"));
    Eventually.within(
        Duration.ofSeconds(TAKEN_UP_SECONDS),
        "the new certificate",
        () -> {
          String now = shown(server);
          return now.contains("serial=") && !now.equals(shown);
        });
    service.run("verified,find", "ada");
    assertThat(server.get().getMetadata().getUid()).isEqualTo(running.getMetadata().getUid());
    assertThat(server.get().getStatus().getContainerStatuses().getFirst().getRestartCount())
        .isZero();
  }

  @Test
  @Tag("full")
  @DisplayName(
      "a release without TLS gets it, with the rows of before: with acceptPlaintext plain text stays possible, and verify says so; without it, it is refused")
  void later(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-dev.yaml");
    String namespace = release.namespace();
    String[] kept = {"--set", "postgresql.primary.persistence.enabled=true"};
    release.upgradeInstall(kept).successful();
    Service service = new Service(workspace, namespace);
    service.run("add,find", "ada");
    assertThat(release.published(namespace)).containsEntry("PGSSLMODE", "prefer");
    release
        .upgradeInstall(
            kept[0],
            kept[1],
            "--set",
            "postgresql.serverTls.enabled=true,postgresql.serverTls.acceptPlaintext=true")
        .successful();
    assertThat(release.test().successful().output())
        .contains("! plaintext: the server accepts connections without TLS");
    release
        .upgradeInstall(kept[0], kept[1], "--set", "postgresql.serverTls.enabled=true")
        .successful();
    assertThat(release.test().successful().output()).contains("✓ plaintext: refused");
    service.run("verified,find", "ada");
  }

  @Test
  @DisplayName(
      "an existing Secret: its certificate is shown and its authority published, and nothing is created; without it the install fails with what to do")
  void existingSecret(Workspace workspace) {
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    Certificates certificates =
        Certificates.of("postgres.%s.svc.cluster.local".formatted(namespace));
    String[] mine = {"--set", "postgresql.serverTls.existingSecret=mine"};
    new OnCall(release, "no Secret with the server's certificate")
        .installs(mine, "the authority's certificate is not there yet: /tls/ca.crt");
    workspace.makeSecret(
        namespace,
        "mine",
        Map.of(
            "tls.crt",
            certificates.server(),
            "tls.key",
            certificates.key(),
            "ca.crt",
            certificates.authority()));
    release.upgradeInstall(mine).successful();
    assertThat(release.binding(namespace)).containsEntry("ca.crt", certificates.authority());
    assertThat(release.secret(namespace, SECRET)).isNull();
    assertThat(release.secret(namespace, AUTHORITY)).isNull();
    new Service(workspace, namespace).run("verified,add", "ada");
  }

  /** What the server shows to a client, as openssl prints it. */
  private static String shown(PodResource server) {
    try (LocalPortForward forward = server.portForward(5432)) {
      return Command.run(
              Duration.ofSeconds(20),
              Map.of(),
              List.of(
                  "sh",
                  "-c",
                  "openssl s_client -starttls postgres -connect \"127.0.0.1:$1\" </dev/null 2>/dev/null"
                      + " | openssl x509 -noout -serial -subject",
                  "sh",
                  String.valueOf(forward.getLocalPort())))
          .output();
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}

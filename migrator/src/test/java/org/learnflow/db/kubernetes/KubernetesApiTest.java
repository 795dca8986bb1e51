package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.TestFiles;

/** What a user reads whom the API server does not let in, or does not hear. */
class KubernetesApiTest {
  private static final String IMPERSONATE = "kubernetes.impersonate.username";
  private static final String KUBECONFIG = "kubeconfig";

  @TempDir private Path directory = Path.of("");
  private final Optional<String> before = Optional.ofNullable(System.getProperty(KUBECONFIG));

  @BeforeAll
  static void requireCluster() {
    ApiServer.require("a refusal of the Kubernetes API is");
  }

  @AfterEach
  void restore() {
    System.clearProperty(IMPERSONATE);
    before.ifPresent(file -> System.setProperty(KUBECONFIG, file));
  }

  private void kubeconfig(String from, String to) {
    String text = TestFiles.read(Path.of(before.orElseThrow()));
    Path file = TestFiles.write(directory.resolve("config"), text.replaceAll(from, to));
    System.setProperty(KUBECONFIG, file.toString());
  }

  private static CliResult run(String command) {
    return new Cli(
            Map.of(
                "LEARNFLOW_DB_NAMESPACE",
                "default",
                "LEARNFLOW_DB_RELEASE",
                "r",
                "LEARNFLOW_DB_MIGRATIONS",
                TestFiles.migrations().toString()))
        .run(command.split(" ", -1));
  }

  @Test
  void aMissingRightIsNamed() {
    System.setProperty(IMPERSONATE, "nobody");
    assertThat(run("credentials ensure"))
        .exited(ExitCode.FAILED)
        .says(
            "User \"nobody\" cannot get resource \"secrets\"",
            "HTTP 403",
            "kubectl -n default auth can-i get secrets/r-credentials");
    assertThat(run("connection"))
        .exited(ExitCode.FAILED)
        .says("cannot get resource \"configmaps\"");
    assertThat(run("verify").lastLine())
        .startsWith("unhealthy: release: configmaps")
        .contains("nobody");
  }

  @Test
  void anUnknownUserIsToldToLogIn() {
    kubeconfig("token: .*?}", "token: wrong}");
    assertThat(run("connection"))
        .exited(ExitCode.CREDENTIALS_REFUSED)
        .says("does not accept the credentials", "HTTP 401", "log in again");
  }

  @Test
  void anApiThatDoesNotAnswerIsToldSoon() {
    kubeconfig("127.0.0.1:\\d+", "127.0.0.1:1");
    long start = System.nanoTime();
    assertThat(run("credentials ensure"))
        .exited(ExitCode.NOT_REACHED)
        .says("the Kubernetes API could not be reached: ", "127.0.0.1:1");
    assertThat(run("verify").lastLine())
        .startsWith("unhealthy: release: the Kubernetes API could not be reached");
    assertThat(System.nanoTime() - start).isLessThan(15_000_000_000L);
  }
}

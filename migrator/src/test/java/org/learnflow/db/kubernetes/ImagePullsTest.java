package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ContainerStateBuilder;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CliResult;

/**
 * The first hook waits for the images of its pod's other containers; the states are written as a
 * kubelet writes them.
 */
class ImagePullsTest {
  private static final String PULLED = "state: {terminated: {exitCode: 0}}";

  private static final String FAILS =
      "state: {waiting: {reason: ImagePullBackOff, message: \"Back-off pulling image no-such-tag\"}}";

  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("what the first hook says about images is");
  }

  /** A pod with a deadline of 60 s. */
  private void pod(Duration age, String other) {
    server.apply(
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: first-hook}
        spec:
          activeDeadlineSeconds: 60
          containers:
            - {name: credentials, image: "learnflow-db:1"}
            - {name: postgresql-image, image: "postgres:no-such-tag"}
        status:
          phase: Pending
          startTime: %s
          containerStatuses:
            - {name: credentials, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {}}}
            - {name: postgresql-image, image: i, imageID: i, ready: false, restartCount: 0, %s}
        """
            .formatted(Instant.now().minus(age).truncatedTo(ChronoUnit.SECONDS), other));
  }

  private CliResult ensure() {
    return server.ensure(List.of("--pod", "first-hook"));
  }

  @Test
  void pulledImagesAreNotWaitedFor() {
    pod(Duration.ofSeconds(59), PULLED);
    assertThat(ensure())
        .exited(ExitCode.OK)
        .doesNotSay("images")
        .answers(
            "Secret learnflow-db-credentials in namespace %s: created postgres-password, password, app-password"
                .formatted(server.namespace()));
  }

  @Test
  void anImageThatCannotBePulledIsNamedBeforeTheDeadline() {
    pod(Duration.ofSeconds(57), FAILS);
    assertThat(ensure())
        .exited(ExitCode.REFUSED)
        .says(
            "error: pod first-hook: ImagePullBackOff: Back-off pulling image no-such-tag",
            "nothing was applied",
            "correct postgresql.image",
            "describe pod first-hook");
  }

  @Test
  void anImageThatIsPulledAfterAllIsFine() throws Exception {
    pod(Duration.ZERO, FAILS);
    CompletableFuture<CliResult> ensure = CompletableFuture.supplyAsync(this::ensure);
    TimeUnit.SECONDS.sleep(2);
    assertThat(ensure).isNotDone();
    server
        .client()
        .pods()
        .inNamespace(server.namespace())
        .withName("first-hook")
        .editStatus(pod -> {
          pod.getStatus()
              .getContainerStatuses()
              .getLast()
              .setState(
                  new ContainerStateBuilder()
                      .withNewTerminated()
                      .withExitCode(0)
                      .endTerminated()
                      .build());
          return pod;
        });
    assertThat(ensure.get(30, TimeUnit.SECONDS))
        .exited(ExitCode.OK)
        .says("images   pod first-hook: ImagePullBackOff");
  }
}

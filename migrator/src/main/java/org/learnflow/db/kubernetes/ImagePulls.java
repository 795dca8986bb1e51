package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.learnflow.db.Elapsed;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;
import org.learnflow.db.connect.Hosting.Obstacle;

/**
 * The images of the other containers of the pod that this program runs in. They only show, before
 * anything is changed, that a node can pull what is needed later.
 *
 * @param pod its name; it has a deadline
 */
public record ImagePulls(KubernetesApi api, String namespace, String pod, Progress progress) {
  private static final Duration POLL = Duration.ofMillis(200);

  /** Left of the pod's deadline, to print why an image was not pulled. */
  private static final Duration TO_PRINT = Duration.ofSeconds(5);

  /**
   * Waits until each container has been started.
   *
   * @throws Failure 10 with the reason, shortly before the pod's deadline
   */
  public void await() {
    String told = "";
    Elapsed waited = Elapsed.fromNow();
    for (Optional<JsonNode> now = read(); now.filter(ImagePulls::waits).isPresent(); now = read()) {
      Obstacle obstacle = new PodDiagnosis(api, namespace).of(now.get());
      if (!Instant.now().isBefore(end(now.get()))) {
        throw Failure.of(ExitCode.REFUSED, obstacle.what())
            .state("nothing was applied: PostgreSQL, if it runs, and its data are as before")
            .next(
                "correct postgresql.image, or the access to its registry, and run the same command again; "
                    + obstacle.next());
      }
      if (obstacle.what().contains("Pull") && !obstacle.what().equals(told)) {
        told = obstacle.what();
        progress.line("images", told);
      }
      progress.update(
          "images",
          "waiting for the containers of this pod: %s, %s, until %s at most"
              .formatted(obstacle.what(), waited.soFar(), end(now.get())));
      Pause.of(POLL);
    }
  }

  private Optional<JsonNode> read() {
    return api.get(Kind.POD, namespace, pod);
  }

  private static boolean waits(JsonNode pod) {
    return pod.at("/status/containerStatuses")
        .valueStream()
        .anyMatch(status -> !status.at("/state/waiting").isMissingNode());
  }

  private static Instant end(JsonNode pod) {
    return Instant.parse(pod.at("/status/startTime").asText())
        .plusSeconds(pod.at("/spec/activeDeadlineSeconds").asLong())
        .minus(TO_PRINT);
  }
}

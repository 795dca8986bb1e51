package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.Hosting.Obstacle;

/** Why a pod is not ready, in the words that Kubernetes uses and people search for. */
final class PodDiagnosis {
  /** PostgreSQL's words for data of another major version. */
  private static final String OTHER_MAJOR = "data directory was initialized by PostgreSQL version";

  /** What a container waits for that is on its way. */
  private static final Set<String> STARTING = Set.of("ContainerCreating", "PodInitializing");

  private final KubernetesApi api;
  private final String namespace;
  private final Events events;

  PodDiagnosis(KubernetesApi api, String namespace) {
    this.api = api;
    this.namespace = namespace;
    this.events = new Events(api, namespace);
  }

  /** Why {@code pod}, which is not ready, is not. */
  Obstacle of(JsonNode pod) {
    String name = pod.at("/metadata/name").asText();
    String describe = "kubectl -n %s describe pod %s".formatted(namespace, name);
    return unscheduled(pod, describe)
        .or(() -> container(pod, describe))
        .or(() -> evicted(pod, describe))
        .orElseGet(() -> {
          String phase = pod.at("/status/phase").asText();
          String event = events.newestOf(pod, true).map(text -> ": " + text).orElse("");
          return new Obstacle(
              "pod %s is %s%s"
                  .formatted(
                      name, phase.equals("Running") ? "running, but not ready" : phase, event),
              describe);
        });
  }

  private Optional<Obstacle> unscheduled(JsonNode pod, String describe) {
    Optional<JsonNode> condition =
        condition(pod, "PodScheduled")
            .filter(found -> found.path("status").asText("").equals("False"));
    if (condition.isEmpty()) {
      return Optional.empty();
    }
    String text =
        "pod %s is %s: %s"
            .formatted(
                pod.at("/metadata/name").asText(),
                condition.get().path("reason").asText(),
                Events.oneLine(condition.get().path("message")));
    List<String> claims = unboundClaims(pod);
    return Optional.of(
        claims.isEmpty()
            ? new Obstacle(text, describe)
            : new Obstacle(
                String.join("; ", claims) + "; " + text,
                "kubectl get storageclass,pv; kubectl -n %s describe pvc".formatted(namespace)));
  }

  /** Names of the claims that a pod's volumes are of. */
  static List<String> claims(JsonNode pod) {
    return pod.at("/spec/volumes")
        .valueStream()
        .map(volume -> volume.at("/persistentVolumeClaim/claimName").asText())
        .filter(name -> !name.isEmpty())
        .toList();
  }

  private List<String> unboundClaims(JsonNode pod) {
    List<String> unbound = new ArrayList<>();
    for (String name : claims(pod)) {
      try {
        api.get(Kind.CLAIM, namespace, name)
            .map(this::unbound)
            .orElseGet(() -> Optional.of("PersistentVolumeClaim " + name + " does not exist"))
            .ifPresent(unbound::add);
      } catch (Failure e) {
        // A role for waiting names the data's claims only; of others the scheduler tells.
      }
    }
    return unbound;
  }

  private Optional<String> unbound(JsonNode claim) {
    String phase = claim.at("/status/phase").asText();
    Optional<String> event = events.newestOf(claim, false);
    if (phase.equals("Bound") || event.filter(PodDiagnosis::waitsForPod).isPresent()) {
      return Optional.empty();
    }
    String storageClass = claim.at("/spec/storageClassName").asText();
    return Optional.of(
        "PersistentVolumeClaim %s over %s is %s, %s%s"
            .formatted(
                claim.at("/metadata/name").asText(),
                claim.at("/spec/resources/requests/storage").asText(),
                phase,
                storageClass.isEmpty()
                    ? "no StorageClass: it names none, and the cluster has no default"
                    : "StorageClass " + storageClass,
                event.map(text -> ", " + text).orElse("")));
  }

  /** Then it is the pod that keeps the claim from being bound. */
  private static boolean waitsForPod(String event) {
    return event.startsWith("WaitForFirstConsumer:") || event.startsWith("WaitForPodScheduled:");
  }

  private Optional<Obstacle> container(JsonNode pod, String describe) {
    return Stream.of("initContainerStatuses", "containerStatuses")
        .flatMap(list -> pod.path("status").path(list).valueStream())
        .flatMap(status -> container(pod, status, describe).stream())
        .findFirst();
  }

  private Optional<Obstacle> container(JsonNode pod, JsonNode status, String describe) {
    String name = pod.at("/metadata/name").asText();
    JsonNode waiting = status.at("/state/waiting");
    String reason = waiting.path("reason").asText();
    JsonNode ended = status.at("/state/terminated");
    JsonNode endedBefore = status.at("/lastState/terminated");
    boolean ready = status.path("ready").asBoolean();
    if (reason.equals("CrashLoopBackOff")
        || (reason.isEmpty() && ended.isMissingNode() && !ready && !endedBefore.isMissingNode())) {
      String state = reason.isEmpty() ? "running again, not ready" : reason;
      return Optional.of(crash(name, status, endedBefore, state, true));
    }
    if (!ended.isMissingNode() && ended.path("exitCode").asInt() != 0) {
      return Optional.of(crash(name, status, ended, "terminated", false));
    }
    if (!reason.isEmpty() && !STARTING.contains(reason)) {
      String message = Events.oneLine(waiting.path("message"));
      return Optional.of(
          new Obstacle(
              "pod %s: %s%s".formatted(name, reason, message.isEmpty() ? "" : ": " + message),
              describe));
    }
    return Optional.empty();
  }

  private Obstacle crash(
      String pod, JsonNode status, JsonNode ended, String state, boolean previous) {
    String container = status.path("name").asText();
    String how =
        "%s (exit code %d), %d restarts"
            .formatted(
                ended.path("reason").asText("Error"),
                ended.path("exitCode").asInt(),
                status.path("restartCount").asInt());
    if (ended.path("reason").asText().equals("OOMKilled")) {
      return new Obstacle(
          "pod %s: %s: %s: out of memory".formatted(pod, state, how),
          "raise its memory limit: postgresql.primary.resources.limits.memory");
    }
    String line = api.lastLogLine(namespace, pod, container, previous);
    String logs =
        "kubectl -n %s logs %s -c %s%s"
            .formatted(namespace, pod, container, previous ? " --previous" : "");
    return new Obstacle(
        "pod %s: %s: %s%s"
            .formatted(pod, state, how, line.isEmpty() ? "" : ", last log line: " + line),
        line.contains(OTHER_MAJOR)
            ? "the volume is of another major version: put postgresql.image.tag back to it, see"
                + " docs/how-to/major-upgrade.md; or: "
                + logs
            : logs);
  }

  private Optional<Obstacle> evicted(JsonNode pod, String describe) {
    String reason = pod.at("/status/reason").asText();
    return reason.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new Obstacle(
                "pod %s is %s: %s: %s"
                    .formatted(
                        pod.at("/metadata/name").asText(),
                        pod.at("/status/phase").asText(),
                        reason,
                        Events.oneLine(pod.at("/status/message"))),
                describe));
  }

  static Optional<JsonNode> condition(JsonNode object, String type) {
    return object
        .at("/status/conditions")
        .valueStream()
        .filter(condition -> condition.path("type").asText().equals(type))
        .findFirst();
  }
}

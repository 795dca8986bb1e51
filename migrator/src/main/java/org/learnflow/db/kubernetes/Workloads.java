package org.learnflow.db.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.Elapsed;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;

/**
 * What runs pods that use the published Secrets, and rolling it, as {@code kubectl rollout restart}
 * and {@code kubectl rollout status} do.
 */
public final class Workloads {
  private static final Duration POLL = Duration.ofSeconds(1);

  private static final List<Kind> KINDS =
      List.of(Kind.DEPLOYMENT, Kind.STATEFUL_SET, Kind.DAEMON_SET, Kind.CRON_JOB);

  private final KubernetesApi api;
  private final Set<String> secrets;
  private final List<String> namespaces;

  /**
   * The workloads that use published Secrets.
   *
   * @param names under which connections are published
   */
  public Workloads(KubernetesApi api, Collection<String> names, Collection<String> namespaces) {
    this.api = api;
    this.secrets =
        names.stream()
            .flatMap(name -> Stream.of(name, name + "-env"))
            .collect(Collectors.toUnmodifiableSet());
    this.namespaces = List.copyOf(namespaces);
  }

  /**
   * A workload.
   *
   * @param kind Deployment, StatefulSet, DaemonSet or CronJob
   * @param reads {@code environment}, which stays as it was when a container started, or {@code
   *     files}, which the kubelet renews
   * @param restart the command that restarts it; empty for a CronJob, whose next run needs none
   */
  public record Workload(String namespace, String kind, String name, String reads, String restart) {
    /** For people. */
    public String title() {
      return "%s %s/%s".formatted(kind, namespace, name);
    }

    /** Several of them, for people. */
    public static String titles(List<Workload> workloads) {
      return workloads.stream().map(Workload::title).collect(Collectors.joining(", "));
    }
  }

  /**
   * All of them, in the namespaces that are published in.
   *
   * @throws Failure 1 where they may not be listed
   */
  public List<Workload> find() {
    List<Workload> found = new ArrayList<>();
    for (String namespace : namespaces) {
      for (Kind kind : KINDS) {
        for (JsonNode object : api.list(kind, namespace, Map.of())) {
          reads(podSpec(kind, object))
              .ifPresent(reads -> found.add(workload(namespace, kind, object, reads)));
        }
      }
    }
    return List.copyOf(found);
  }

  private static Workload workload(String namespace, Kind kind, JsonNode object, String reads) {
    String name = object.at("/metadata/name").asText();
    return new Workload(
        namespace,
        kind.text(),
        name,
        reads,
        kind == Kind.CRON_JOB
            ? ""
            : "kubectl -n %s rollout restart %s/%s".formatted(namespace, kind.singular(), name));
  }

  private static JsonNode podSpec(Kind kind, JsonNode object) {
    return object.at(
        kind == Kind.CRON_JOB ? "/spec/jobTemplate/spec/template/spec" : "/spec/template/spec");
  }

  private Optional<String> reads(JsonNode pod) {
    boolean environment =
        Stream.of("initContainers", "containers")
            .flatMap(list -> pod.path(list).valueStream())
            .flatMap(container ->
                Stream.concat(
                    container
                        .path("envFrom")
                        .valueStream()
                        .map(source -> source.at("/secretRef/name")),
                    container
                        .path("env")
                        .valueStream()
                        .map(variable -> variable.at("/valueFrom/secretKeyRef/name"))))
            .anyMatch(this::isPublished);
    boolean files =
        pod.path("volumes")
            .valueStream()
            .flatMap(volume ->
                Stream.concat(
                    Stream.of(volume.at("/secret/secretName")),
                    volume
                        .at("/projected/sources")
                        .valueStream()
                        .map(source -> source.at("/secret/name"))))
            .anyMatch(this::isPublished);
    return environment
        ? Optional.of("environment")
        : files ? Optional.of("files") : Optional.empty();
  }

  private boolean isPublished(JsonNode name) {
    return secrets.contains(name.asText());
  }

  /**
   * Restarts workloads and waits until all their pods are new and available.
   *
   * @throws Failure 1 with those that are not in time, or cannot be
   */
  public void restart(List<Workload> workloads, Duration timeout, Progress progress) {
    List<String> never = new ArrayList<>();
    Map<Workload, String> waiting = new LinkedHashMap<>();
    for (Workload workload : workloads) {
      if (workload.restart().isEmpty()) {
        continue;
      }
      try {
        Optional<String> obstacle = get(workload).flatMap(Workloads::obstacle);
        if (obstacle.isPresent()) {
          never.add("%s %s".formatted(workload.title(), obstacle.get()));
        } else {
          api.patch(kind(workload), workload.namespace(), workload.name(), restartedNow());
          waiting.put(workload, "restarted");
          progress.line("restart", workload.title());
        }
      } catch (Failure e) {
        never.add(
            "%s: %s%s"
                .formatted(
                    workload.title(),
                    e.what(),
                    e.state().map(state -> " (" + state + ")").orElse("")));
      }
    }
    await(waiting, timeout, progress);
    waiting.forEach((workload, state) -> never.add(workload.title() + " " + state));
    if (!never.isEmpty()) {
      throw Failure.of(ExitCode.FAILED, "not restarted: " + String.join("; ", never));
    }
  }

  /** Leaves in {@code waiting} what is not done in time, or has failed. */
  private void await(Map<Workload, String> waiting, Duration timeout, Progress progress) {
    Elapsed elapsed = Elapsed.fromNow();
    while (!waiting.isEmpty()) {
      for (Workload workload : List.copyOf(waiting.keySet())) {
        Optional<String> unfinished = unfinished(workload);
        if (unfinished.isPresent()) {
          waiting.put(workload, unfinished.get());
        } else {
          waiting.remove(workload);
          progress.line("restart", workload.title() + " is rolled out");
        }
      }
      if (waiting.isEmpty() || elapsed.exceeds(timeout)) {
        return;
      }
      progress.update(
          "restart",
          "%s, %s"
              .formatted(
                  waiting.entrySet().stream()
                      .map(entry -> "%s %s".formatted(entry.getKey().title(), entry.getValue()))
                      .collect(Collectors.joining("; ")),
                  elapsed.ofAtMost(timeout)));
      Pause.of(POLL);
    }
  }

  private Optional<String> unfinished(Workload workload) {
    try {
      return get(workload).flatMap(object -> unfinished(kind(workload), object));
    } catch (Failure e) {
      return Optional.of(e.what());
    }
  }

  /** None where it was deleted meanwhile, which needs no restart. */
  private Optional<JsonNode> get(Workload workload) {
    return api.get(kind(workload), workload.namespace(), workload.name());
  }

  private static Kind kind(Workload workload) {
    return KINDS.stream()
        .filter(kind -> kind.text().equals(workload.kind()))
        .findFirst()
        .orElseThrow();
  }

  private static ObjectNode restartedNow() {
    ObjectNode change = KubernetesApi.object();
    change
        .putObject("spec")
        .putObject("template")
        .putObject("metadata")
        .putObject("annotations")
        .put(
            "kubectl.kubernetes.io/restartedAt",
            Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    return change;
  }

  /** Why a changed pod template would not become pods. */
  private static Optional<String> obstacle(JsonNode object) {
    if (object.at("/spec/paused").asBoolean()) {
      return Optional.of("is paused: kubectl rollout resume, then restart it");
    }
    JsonNode strategy = object.at("/spec/updateStrategy");
    if (strategy.path("type").asText().equals("OnDelete")) {
      return Optional.of("has the update strategy OnDelete: delete its pods one by one");
    }
    return strategy.at("/rollingUpdate/partition").asInt() > 0
        ? Optional.of("has a partition in its update strategy: delete the pods below it one by one")
        : Optional.empty();
  }

  /** What is not done yet of a rollout; source: kubectl's rollout status. */
  private static Optional<String> unfinished(Kind kind, JsonNode object) {
    JsonNode status = object.path("status");
    if (status.path("observedGeneration").asLong() < object.at("/metadata/generation").asLong()) {
      return Optional.of("has not been seen by its controller yet");
    }
    boolean daemons = kind == Kind.DAEMON_SET;
    int wanted =
        daemons
            ? status.path("desiredNumberScheduled").asInt()
            : object.at("/spec/replicas").asInt(1);
    int updated = status.path(daemons ? "updatedNumberScheduled" : "updatedReplicas").asInt();
    int available = status.path(daemons ? "numberAvailable" : "availableReplicas").asInt();
    int old = kind == Kind.DEPLOYMENT ? status.path("replicas").asInt() - updated : 0;
    if (updated < wanted) {
      return Optional.of("%d of %d pods are new".formatted(updated, wanted));
    }
    if (old > 0) {
      return Optional.of("%d old pods are still ending".formatted(old));
    }
    return available < wanted
        ? Optional.of("%d of %d new pods are available".formatted(available, wanted))
        : Optional.empty();
  }
}

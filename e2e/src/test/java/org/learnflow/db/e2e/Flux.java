package org.learnflow.db.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Flux: its source controller and Helm controller. */
final class Flux {
  /** Label of what these controllers look at. */
  static final String SHARD = "sharding.fluxcd.io/key";

  static final String SOURCE_CONTROLLER = "source-controller";
  static final String HELM_CONTROLLER = "helm-controller";

  private static final ResourceDefinitionContext HELM_RELEASE =
      Controllers.kind("helm.toolkit.fluxcd.io", "v2", "HelmRelease");
  private static final ResourceDefinitionContext GIT_REPOSITORY =
      Controllers.kind("source.toolkit.fluxcd.io", "v1", "GitRepository");
  private static final ResourceDefinitionContext HELM_REPOSITORY =
      Controllers.kind("source.toolkit.fluxcd.io", "v1", "HelmRepository");
  private static final ResourceDefinitionContext HELM_CHART =
      Controllers.kind("source.toolkit.fluxcd.io", "v1", "HelmChart");

  /** What it writes itself, about how it is getting on. */
  static final List<ResourceDefinitionContext> KINDS =
      List.of(HELM_RELEASE, HELM_CHART, GIT_REPOSITORY, HELM_REPOSITORY);

  private static final Duration MOST = Duration.ofSeconds(180);

  private static final String CRDS = "config/crd/bases";

  private final KubernetesClient client;
  private final Controllers controllers;

  /** Starts it for one test. */
  Flux(Workspace workspace) {
    client = workspace.client();
    controllers = new Controllers(workspace, "flux-system");
    if (!Controllers.INSTALLED) {
      for (String controller : List.of(SOURCE_CONTROLLER, HELM_CONTROLLER)) {
        controllers.applyAll(controllers.released(controller, CRDS));
      }
      start();
    }
    workspace.atEnd(() ->
        workspace
            .namespaces()
            .forEach(namespace -> KINDS.forEach(kind -> controllers.forget(kind, namespace))));
  }

  /** Where its controllers would be. */
  String namespace() {
    return controllers.namespace();
  }

  /** Its processes, where it is not part of the cluster. */
  Programs programs() {
    return controllers.programs();
  }

  /** Applies the objects of a text. */
  void apply(String yaml) {
    controllers.apply(yaml);
  }

  private void start() {
    Programs programs = controllers.programs();
    String storage = "127.0.0.1:" + Programs.freePort();
    start(
        SOURCE_CONTROLLER,
        "--storage-path=" + programs.folder("storage"),
        "--storage-addr=" + storage,
        "--storage-adv-addr=" + storage);
    start(HELM_CONTROLLER);
  }

  private void start(String controller, String... options) {
    String health = "127.0.0.1:" + Programs.freePort();
    List<String> words =
        new ArrayList<>(
            List.of(
                Controllers.program(controller).toString(),
                "--health-addr=" + health,
                "--metrics-addr=127.0.0.1:" + Programs.freePort(),
                "--log-encoding=console",
                "--interval-jitter-percentage=0",
                // Others may be at work on the same cluster.
                "--watch-label-selector=%s=%s".formatted(SHARD, namespace())));
    words.addAll(List.of(options));
    Programs programs = controllers.programs();
    programs.start(
        controller, controllers.environment(Map.of("RUNTIME_NAMESPACE", namespace())), words);
    programs.awaitReady(controller, "http://%s/readyz".formatted(health));
  }

  Reconciled helmRelease(String namespace, String name) {
    return new Reconciled(new Watched(client, HELM_RELEASE, namespace, name));
  }

  Reconciled gitRepository(String namespace, String name) {
    return new Reconciled(new Watched(client, GIT_REPOSITORY, namespace, name));
  }

  Reconciled helmRepository(String namespace, String name) {
    return new Reconciled(new Watched(client, HELM_REPOSITORY, namespace, name));
  }

  /** An object that Flux reconciles, and what it says about it. */
  static final class Reconciled {
    private final Watched watched;

    private Reconciled(Watched watched) {
      this.watched = watched;
    }

    /** The object. */
    Watched watched() {
      return watched;
    }

    /** As {@code flux reconcile} does; waits until that has ended. */
    void reconcile() {
      awaitHandled(request(false));
    }

    /** The same with an upgrade, whether anything has changed or not. */
    void force() {
      awaitHandled(request(true));
    }

    /**
     * Asks for the one or the other.
     *
     * @return what is to be waited for
     */
    String request(boolean force) {
      String token = String.valueOf(System.nanoTime());
      watched.patch(
          """
          {"metadata": {"annotations": {
            "reconcile.fluxcd.io/forceAt": %s,
            "reconcile.fluxcd.io/requestedAt": "%s"}}}
          """
              .formatted(force ? "\"" + token + "\"" : "null", token));
      return token;
    }

    /** Waits until what was asked for has ended. */
    void awaitHandled(String token) {
      watched.await(
          "reconciled on request",
          MOST,
          now -> now.at("/status/lastHandledReconcileAt").asText().equals(token));
    }

    /** Waits until what it describes is there. */
    JsonNode awaitReady() {
      return watched.await("Ready", MOST, now -> isCurrent(now) && is(now, "Ready", "True"));
    }

    /** Waits until a revision of the repository was tried. */
    void awaitRevision(String revision) {
      String short12 = revision.substring(0, 12);
      watched.await(
          "at " + revision,
          MOST,
          now -> now.at("/status/lastAttemptedRevision").asText().contains(short12));
    }

    /**
     * Waits until the last release has failed; whether it is tried again later is what the example
     * says.
     */
    JsonNode awaitFailed() {
      return watched.await("failed", MOST, now -> isCurrent(now) && is(now, "Released", "False"));
    }

    /** Waits until it has tried in vain as often as it may; only then nothing moves any more. */
    JsonNode awaitStalled() {
      return watched.await("Stalled", MOST, now -> isCurrent(now) && is(now, "Stalled", "True"));
    }

    private static boolean isCurrent(JsonNode object) {
      return object.at("/status/observedGeneration").asInt()
          == object.at("/metadata/generation").asInt();
    }

    /** Message of a condition. */
    static String message(JsonNode object, String type) {
      return condition(object, type).path("message").asText();
    }

    static boolean is(JsonNode object, String type, String status) {
      return condition(object, type).path("status").asText().equals(status);
    }

    private static JsonNode condition(JsonNode object, String type) {
      for (JsonNode condition : object.at("/status/conditions")) {
        if (condition.path("type").asText().equals(type)) {
          return condition;
        }
      }
      return object.path("status").path("no condition " + type);
    }
  }
}

package org.learnflow.db.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** Argo CD: its application controller, repository server and cache. */
final class ArgoCd {
  static final String APPLICATION_CONTROLLER = "argocd-application-controller";
  static final String REPO_SERVER = "argocd-repo-server";

  private static final ResourceDefinitionContext APPLICATION =
      Controllers.kind("argoproj.io", "v1alpha1", "Application");

  private static final String PROGRAM = "argocd";
  private static final String REDIS = "redis";

  private final KubernetesClient client;
  private final Controllers controllers;

  /** Starts it for one test. */
  ArgoCd(Workspace workspace) {
    client = workspace.client();
    controllers = new Controllers(workspace, "argocd");
    if (!Controllers.INSTALLED) {
      configure();
      start();
    }
    workspace.atEnd(() -> controllers.forget(APPLICATION, namespace()));
  }

  /** Where Applications are. */
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

  private void configure() {
    controllers.applyAll(controllers.released(PROGRAM, "manifests/crds"), "kustomization.yaml");
    controllers.applyAll(
        controllers.released(PROGRAM, "manifests/base/config"), "kustomization.yaml");
    // As argocd-server would make them: a key, and the project of Applications that name no other.
    apply(
        """
        apiVersion: v1
        kind: Secret
        metadata:
          name: argocd-secret
          labels: {app.kubernetes.io/part-of: argocd}
        stringData: {server.secretkey: %s}
        ---
        apiVersion: argoproj.io/v1alpha1
        kind: AppProject
        metadata: {name: default}
        spec:
          sourceRepos: ["*"]
          destinations: [{namespace: "*", server: "*"}]
          clusterResourceWhitelist: [{group: "*", kind: "*"}]
        """
            .formatted(UUID.randomUUID()));
    // Others may be at work on the same cluster, with Applications of the same names.
    settings().patch("{\"data\": {\"installationID\": \"%s\"}}".formatted(namespace()));
  }

  /** ConfigMap argocd-cm; changes take effect at once. */
  Watched settings() {
    ResourceDefinitionContext configMap =
        new ResourceDefinitionContext.Builder()
            .withVersion("v1")
            .withKind("ConfigMap")
            .withPlural("configmaps")
            .withNamespaced(true)
            .build();
    return watched(configMap, "argocd-cm");
  }

  private void start() {
    Programs programs = controllers.programs();
    String redis = "127.0.0.1:" + Programs.freePort();
    String repoServer = "127.0.0.1:" + Programs.freePort();
    int repoServerMetrics = Programs.freePort();
    int controllerMetrics = Programs.freePort();
    Map<String, String> environment =
        controllers.environment(
            Map.of(
                // The cluster of the kubeconfig is https://kubernetes.default.svc in Applications.
                "ARGOCD_FAKE_IN_CLUSTER", "true",
                "ARGOCD_TLS_DATA_PATH", programs.folder("tls").toString(),
                "ARGOCD_SSH_DATA_PATH", programs.folder("ssh").toString(),
                "ARGOCD_GNUPGHOME", programs.folder("gpg/keys").toString(),
                "ARGOCD_GPG_DATA_PATH", programs.folder("gpg/source").toString(),
                "ARGOCD_GPG_ENABLED", "false",
                "ARGOCD_PLUGINSOCKFILEPATH", programs.folder("plugins").toString(),
                "PATH", bin() + ":" + System.getenv("PATH")));
    programs.start(
        REDIS,
        environment,
        List.of(
            "redis-server",
            "--bind",
            "127.0.0.1",
            "--port",
            redis.split(":")[1],
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            programs.folder("redis").toString()));
    programs.start(
        REPO_SERVER,
        environment,
        List.of(
            bin().resolve(REPO_SERVER).toString(),
            "--address=127.0.0.1",
            "--port=" + repoServer.split(":")[1],
            "--metrics-address=127.0.0.1",
            "--metrics-port=" + repoServerMetrics,
            "--redis=" + redis,
            "--logformat=text",
            "--revision-cache-expiration=10s"));
    programs.awaitReady(REPO_SERVER, "http://127.0.0.1:%d/healthz".formatted(repoServerMetrics));
    programs.start(
        APPLICATION_CONTROLLER,
        environment,
        List.of(
            bin().resolve(APPLICATION_CONTROLLER).toString(),
            "--namespace=" + namespace(),
            "--kubeconfig=" + environment.get("KUBECONFIG"),
            "--repo-server=" + repoServer,
            "--metrics-port=" + controllerMetrics,
            "--redis=" + redis,
            "--logformat=text",
            "--app-resync=30",
            "--app-resync-jitter=0"));
    programs.awaitReady(
        APPLICATION_CONTROLLER, "http://127.0.0.1:%d/healthz".formatted(controllerMetrics));
  }

  /** One program, which is what it is called as; and Helm 3, which it calls. */
  private Path bin() {
    Path bin = controllers.programs().folder("bin");
    link(bin.resolve(APPLICATION_CONTROLLER), Controllers.program(PROGRAM));
    link(bin.resolve(REPO_SERVER), Controllers.program(PROGRAM));
    link(bin.resolve("helm"), Repository.tool("helm3"));
    return bin;
  }

  private static void link(Path link, Path target) {
    try {
      if (!Files.exists(link)) {
        Files.createSymbolicLink(link, target);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Watched watched(ResourceDefinitionContext kind, String name) {
    return new Watched(client, kind, namespace(), name);
  }

  Application application(String name) {
    return new Application(watched(APPLICATION, name));
  }

  /** An Application, and what Argo CD says about it. */
  static final class Application {
    /** Three tries of a sync, on a machine that is busy with other tests. */
    private static final Duration MOST = Duration.ofMinutes(6);

    private static final Set<String> ENDED = Set.of("Succeeded", "Failed", "Error");

    private final Watched watched;

    private Application(Watched watched) {
      this.watched = watched;
    }

    /** The object. */
    Watched watched() {
      return watched;
    }

    /** Has it compared with what the repository has now, whatever is cached. */
    void refresh() {
      watched.annotate("argocd.argoproj.io/refresh", "hard");
      watched.await(
          "refreshed",
          MOST,
          now -> now.at("/metadata/annotations/argocd.argoproj.io~1refresh").isMissingNode());
    }

    /**
     * Synchronises as {@code argocd app sync} does, with the options of the Application, and waits
     * for the end.
     *
     * @return the operation's state
     */
    JsonNode sync() {
      JsonNode policy = watched.get().at("/spec/syncPolicy");
      JsonNode options = policy.path("syncOptions");
      // Without the null the new operation gets the former one's list of resources.
      watched.patch(
          """
          {"status": {"operationState": null},
           "operation": {"initiatedBy": {"username": "e2e"},
                         "sync": {"prune": true, "syncOptions": %s}}}
          """
              .formatted(options.isMissingNode() ? "[]" : options.toString()));
      return watched
          .await("synchronised", MOST, now -> !now.has("operation") && ended(now))
          .at("/status/operationState");
    }

    /**
     * Has Argo CD see a revision, and waits until its synchronisation has ended.
     *
     * @return the operation's state
     */
    JsonNode awaitSynced(String revision) {
      refresh();
      return awaitEnded(revision);
    }

    /**
     * Waits until the synchronisation with a revision has ended, whoever began it.
     *
     * @return the operation's state
     */
    JsonNode awaitEnded(String revision) {
      return watched
          .await(
              "synchronised with " + revision,
              MOST,
              now ->
                  !now.has("operation")
                      && ended(now)
                      && now.at("/status/operationState/syncResult/revision")
                          .asText()
                          .equals(revision))
          .at("/status/operationState");
    }

    /**
     * Waits until the last try of an operation has failed.
     *
     * @return the operation's state
     */
    JsonNode awaitFailed() {
      return watched
          .await("failed", MOST, now -> !now.has("operation") && phase(now).equals("Failed"))
          .at("/status/operationState");
    }

    /** Ends an operation that waits, as {@code argocd app terminate-op} does. */
    void terminate() {
      watched.patch("{\"status\": {\"operationState\": {\"phase\": \"Terminating\"}}}");
    }

    private static boolean ended(JsonNode application) {
      return ENDED.contains(phase(application));
    }

    private static String phase(JsonNode application) {
      return application.at("/status/operationState/phase").asText();
    }

    /** Waits until it is Synced and Healthy, as people want to see it. */
    JsonNode awaitHealthy() {
      return watched.await(
          "Synced and Healthy",
          MOST,
          now ->
              phase(now).equals("Succeeded")
                  && now.at("/status/sync/status").asText().equals("Synced")
                  && now.at("/status/health/status").asText().equals("Healthy"));
    }
  }
}

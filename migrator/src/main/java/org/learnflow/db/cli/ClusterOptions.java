package org.learnflow.db.cli;

import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.Progress;
import org.learnflow.db.Trace;
import org.learnflow.db.kubernetes.KubernetesApi;
import org.learnflow.db.kubernetes.PodHosting;
import org.learnflow.db.kubernetes.ServerObject;
import org.learnflow.db.tracing.Tracing;
import picocli.CommandLine.Option;

/** Which release in which cluster; connects on first use. */
final class ClusterOptions implements AutoCloseable {
  private static final String DEFAULT_RELEASE = "learnflow-db";

  private final Environment environment;

  @Option(
      names = "--release",
      paramLabel = "NAME",
      description =
          "The release whose database is used, unless --database is given; also the name of the"
              + " published objects (default: learnflow-db).")
  private @Nullable String release;

  @Option(
      names = {"-n", "--namespace"},
      paramLabel = "NS",
      description = "The release's namespace (default: that of the kubeconfig or of the pod).")
  private @Nullable String namespace;

  @Option(
      names = "--context",
      paramLabel = "NAME",
      description = "Context of the kubeconfig (default: the current one).")
  private @Nullable String context;

  @Option(
      names = "--stateful-set",
      paramLabel = "NAME",
      description = "The database's StatefulSet, to wait for (default: the release's).")
  private @Nullable String statefulSet;

  @Option(
      names = "--cnpg-cluster",
      paramLabel = "NAME",
      description =
          "The Cluster of CloudNativePG that runs the database, to wait for (default: the"
              + " release's).")
  private @Nullable String cnpgCluster;

  private @Nullable CompletableFuture<KubernetesApi> api;
  private Progress progress = Progress.SILENT;

  ClusterOptions(Environment environment) {
    this.environment = environment;
  }

  /** The trace of a command, if variables ask for one. */
  Trace trace(String command, Progress reports) {
    return Tracing.begin(command, environment.variables(), reports);
  }

  /** Where waits for the cluster's answers are reported. */
  void reportTo(Progress reports) {
    progress = reports;
  }

  /** Whether this process runs in a pod. */
  boolean inPod() {
    return environment.get("KUBERNETES_SERVICE_HOST").isPresent();
  }

  /** The release, if one was named. */
  Optional<String> namedRelease() {
    return Optional.ofNullable(release);
  }

  String release() {
    return namedRelease().orElse(DEFAULT_RELEASE);
  }

  String namespace() {
    return Optional.ofNullable(namespace).orElseGet(() -> api().namespace());
  }

  Optional<String> statefulSet() {
    return Optional.ofNullable(statefulSet);
  }

  Optional<String> cnpgCluster() {
    return Optional.ofNullable(cnpgCluster);
  }

  /** What runs the database, if that was named. */
  Optional<ServerObject> server() {
    return statefulSet()
        .map(ServerObject::statefulSet)
        .or(() -> cnpgCluster().map(ServerObject::cluster));
  }

  /** The database in its pod, if it is named what runs it. */
  Optional<PodHosting> hosting() {
    return server()
        .map(object -> object.hosting(api(), namespace(), release(), Optional.empty(), false));
  }

  KubernetesApi api() {
    CompletableFuture<KubernetesApi> opened =
        Optional.ofNullable(api).orElseGet(() -> CompletableFuture.completedFuture(open()));
    api = opened;
    try {
      return opened.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException failure ? failure : e;
    }
  }

  /** Begins to open it beside other work: loading the client and its handshake take longest. */
  void openAhead() {
    CompletableFuture<KubernetesApi> opened = new CompletableFuture<>();
    api = opened;
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            KubernetesApi open = open();
            opened.complete(open);
            open.greet();
          } catch (RuntimeException | Error e) {
            opened.completeExceptionally(e);
          }
        });
  }

  private KubernetesApi open() {
    return KubernetesApi.open(Optional.ofNullable(context), inPod(), progress);
  }

  /** What this process leaves behind if it runs in a pod. */
  PodReport podReport() {
    return new PodReport(environment, this);
  }

  @Override
  public void close() {
    Optional.ofNullable(api)
        .filter(opened -> opened.state() == Future.State.SUCCESS)
        .ifPresent(opened -> opened.resultNow().close());
    api = null;
  }
}

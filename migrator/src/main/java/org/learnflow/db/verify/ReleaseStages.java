package org.learnflow.db.verify;

import java.util.List;
import java.util.Optional;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.ClusterStatus;
import org.learnflow.db.kubernetes.CredentialsSecret;
import org.learnflow.db.kubernetes.KubernetesApi;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.kubernetes.ReleaseState;
import org.learnflow.db.kubernetes.ServerObject;
import org.learnflow.db.publish.PublishedConnection;

/** The stages around a release's database. */
public record ReleaseStages(KubernetesApi api, Release release) {
  /** That it is deployed. */
  public StageResult deployed() {
    return StageResult.good(
        "release",
        "%s in namespace %s, %s".formatted(release.name(), release.namespace(), release.chart()));
  }

  /** Whether the passwords are those of the database, according to the Secret. */
  public StageResult credentials() {
    Optional<String> interrupted = CredentialsSecret.interruption(api, release);
    return new StageResult(
        "credentials",
        interrupted.isEmpty(),
        interrupted.orElse(release.credentialsSecret().name() + " is complete"));
  }

  /** Whether the database's pod, or its Cluster, serves; empty if it is external. */
  public Optional<StageResult> pod(Target target) {
    return release
        .server()
        .map(server -> server.isStatefulSet() ? pod(target, server) : cluster(target, server));
  }

  private static StageResult pod(Target target, ServerObject server) {
    String name = "pod";
    return obstacle(name, target)
        .orElseGet(() -> StageResult.good(name, server.name() + "-0 is ready"));
  }

  /** A primary that serves is enough; what is missing besides is a warning. */
  private StageResult cluster(Target target, ServerObject server) {
    String name = "cluster";
    return obstacle(name, target)
        .or(() -> new ReleaseState(api, release).cluster().map(status -> cluster(name, status)))
        .orElseGet(() -> StageResult.broken(name, server + " does not exist"));
  }

  private StageResult cluster(String name, ClusterStatus status) {
    return status.needsAttention()
        ? StageResult.warning(
            name,
            "%s; next: kubectl -n %s describe cluster.postgresql.cnpg.io %s"
                .formatted(status.summary(), release.namespace(), status.name()))
        : StageResult.good(name, status.summary());
  }

  private static Optional<StageResult> obstacle(String name, Target target) {
    return target
        .hosting()
        .obstacle()
        .map(obstacle ->
            StageResult.broken(name, "%s; next: %s".formatted(obstacle.what(), obstacle.next())));
  }

  /** Whether the published connection is up to date. */
  public StageResult published(Target target, String version) {
    List<String> namespaces = release.namespaces();
    List<PublishedConnection> connections =
        release.publishes() ? PublishedConnection.all(target) : List.of();
    List<String> wrong =
        new KubernetesTarget(api, release.name(), release.publishNamespaces())
            .compare(connections, version).stream()
                .filter(found -> !found.matches())
                .map(found ->
                    "%s in namespace %s is %s"
                        .formatted(found.object(), found.namespace(), found.state()))
                .toList();
    if (!wrong.isEmpty()) {
      return new StageResult(
          "published",
          false,
          "%s; next: learnflow-db publish --release %s --namespace %s"
              .formatted(String.join("; ", wrong), release.name(), release.namespace()));
    }
    return new StageResult(
        "published",
        true,
        namespaces.isEmpty() ? "nowhere, as configured" : "in " + String.join(", ", namespaces));
  }
}

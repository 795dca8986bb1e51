package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.connect.DatabaseAccess;
import org.learnflow.db.connect.Target;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.publish.EnvFileTarget;
import org.learnflow.db.publish.PublishTarget;
import org.learnflow.db.publish.PublishedConnection;
import org.learnflow.db.publish.Publisher;
import picocli.CommandLine.Option;

/** Where the connection is published. */
final class PublishOptions {
  private static final String NONE = "none";
  private static final String KUBERNETES = "kubernetes";
  private static final String FILE = "file:";

  private final Environment environment;

  @Option(
      names = "--publish-to",
      paramLabel = "TARGET",
      description =
          "kubernetes (default in a pod and for a --release), file:PATH (an env file) or none (default"
              + " elsewhere).")
  private @Nullable String publishTo;

  @Option(
      names = "--publish-namespaces",
      paramLabel = "NS",
      split = "\\s*,\\s*",
      splitSynopsisLabel = ",",
      description = "Namespaces to publish in, separated by commas (default: the release's).")
  private List<String> namespaces = List.of();

  @Option(
      names = "--service",
      paramLabel = "NAME",
      description =
          "Publish only the connection of this service; for an env file, instead of the first.")
  private @Nullable String service;

  PublishOptions(Environment environment) {
    this.environment = environment;
  }

  /** Publishes where the options say, otherwise where the release does. */
  Publisher publisher(
      DatabaseAccess access,
      DatabaseOptions database,
      ClusterOptions cluster,
      ConsoleProgress progress) {
    return new Publisher(
        access,
        () -> place(database.release(cluster), cluster),
        progress,
        target ->
            service == null
                ? PublishedConnection.all(target)
                : List.of(PublishedConnection.of(target, Optional.of(service))));
  }

  private Optional<PublishTarget> place(Optional<Release> release, ClusterOptions cluster) {
    String to = destination(inCluster(release));
    if (to.equals(NONE)) {
      return Optional.empty();
    }
    return Optional.of(
        to.startsWith(FILE)
            ? new EnvFileTarget(Path.of(to.substring(FILE.length())))
            : kubernetes(release, cluster));
  }

  private KubernetesTarget kubernetes(Optional<Release> release, ClusterOptions cluster) {
    List<String> all =
        namespaces.isEmpty()
            ? release.map(Release::publishNamespaces).orElseGet(() -> List.of(cluster.namespace()))
            : namespaces;
    return new KubernetesTarget(cluster.api(), cluster.release(), all);
  }

  /** Begins what publishing from a pod needs, beside the work that comes before it. */
  void prepare(ClusterOptions cluster) {
    if (inPod() && destination(true).equals(KUBERNETES)) {
      cluster.openAhead();
    }
  }

  /**
   * Refuses to publish nowhere if publishing is all that was asked for.
   *
   * @throws Failure 2 if there is no place
   */
  void requirePlace(Optional<Release> release) {
    if (destination(inCluster(release)).equals(NONE)) {
      throw Failure.of(
              ExitCode.USAGE,
              publishTo != null
                  ? "--publish-to none leaves nothing to publish"
                  : release.isPresent()
                      ? "the release does not publish the connection, because its publish.enabled"
                          + " is false"
                      : "no place to publish is specified")
          .state("nothing was changed")
          .next("specify it: --publish-to file:PATH (an env file) or --publish-to kubernetes");
    }
  }

  /** Refuses a connection that cannot be published before any work is done. */
  void requireConnection(Target target, Optional<Release> release) {
    if (!destination(inCluster(release)).equals(NONE)) {
      PublishedConnection.all(target);
    }
  }

  /** Refuses a target that does not exist before any work is done. */
  void check() {
    String to = destination(inPod());
    if (!to.equals(NONE) && !to.equals(KUBERNETES) && !to.matches("file:.+")) {
      throw Failure.of(
              ExitCode.USAGE,
              "--publish-to is not one of kubernetes, file:PATH and none" + GivenOptions.shown(to))
          .state("nothing was changed")
          .next("use one of them, such as --publish-to file:connection.env");
    }
  }

  private String destination(boolean inCluster) {
    return Optional.ofNullable(publishTo).orElse(inCluster ? KUBERNETES : NONE);
  }

  /** A release says whether its connection is published. */
  private boolean inCluster(Optional<Release> release) {
    return release.map(Release::publishes).orElseGet(this::inPod);
  }

  private boolean inPod() {
    return environment.get("KUBERNETES_SERVICE_HOST").isPresent();
  }
}

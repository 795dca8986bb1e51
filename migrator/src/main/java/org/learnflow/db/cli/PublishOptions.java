package org.learnflow.db.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.kubernetes.KubernetesTarget;
import org.learnflow.db.kubernetes.Release;
import org.learnflow.db.publish.EnvFileTarget;
import org.learnflow.db.publish.PublishedConnection;
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

  PublishOptions(Environment environment) {
    this.environment = environment;
  }

  /** Whether nothing is to be published. */
  boolean isNowhere(DatabaseOptions.Target target) {
    return destination(inCluster(target)).equals(NONE);
  }

  /** Whether all that would be published is there already. */
  boolean isPublished(DatabaseOptions.Target target, ClusterOptions cluster, String schemaVersion) {
    return destination(inCluster(target)).equals(KUBERNETES)
        && kubernetes(target, cluster).compare(connection(target), schemaVersion).stream()
            .allMatch(KubernetesTarget.Found::matches);
  }

  /**
   * Publishes the connection; only {@link Steps#publishLocked} calls it.
   *
   * @param schemaVersion newest applied migration
   * @return what was done, one line
   */
  String publish(DatabaseOptions.Target target, ClusterOptions cluster, String schemaVersion) {
    String to = destination(inCluster(target));
    if (to.equals(NONE)) {
      return "nowhere (--publish-to none)";
    }
    PublishedConnection connection = connection(target);
    if (to.startsWith(FILE)) {
      return new EnvFileTarget(Path.of(to.substring(FILE.length())))
          .publish(connection, schemaVersion);
    }
    return kubernetes(target, cluster).publish(connection, schemaVersion);
  }

  private KubernetesTarget kubernetes(DatabaseOptions.Target target, ClusterOptions cluster) {
    List<String> all =
        namespaces.isEmpty()
            ? target
                .release()
                .map(Release::publishNamespaces)
                .orElseGet(() -> List.of(cluster.namespace()))
            : namespaces;
    return new KubernetesTarget(cluster.api(), cluster.release(), all);
  }

  /** Where the connection is published: namespaces separated by commas, a file, or nowhere. */
  String place(DatabaseOptions.Target target, ClusterOptions cluster) {
    String to = destination(inCluster(target));
    return to.equals(NONE)
        ? "nowhere"
        : to.equals(KUBERNETES)
            ? String.join(",", kubernetes(target, cluster).namespaces())
            : to.substring(FILE.length());
  }

  /**
   * Refuses to publish nowhere, where nothing else was asked for.
   *
   * @throws Failure 2 where it is so
   */
  void requirePlace(DatabaseOptions.Target target) {
    if (isNowhere(target)) {
      throw Failure.of(
              ExitCode.USAGE,
              publishTo != null
                  ? "--publish-to none leaves nothing to publish"
                  : target.release().isPresent()
                      ? "the release is published nowhere, since its publish.enabled is false"
                      : "nothing says where to publish")
          .state("nothing was changed")
          .next("say where: --publish-to file:PATH (an env file) or --publish-to kubernetes");
    }
  }

  /** Refuses what could not be published before any work is done. */
  void requireConnection(DatabaseOptions.Target target) {
    if (!destination(inCluster(target)).equals(NONE)) {
      connection(target);
    }
  }

  /** Refuses a target that does not exist before any work is done. */
  void check() {
    String to = destination(inPod());
    if (!to.equals(NONE) && !to.equals(KUBERNETES) && !to.matches("file:.+")) {
      throw Failure.of(
              ExitCode.USAGE,
              "--publish-to is none of kubernetes, file:PATH and none" + GivenOptions.shown(to))
          .state("nothing was changed")
          .next("give one of them, such as --publish-to file:connection.env");
    }
  }

  private String destination(boolean inCluster) {
    return Optional.ofNullable(publishTo).orElse(inCluster ? KUBERNETES : NONE);
  }

  /** A release says itself whether it wants to be published. */
  private boolean inCluster(DatabaseOptions.Target target) {
    return target
        .release()
        .map(release -> !release.publishNamespaces().isEmpty())
        .orElseGet(this::inPod);
  }

  private boolean inPod() {
    return environment.get("KUBERNETES_SERVICE_HOST").isPresent();
  }

  /** The connection of the services. */
  static PublishedConnection connection(DatabaseOptions.Target target) {
    Password password =
        target
            .servicePassword()
            .orElseThrow(() ->
                Failure.of(ExitCode.USAGE, "the services' password is not known")
                    .state("the database was not changed by this step")
                    .next("give it with --app-password-file"));
    DatabaseAddress address = target.owner().as(target.names().service());
    return new PublishedConnection(address, password, address.host());
  }
}

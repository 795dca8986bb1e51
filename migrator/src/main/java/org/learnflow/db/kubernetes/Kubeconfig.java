package org.learnflow.db.kubernetes;

import io.fabric8.kubernetes.api.model.NamedContext;
import io.fabric8.kubernetes.client.Config;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/** How the API server is reached: by a kubeconfig or, in a pod, by its service account. */
final class Kubeconfig {
  /** Outside a cluster a person waits, so an unreachable server is reported within a second. */
  private static final int RETRIES_OUTSIDE = 3;

  /** In what YAML and JSON parsers say, beside classes that nobody knows. */
  private static final Pattern LINE = Pattern.compile("line:? \\d+, column:? \\d+");

  private Kubeconfig() {}

  /**
   * Reads it.
   *
   * @param context of the kubeconfig, if it is not the current one
   * @param inPod whether this process runs in the cluster
   * @throws Failure 2 if there is no such context or no cluster at all
   */
  static Config read(Optional<String> context, boolean inPod) {
    Config config = config(context);
    if (context.isPresent() && !context.equals(contextOf(config))) {
      throw Failure.of(ExitCode.USAGE, "the kubeconfig has no context " + context.get())
          .state("nothing was changed")
          .next("choose one of: " + contexts(config));
    }
    if (!inPod && config.getCurrentContext() == null) {
      throw Failure.of(
              ExitCode.USAGE, "no cluster is selected: there is no kubeconfig with a context")
          .state("nothing was changed")
          .next("set KUBECONFIG, or list the contexts: kubectl config get-contexts");
    }
    if (!inPod) {
      config.setRequestRetryBackoffLimit(RETRIES_OUTSIDE);
    }
    if (config.getCaCertData() != null || config.getCaCertFile() != null) {
      // Only that authority is trusted, as kubectl does; the JVM's own ones take long to read.
      System.setProperty("javax.net.ssl.trustStore", "NONE");
    }
    // One request after the other has no use for HTTP/2, whose classes take long to load.
    config.setHttp2Disable(true);
    return config;
  }

  private static Config config(Optional<String> context) {
    try {
      return context.map(Config::autoConfigure).orElseGet(() -> Config.autoConfigure(null));
    } catch (RuntimeException e) { // whatever reads YAML throws
      Matcher place = LINE.matcher(String.valueOf(e.getMessage()));
      throw Failure.of(
              ExitCode.USAGE,
              "the kubeconfig cannot be parsed" + (place.find() ? ", " + place.group() : ""))
          .state("nothing was changed")
          .next("correct it, or set KUBECONFIG to another file: kubectl config view")
          .causedBy(e);
    }
  }

  private static Optional<String> contextOf(Config config) {
    return Optional.ofNullable(config.getCurrentContext()).map(NamedContext::getName);
  }

  private static String contexts(Config config) {
    return Optional.ofNullable(config.getContexts()).orElse(List.of()).stream()
        .map(NamedContext::getName)
        .collect(Collectors.joining(", "));
  }
}

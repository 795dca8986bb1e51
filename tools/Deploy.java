import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import lib.Failure;
import lib.Programs;
import lib.Programs.Result;
import lib.Tool;

/**
 * Behind {@code make deploy} and {@code make undeploy}: the chart, with the image of this checkout,
 * on the cluster of the current kubeconfig context. Run in the repository's root:
 *
 * <pre>
 * java tools/Deploy.java check            whether a cluster answers, before anything is built for it
 * java tools/Deploy.java up dev|prod      settings: see {@link Settings}
 * java tools/Deploy.java down keep|purge
 * </pre>
 */
final class Deploy {
  private static final String CHART = "charts/learnflow-db";
  private static final Path IMAGE = Path.of("migrator/target/image.tar");
  private static final String OWN =
      "app.kubernetes.io/name=learnflow-db,app.kubernetes.io/instance=";
  private static final String DATABASE =
      "app.kubernetes.io/name=postgresql,app.kubernetes.io/instance=";

  private final Settings settings;

  private Deploy(Settings settings) {
    this.settings = settings;
  }

  /**
   * What the environment says.
   *
   * @param release RELEASE, learnflow-db by default
   * @param namespace NAMESPACE, postgres by default
   * @param version VERSION of the image
   * @param registry REGISTRY that the image was pushed to; empty: it is loaded where that is
   *     possible
   * @param helm HELM
   * @param flags HELM_FLAGS, separated by blanks
   * @param quiet QUIET: nothing but the result
   * @param yes YES: nobody is asked
   */
  private record Settings(
      String release,
      String namespace,
      String version,
      String registry,
      String helm,
      List<String> flags,
      boolean quiet,
      boolean yes) {

    static Settings read() {
      return new Settings(
          text("RELEASE", "learnflow-db"),
          text("NAMESPACE", "postgres"),
          text("VERSION", ""),
          text("REGISTRY", ""),
          text("HELM", "tools/bin/helm"),
          Arrays.stream(text("HELM_FLAGS", "").split(" ")).filter(f -> !f.isEmpty()).toList(),
          !text("QUIET", "").isEmpty(),
          !text("YES", "").isEmpty());
    }

    private static String text(String name, String otherwise) {
      String value = System.getenv(name);
      return value == null || value.isEmpty() ? otherwise : value;
    }
  }

  static void main(String[] arguments) throws Exception {
    Deploy deploy = new Deploy(Settings.read());
    Tool.run(() -> {
      switch (String.join(" ", arguments)) {
        case "check" -> deploy.context();
        case "up dev", "up prod" -> deploy.up(arguments[1]);
        case "down keep" -> deploy.down(false);
        case "down purge" -> deploy.down(true);
        default ->
            throw new Failure(2, "usage: make deploy ENV=dev|prod, or make undeploy [PURGE=1]");
      }
    });
  }

  private void up(String environment) throws IOException, InterruptedException {
    String context = context();
    sayWhatIsThere(context);
    List<String> command =
        new ArrayList<>(
            List.of(
                settings.helm,
                "upgrade",
                "--install",
                settings.release,
                CHART,
                "--namespace",
                settings.namespace,
                "--create-namespace",
                "--values",
                "values-" + environment + ".yaml",
                "--timeout",
                "6m"));
    command.addAll(imageValues(context));
    if (withStandIn()) {
      for (String value : List.of("registry=learnflow.test", "repository=postgresql", "tag=17")) {
        command.addAll(List.of("--set-string", "postgresql.image." + value));
      }
    }
    command.addAll(settings.flags);
    Instant start = Instant.now();
    Pods pods = new Pods();
    Result helm =
        Programs.attempt(
            new ProcessBuilder(command), Duration.ofSeconds(2), _ -> pods.sayWhatChanged(start));
    if (!helm.isSuccess()) {
      System.err.println(helm.said());
      throw new Failure(
          1,
          """
          State: release %s is as the lines above say; what was published before is untouched.
          Next: make status NAMESPACE=%s RELEASE=%s, correct the cause, and run it again\
          """
              .formatted(settings.release, settings.namespace, settings.release));
    }
    say("deployed in %d s".formatted(Duration.between(start, Instant.now()).toSeconds()));
  }

  /** Whether the dependency is the chart of the tests, which goes with the image of the tests. */
  private static boolean withStandIn() throws IOException {
    try (Stream<Path> archives = Files.list(Path.of(CHART, "charts"))) {
      return archives.anyMatch(archive -> archive.toString().endsWith("+standin.tgz"));
    }
  }

  /** The current context, which is also the proof that there is a cluster that answers. */
  private String context() throws IOException, InterruptedException {
    Result context = Programs.attempt("kubectl", "config", "current-context");
    if (context.exit() != 0) {
      throw new Failure(
          2,
          "no cluster is named: there is no kubeconfig with a current context\n"
              + "Next: set KUBECONFIG, or make one for trying things out: make cluster");
    }
    Result version = Programs.attempt("kubectl", "version", "--request-timeout=5s");
    if (version.exit() != 0) {
      throw new Failure(
          4,
          """
          the cluster of context %s does not answer: %s
          State: nothing was changed.
          Next: kubectl version\
          """
              .formatted(context.output(), version.said().lines().reduce((a, b) -> b).orElse("")));
    }
    return context.output();
  }

  private void sayWhatIsThere(String context) throws IOException, InterruptedException {
    Result status =
        Programs.attempt(
            settings.helm,
            "history",
            settings.release,
            "--namespace",
            settings.namespace,
            "--max",
            "1",
            "--output",
            "json");
    String state = status.output().replaceFirst("(?s).*\"status\":\"([^\"]*)\".*", "$1");
    String revision = status.output().replaceFirst("(?s).*\"revision\":(\\d+).*", "$1");
    if (status.exit() != 0 || state.equals(status.output())) {
      say(
          "new release %s in namespace %s of %s"
              .formatted(settings.release, settings.namespace, context));
      return;
    }
    say(
        "found release %s in namespace %s of %s, revision %s, %s"
            .formatted(settings.release, settings.namespace, context, revision, state));
    if (state.startsWith("pending-")) {
      free(state);
    }
  }

  /** A Helm that was killed leaves a release that no other Helm touches; the way out is offered. */
  private void free(String state) throws IOException, InterruptedException {
    List<String> wayOut =
        List.of(
            settings.helm,
            state.equals("pending-install") ? "uninstall" : "rollback",
            settings.release,
            "--namespace",
            settings.namespace,
            "--no-hooks");
    String what =
        "release %s is %s: another Helm is at work, or one was killed"
            .formatted(settings.release, state);
    if (!settings.yes) {
      String command = String.join(" ", wayOut);
      if (!isAsked()) {
        throw new Failure(
            10,
            """
            %s
            State: nothing was changed; volume and passwords are as they were.
            Next: if no Helm runs any more: make deploy YES=1 with the same settings, which first does %s\
            """
                .formatted(what, command));
      }
      String answer =
          System.console()
              .readLine("%s. If none runs any more: %s, and continue? [y/N] ", what, command);
      if (!"y".equalsIgnoreCase(answer)) {
        throw new Failure(10, "nothing was changed");
      }
    }
    say(what + "; " + String.join(" ", wayOut));
    check(Programs.attempt(new ProcessBuilder(wayOut)));
  }

  /** Brings the image of this checkout to the cluster's nodes, where that is possible. */
  private List<String> imageValues(String context) throws IOException, InterruptedException {
    if (!settings.registry.isEmpty()) {
      int slash = (settings.registry + "/").indexOf('/');
      String path = (settings.registry + "/").substring(slash + 1);
      return values(
          Map.of(
              "registry",
              settings.registry.substring(0, slash),
              "repository",
              path + "learnflow-db",
              "tag",
              settings.version));
    }
    List<String> load =
        context.matches("kind-learnflow-db|.*@learnflow-db")
            ? List.of("make", "--no-print-directory", "cluster-load", "IMAGE=" + IMAGE)
            : context.startsWith("kind-")
                ? List.of(
                    "kind",
                    "load",
                    "image-archive",
                    IMAGE.toString(),
                    "--name",
                    context.substring(5))
                : context.equals("minikube")
                    ? List.of("minikube", "image", "load", IMAGE.toString())
                    : context.matches("docker-desktop|rancher-desktop|orbstack|colima.*")
                        ? List.of("docker", "load", "--input", IMAGE.toString())
                        : List.of();
    if (load.isEmpty()) {
      say(
          "the cluster pulls the published image; for the one of this checkout: make deploy"
              + " REGISTRY=ghcr.io/you");
      return List.of();
    }
    say("loading the image " + settings.version);
    Result loaded = Programs.attempt(new ProcessBuilder(load));
    if (loaded.exit() != 0) {
      throw new Failure(
          1, "the image was not loaded: %s\nState: nothing was changed.".formatted(loaded.said()));
    }
    return values(Map.of("tag", settings.version));
  }

  private static List<String> values(Map<String, String> image) {
    return image.entrySet().stream()
        .flatMap(e ->
            List.of("--set-string", "migrator.image." + e.getKey() + "=" + e.getValue()).stream())
        .toList();
  }

  /** The pods of the release, whose states are said whenever they change. */
  private final class Pods {
    private String before = "";

    private void sayWhatChanged(Instant start) throws IOException, InterruptedException {
      String now = pods();
      if (!now.equals(before)) {
        say("%4d s  %s".formatted(Duration.between(start, Instant.now()).toSeconds(), now));
        before = now;
      }
    }
  }

  /** Each pod of the release with its state, in one line. */
  private String pods() throws IOException, InterruptedException {
    Result pods =
        Programs.attempt(
            "kubectl",
            "--namespace",
            settings.namespace,
            "get",
            "pods",
            "--selector",
            "app.kubernetes.io/instance=" + settings.release,
            "--no-headers");
    return pods.exit() != 0
        ? ""
        : String.join(
            ", ",
            pods.output()
                .lines()
                .map(line -> line.split(" +"))
                .filter(columns -> columns.length > 2)
                .map(columns -> columns[0] + " " + columns[2])
                .toList());
  }

  private void down(boolean purge) throws IOException, InterruptedException {
    String context = context();
    String where =
        "release %s in namespace %s of %s".formatted(settings.release, settings.namespace, context);
    if (purge && !settings.yes) {
      if (!isAsked()) {
        throw new Failure(
            10,
            """
            confirmation is required, but there is no terminal: delete all data of %s?
            State: nothing was changed.
            Next: make undeploy PURGE=1 YES=1\
            """
                .formatted(where));
      }
      String answer =
          System.console()
              .readLine(
                  "All data, dumps and passwords of %s will be gone. Type the release's name: ",
                  where);
      if (!settings.release.equals(answer)) {
        throw new Failure(10, "nothing was changed");
      }
    }
    Result gone =
        Programs.attempt(
            settings.helm,
            "uninstall",
            settings.release,
            "--namespace",
            settings.namespace,
            "--ignore-not-found",
            "--wait",
            "--timeout",
            "3m");
    if (gone.exit() != 0) {
      throw new Failure(1, gone.said() + "\nNext: run the same command again");
    }
    // Helm does not remove hooks.
    delete("jobs,pods,networkpolicies,rolebindings,roles,serviceaccounts", OWN + settings.release);
    if (purge) {
      delete("persistentvolumeclaims", DATABASE + settings.release);
      check(
          Programs.attempt(
              "kubectl",
              "--namespace",
              settings.namespace,
              "delete",
              "secret/" + settings.release + "-credentials",
              "secret/" + settings.release + "-tls",
              "secret/" + settings.release + "-tls-authority",
              "persistentvolumeclaim/" + settings.release + "-backups",
              "--ignore-not-found"));
    }
    say(
        purge
            ? where + " is gone, with data, dumps and passwords"
            : where
                + " is gone; volumes and passwords stay, and the next make deploy takes them up"
                + " again");
  }

  /** Whether somebody sits there who can answer. */
  private static boolean isAsked() {
    return System.console() != null && System.console().isTerminal();
  }

  private void delete(String kinds, String selector) throws IOException, InterruptedException {
    check(
        Programs.attempt(
            "kubectl",
            "--namespace",
            settings.namespace,
            "delete",
            kinds,
            "--selector",
            selector,
            "--ignore-not-found",
            "--timeout=2m"));
  }

  private static void check(Result result) {
    if (result.exit() != 0) {
      throw new Failure(1, result.said() + "\nNext: run the same command again");
    }
  }

  private void say(String line) {
    if (!settings.quiet) {
      System.err.println(line);
    }
  }
}

import com.fasterxml.jackson.databind.node.ObjectNode;
import harness.Cluster;
import harness.ClusterReport;
import harness.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * Many releases, each in a namespace of its own, some at a time: do time and calls of the API
 * server grow with their number, and no faster?
 *
 * <pre>java -cp 'migrator/target/dist/lib/*' bench/Fleet.java RELEASES PARALLEL</pre>
 */
class Fleet {
  private static final Path VALUES = Path.of("values-dev.yaml");

  /** So that they fit on a small node; limits stay as they are. A busy node is late, not broken. */
  private static final List<String> SMALL =
      List.of(
          "--set",
          "migrator.resources.requests.cpu=1m,migrator.resources.requests.memory=16Mi",
          "--set",
          "postgresql.primary.resources.requests.cpu=1m,postgresql.primary.resources.requests.memory=16Mi",
          "--set",
          "migrator.image.checkSeconds=120");

  /**
   * A probe is a process that the node's runtime starts: with the chart's own periods, those of 50
   * servers take two cores for themselves.
   */
  private static final List<String> SELDOM_PROBED =
      List.of(
          "--set",
          "postgresql.primary.readinessProbe.periodSeconds=60,postgresql.primary.livenessProbe.periodSeconds=60");

  private static final int IDLE_SECONDS = 20;

  /** What installing the releases up to a number took. */
  private record Step(int releases, double seconds, double slowest, double calls) {
    List<String> row() {
      return List.of(
          Integer.toString(releases),
          "%.0f".formatted(seconds),
          "%.2f".formatted(seconds / releases),
          "%.1f".formatted(slowest),
          "%.0f".formatted(calls),
          "%.0f".formatted(calls / releases));
    }
  }

  private final int releases;
  private final int parallel;

  private Fleet(int releases, int parallel) {
    this.releases = releases;
    this.parallel = parallel;
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Programs.require("kubectl");
      if (arguments.length != 2 || !Cluster.possible()) {
        throw new Failure("usage: java bench/Fleet.java RELEASES PARALLEL, after make cluster");
      }
      new Fleet(Integer.parseInt(arguments[0]), Integer.parseInt(arguments[1])).measure();
    });
  }

  private void measure() throws Exception {
    var report = ClusterReport.begin("fleet");
    double idle = idleCallsPerSecond();
    var steps = new ArrayList<Step>();
    try {
      all(1, releases, Fleet::namespace);
      double seconds = 0;
      double calls = 0;
      double slowest = 0;
      int done = 0;
      for (int goal : List.of(releases / 5, releases / 2, releases)) {
        long before = calls();
        long start = System.nanoTime();
        var each = all(done + 1, goal, Fleet::install);
        double took = (System.nanoTime() - start) / 1e9;
        seconds += took;
        calls += calls() - before - idle * took;
        slowest = Math.max(slowest, each.stream().max(Double::compare).orElseThrow());
        steps.add(new Step(goal, seconds, slowest, calls));
        System.err.println(steps.getLast());
        done = goal;
      }
      all(
          1,
          releases,
          number -> Cluster.helm(List.of("test", Cluster.RELEASE, "-n", name(number))));
    } finally {
      all(1, releases, Fleet::delete);
    }
    report.publish(
        "%d at a time, probes once a minute, all healthy by helm test; %.1f calls a second by the idle cluster not counted"
            .formatted(parallel, idle),
        markdown(steps),
        Json.array(steps, Fleet::json),
        true);
  }

  private interface Work<T> {
    T of(int number) throws IOException, InterruptedException;
  }

  /** Does it for these releases, some at a time. */
  private <T> List<T> all(int from, int to, Work<T> work) throws Exception {
    try (var threads = Executors.newFixedThreadPool(parallel)) {
      var tasks =
          IntStream.rangeClosed(from, to)
              .mapToObj(number -> (Callable<T>) () -> work.of(number))
              .toList();
      var results = new ArrayList<T>();
      for (var future : threads.invokeAll(tasks)) {
        results.add(future.get());
      }
      return results;
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Failure known ? known : e;
    }
  }

  private static String name(int number) {
    return "learnflow-db-fleet-" + number;
  }

  private static Void namespace(int number) throws IOException, InterruptedException {
    Cluster.createNamespace(name(number));
    return null;
  }

  private static Void delete(int number) throws IOException, InterruptedException {
    Cluster.deleteNamespace(name(number));
    return null;
  }

  private static double install(int number) throws IOException, InterruptedException {
    var command = new ArrayList<>(Cluster.upgradeInstall(name(number), VALUES));
    command.addAll(SMALL);
    command.addAll(SELDOM_PROBED);
    long start = System.nanoTime();
    Cluster.helm(command);
    return (System.nanoTime() - start) / 1e9;
  }

  /** Requests that the API server has answered so far, from anybody. */
  private static long calls() throws IOException, InterruptedException {
    return (long)
        Cluster.kubectl("get", "--raw", "/metrics")
            .lines()
            .filter(line -> line.startsWith("apiserver_request_total{"))
            .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
            .sum();
  }

  private static double idleCallsPerSecond() throws IOException, InterruptedException {
    long before = calls();
    Thread.sleep(IDLE_SECONDS * 1000);
    return (calls() - before) / (double) IDLE_SECONDS;
  }

  private static String markdown(List<Step> steps) {
    return """
    | releases | seconds | for each | slowest helm, s | API calls | for each |
    |---:|---:|---:|---:|---:|---:|
    %s
    ```mermaid
    xychart-beta
      title "Releases, and seconds until all are installed"
      x-axis [%s]
      y-axis "seconds"
      line [%s]
    ```
    """
        .formatted(
            joined(steps, step -> "| " + String.join(" | ", step.row()) + " |\n", ""),
            joined(steps, step -> Integer.toString(step.releases()), ", "),
            joined(steps, step -> "%.0f".formatted(step.seconds()), ", "));
  }

  private static String joined(List<Step> steps, Function<Step, String> text, String separator) {
    return steps.stream().map(text).collect(Collectors.joining(separator));
  }

  private static ObjectNode json(Step step) {
    return Json.object()
        .put("releases", step.releases())
        .put("seconds", Json.rounded(step.seconds(), 1))
        .put("slowest_seconds", Json.rounded(step.slowest(), 1))
        .put("calls", Math.round(step.calls()));
  }
}

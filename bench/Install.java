import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import harness.Cluster;
import harness.ClusterReport;
import harness.Options;
import harness.Timeline;
import harness.Watch;
import harness.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lib.Programs;
import lib.Tool;

/**
 * {@code helm upgrade --install} on a cluster with the images loaded: from nothing to the published
 * connection, again with nothing to do, and PostgreSQL's chart alone beside it.
 */
class Install {
  private static final String NAMESPACE = "learnflow-db-bench";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What is installed, and whether PostgreSQL's chart alone is installed beside it. */
  private record Environment(String name, Path values, List<String> options, boolean beside) {}

  private static final List<Environment> ENVIRONMENTS =
      List.of(
          new Environment("dev", Path.of("values-dev.yaml"), List.of(), true),
          new Environment(
              "dev with five services",
              Path.of("values-dev.yaml"),
              List.of("--values", "charts/learnflow-db/values-services.yaml"),
              false),
          new Environment("prod", Path.of("values-prod.yaml"), List.of(), true),
          new Environment(
              "prod without TLS",
              Path.of("values-prod.yaml"),
              List.of("--set", "postgresql.serverTls.enabled=false"),
              false));

  private final Path work = Workspace.create();

  private Install() throws IOException {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      var options = Options.parse(arguments);
      if (Cluster.possible()) {
        Programs.require("kubectl");
        new Install().measure(options);
      } else {
        System.err.println("nothing is installed: there is no cluster, see make cluster");
      }
    });
  }

  private void measure(Options options) throws IOException, InterruptedException {
    var report = ClusterReport.begin("install");
    var timelines = new ArrayList<Timeline>();
    try {
      for (var environment : ENVIRONMENTS) {
        var first = new Timeline(environment.name());
        var again = new Timeline(environment.name() + ", again");
        var alone = new Timeline(environment.name() + ", PostgreSQL alone");
        timelines.addAll(
            environment.beside() ? List.of(first, again, alone) : List.of(first, again));
        for (int run = 1; run <= options.runs(); run++) {
          measure(environment, first, again);
          if (environment.beside()) {
            alone.add(postgresqlAlone());
          }
        }
      }
    } finally {
      Cluster.deleteNamespace(NAMESPACE);
    }
    report.publish(
        "median of %d runs".formatted(options.runs()),
        Timeline.markdown(timelines),
        Timeline.json(timelines),
        options.save());
  }

  private static void measure(Environment environment, Timeline first, Timeline again)
      throws IOException, InterruptedException {
    Cluster.createNamespace(NAMESPACE);
    var command = new ArrayList<>(Cluster.upgradeInstall(NAMESPACE, environment.values()));
    command.addAll(environment.options());
    first.add(timed(command));
    again.add(timed(command));
  }

  /** What PostgreSQL's chart has rendered for the release before, as a release of its own. */
  private Timeline.Run postgresqlAlone() throws IOException, InterruptedException {
    var chart = postgresqlChart();
    var certificate = copyOfCertificate();
    Cluster.createNamespace(NAMESPACE);
    createPasswords();
    if (certificate.isPresent()) {
      Cluster.kubectl("create", "-n", NAMESPACE, "-f", certificate.get().toString());
    }
    return timed(
        List.of("install", Cluster.RELEASE, chart.toString(), "-n", NAMESPACE, "--wait"));
  }

  /** Without our chart it cannot be rendered, since its values use templates and files of ours. */
  private Path postgresqlChart() throws IOException, InterruptedException {
    var manifest = Cluster.helm(List.of("get", "manifest", Cluster.RELEASE, "-n", NAMESPACE));
    var documents =
        Stream.of(manifest.split("(?m)^---$"))
            .filter(document ->
                document.contains("/charts/postgresql/templates/")
                    || document.contains("/templates/postgresql-start.yaml"))
            .collect(Collectors.joining("---"));
    var chart = Files.createDirectories(work.resolve("postgresql/templates")).getParent();
    Files.writeString(
        chart.resolve("Chart.yaml"), "{apiVersion: v2, name: postgresql, version: 0.0.0}");
    Files.writeString(chart.resolve("templates/all.yaml"), documents);
    return chart;
  }

  /** Of the server, made by the release before, without which its pod does not start. */
  private Optional<Path> copyOfCertificate() throws IOException, InterruptedException {
    var name = Cluster.RELEASE + "-tls";
    var found =
        Cluster.kubectl(
            "get", "secret", name, "-n", NAMESPACE, "-o", "json", "--ignore-not-found");
    if (found.isBlank()) {
      return Optional.empty();
    }
    var copy = (ObjectNode) JSON.readTree(found);
    copy.putObject("metadata").put("name", name);
    return Optional.of(
        Files.writeString(work.resolve("certificate.json"), JSON.writeValueAsString(copy)));
  }

  private static void createPasswords() throws IOException, InterruptedException {
    Cluster.kubectl(
        "create",
        "secret",
        "generic",
        Cluster.RELEASE + "-credentials",
        "-n",
        NAMESPACE,
        "--from-literal=postgres-password=bench",
        "--from-literal=password=bench");
  }

  /** Runs a helm command, and takes its time apart. */
  private static Timeline.Run timed(List<String> command) throws IOException, InterruptedException {
    try (var watch = Watch.of(NAMESPACE)) {
      long start = System.currentTimeMillis();
      Cluster.helm(command);
      long end = System.currentTimeMillis();
      // What Helm has just seen may still be on its way to the watch.
      Thread.sleep(300);
      var run = new Timeline.Run(start);
      var credentials = Cluster.RELEASE + "-image-pull-and-credentials";
      run.part(
          "image pull and credentials hook",
          watch.first("pods", credentials, "ADDED"),
          watch.first("pods", credentials, "Succeeded"));
      var ready = watch.first("pods", "postgres-0", "Ready");
      run.part("PostgreSQL until Ready", watch.first("pods", "postgres-0", "ADDED"), ready);
      migrate(run, watch);
      run.moment("PostgreSQL is Ready", ready);
      run.moment(
          "the connection is published",
          watch.first("configmaps", Cluster.RELEASE, "SCHEMA_VERSION"));
      run.moment("Helm has ended", OptionalLong.of(end));
      return run;
    }
  }

  private static void migrate(Timeline.Run run, Watch watch)
      throws IOException, InterruptedException {
    var job = Cluster.RELEASE + "-migrate";
    var created = watch.first("jobs", job, "ADDED");
    if (created.isPresent()) {
      var started = watch.first("events", job, "Started");
      var done = OptionalLong.of(lastLine(job));
      run.part("migrate hook, until its container starts", created, started);
      run.part("migrate hook, the pipeline", started, done);
      steps(run);
      run.part(
          "migrate hook, until Kubernetes has seen its end",
          done,
          watch.first("jobs", job, "Complete"));
    }
  }

  /** What the pipeline itself recorded, in {@code learnflow_db.runs}. */
  private static void steps(Timeline.Run run) throws IOException, InterruptedException {
    var recorded =
        Cluster.sql(
            NAMESPACE,
            """
            SELECT step, extract(epoch FROM started_at) * 1000, (steps ->> step)::float8 * 1000
            FROM (SELECT * FROM learnflow_db.runs WHERE command = 'run' ORDER BY id DESC LIMIT 1) run,
              unnest(ARRAY['roles', 'migrate', 'seed', 'verify', 'publish']) WITH ORDINALITY s (step, place)
            WHERE jsonb_exists(steps, step) ORDER BY place
            """);
    long from = 0;
    for (var line : recorded.lines().toList()) {
      var fields = line.split("\\|");
      from = Math.max(from, Math.round(Double.parseDouble(fields[1])));
      long to = from + Math.round(Double.parseDouble(fields[2]));
      run.part("pipeline, " + fields[0], OptionalLong.of(from), OptionalLong.of(to));
      from = to;
    }
  }

  /** When a Job's last line was written; Kubernetes itself keeps whole seconds. */
  private static long lastLine(String job) throws IOException, InterruptedException {
    var line = Cluster.kubectl("logs", "job/" + job, "-n", NAMESPACE, "--timestamps", "--tail=1");
    return Instant.parse(line.split(" ")[0]).toEpochMilli();
  }
}

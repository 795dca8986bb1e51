import com.fasterxml.jackson.databind.node.ArrayNode;
import harness.Cluster;
import harness.ClusterReport;
import harness.Json;
import harness.Options;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * learnflow-db backup and restore through the pod, beside pg_dump and pg_restore in the same pod.
 *
 * <pre>java -cp 'migrator/target/dist/lib/*' bench/Backup.java [--rows N] [--runs N] [--no-save]</pre>
 */
class Backup {
  private static final String NAMESPACE = "learnflow-db-backup";
  private static final Path VALUES = Path.of("values-prod.yaml");

  private final Options options;

  /** Seconds by contestant, a value for each run. */
  private final Map<String, List<Double>> seconds = new TreeMap<>();

  private Backup(Options options) {
    this.options = options;
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Cluster.require();
      new Backup(Options.parse(new Options(3, false, 5_000_000, true), arguments)).measure();
    });
  }

  private void measure() throws Exception {
    var report = ClusterReport.begin("backup");
    Path folder = Files.createTempDirectory("bench-backup");
    String file = folder.resolve("learnflow.dump").toString();
    String size;
    try {
      Cluster.createNamespace(NAMESPACE);
      Cluster.helm(Cluster.upgradeInstall(NAMESPACE, VALUES));
      sql(
          "CREATE TABLE bulk AS SELECT i AS id, md5(i::text) AS name, now() AS at FROM generate_series(1, %d) i"
              .formatted(options.rows()));
      sql("ALTER TABLE bulk ADD PRIMARY KEY (id)");
      sql("CHECKPOINT");
      for (int run = 0; run < options.runs(); run++) {
        timed("1 pg_dump in the pod", () -> inPod("pg_dump -Fc -f /tmp/bare.dump"));
        timed(
            "2 kubectl exec pg_dump > FILE",
            () -> {
              shell(
                  "kubectl --kubeconfig e2e/cluster/kubeconfig -n %s exec postgres-0 -- sh -c \"$0\" >\"$1\""
                      .formatted(NAMESPACE),
                  inPodScript("pg_dump -Fc"),
                  folder.resolve("streamed.dump").toString());
              return "";
            });
        program(
            "3 learnflow-db backup, dumping",
            "4 learnflow-db backup, all of it",
            " pg_dump ",
            " written",
            "backup",
            file,
            "--replace");
        sql("CREATE DATABASE bare");
        timed("5 pg_restore in the pod", () -> inPod("pg_restore -d bare /tmp/bare.dump"));
        sql("DROP DATABASE bare");
        sql("CREATE DATABASE bare");
        timed(
            "6 kubectl exec pg_restore < FILE",
            () -> {
              shell(
                  "kubectl --kubeconfig e2e/cluster/kubeconfig -n %s exec -i postgres-0 -- sh -c \"$0\" <\"$1\""
                      .formatted(NAMESPACE),
                  inPodScript("pg_restore -d bare"),
                  file);
              return "";
            });
        sql("DROP DATABASE bare");
        program(
            "7 learnflow-db restore, loading",
            "8 learnflow-db restore, all of it",
            " loading into ",
            " loaded",
            "restore",
            file,
            "--replace",
            "--yes");
        program("", "", "", "", "restore", "--drop-old", "--yes");
      }
      size = "%.0f MiB".formatted(Files.size(Path.of(file)) / 1048576.0);
    } finally {
      Cluster.deleteNamespace(NAMESPACE);
      shell("rm -rf \"$0\"", folder.toString());
    }
    report.publish(
        "%,d rows, dump of %s, fastest of %d runs".formatted(options.rows(), size, options.runs()),
        markdown(),
        json(),
        options.save());
  }

  private interface Work {
    String run() throws IOException, InterruptedException;
  }

  private void timed(String name, Work work) throws IOException, InterruptedException {
    long start = System.nanoTime();
    work.run();
    add(name, start, System.nanoTime());
  }

  private void add(String name, long start, long end) {
    if (!name.isEmpty()) {
      seconds.computeIfAbsent(name, n -> new ArrayList<>()).add((end - start) / 1e9);
      System.err.printf("%-40s %6.1f s%n", name, (end - start) / 1e9);
    }
  }

  /**
   * Runs our program, and notes when it says that it has come to some point.
   *
   * @param part name of the time between the lines that hold {@code from}, or the start, and {@code
   *     to}
   * @param whole name of the time of all of it
   */
  private void program(String part, String whole, String from, String to, String... words)
      throws IOException, InterruptedException {
    var builder = Cluster.program(NAMESPACE, words);
    var said = new StringBuilder();
    long start = System.nanoTime();
    long begin = start;
    long end = 0;
    var process = builder.start();
    try (var lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        said.append(line).append('\n');
        if (!from.isEmpty() && line.contains(from)) {
          begin = System.nanoTime();
        }
        if (!to.isEmpty() && line.contains(to)) {
          end = System.nanoTime(); // The last such line tells of all of it.
        }
      }
    }
    if (process.waitFor() != 0) {
      throw new Failure(builder.command() + " failed:\n" + said);
    }
    add(part, begin, end);
    add(whole, start, System.nanoTime());
  }

  private static String inPod(String command) throws IOException, InterruptedException {
    return Cluster.kubectl(
        "-n", NAMESPACE, "exec", "postgres-0", "--", "sh", "-c", inPodScript(command));
  }

  private static String inPodScript(String command) {
    return "PGPASSWORD=$(cat /opt/bitnami/postgresql/secrets/password) PGHOST=127.0.0.1"
        + " PGUSER=learnflow_owner PGDATABASE=learnflow exec "
        + command;
  }

  private static void sql(String statement) throws IOException, InterruptedException {
    if (statement.equals("CHECKPOINT")) {
      Cluster.sql(NAMESPACE, "postgres", "postgres-password", statement);
    } else {
      Cluster.sql(NAMESPACE, statement);
    }
  }

  private static void shell(String script, String... words)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("sh", "-ec", script));
    command.addAll(List.of(words));
    Programs.run(command);
  }

  private double fastest(String name) {
    return seconds.get(name).stream().mapToDouble(Double::doubleValue).min().orElseThrow();
  }

  private String markdown() {
    var text = new StringBuilder("| | seconds | times the program in the pod |\n|---|---:|---:|\n");
    seconds
        .keySet()
        .forEach(name -> {
          String bare =
              name.compareTo("5") < 0 ? "1 pg_dump in the pod" : "5 pg_restore in the pod";
          text.append(
              "| %s | %.1f | %.2f |\n"
                  .formatted(name.substring(2), fastest(name), fastest(name) / fastest(bare)));
        });
    return text.toString();
  }

  private ArrayNode json() {
    return Json.array(
        List.copyOf(seconds.keySet()),
        name ->
            Json.object()
                .put("name", name.substring(2))
                .put("seconds", Json.rounded(fastest(name), 2)));
  }
}

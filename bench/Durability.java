import com.fasterxml.jackson.databind.node.ArrayNode;
import harness.Cluster;
import harness.ClusterReport;
import harness.Json;
import harness.Options;
import harness.Ports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * How long a release with prod values is without its database after something was lost, and how
 * many rows it lacks then: the pod, all rows, the database's volume, the cluster. Counts what the
 * machine does, from the loss until a row is written; not how long people take to notice it.
 *
 * <pre>java -cp 'migrator/target/dist/lib/*' bench/Durability.java [--rows N] [--runs N] [--no-save]</pre>
 */
class Durability {
  private static final String NAMESPACE = "learnflow-db-durability";
  private static final String OTHER = "learnflow-db-durability-other";
  private static final Path STORE = Path.of("tools/bin/versitygw");
  private static final Path VALUES = Path.of("values-prod.yaml");
  private static final String DUMP = "s3://backups/learnflow.dump";

  private final Options options;
  private final Map<String, List<Double>> seconds = new LinkedHashMap<>();
  private final Map<String, Long> lost = new LinkedHashMap<>();
  private Map<String, String> store = Map.of();
  private String lastServer = "";

  private Durability(Options options) {
    this.options = options;
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Cluster.require();
      new Durability(Options.parse(new Options(3, false, 1_000_000, true), arguments)).measure();
    });
  }

  private void measure() throws Exception {
    var report = ClusterReport.begin("durability");
    Path folder = Files.createTempDirectory("bench-durability");
    Process bucket = startStore(folder);
    try {
      for (int run = 0; run < options.runs(); run++) {
        install(NAMESPACE);
        Cluster.sql(
            NAMESPACE,
            "CREATE TABLE bulk AS SELECT i AS id, md5(i::text) AS name FROM generate_series(1, %d) i"
                .formatted(options.rows()));
        Cluster.sql(NAMESPACE, "ALTER TABLE bulk ADD PRIMARY KEY (id)");
        program(NAMESPACE, "backup", DUMP, "--replace");
        dumpNow();
        for (int i = 1; i <= 10; i++) { // after the dump
          Cluster.sql(NAMESPACE, "INSERT INTO bulk VALUES (-%d, 'later')".formatted(i));
        }
        long before = count(NAMESPACE);

        timed(
            "the pod is killed",
            before,
            NAMESPACE,
            () -> {
              String server = server();
              kubectl("delete", "pod", "postgres-0", "--grace-period=0", "--force");
              // The old one may answer for a moment.
              while (server().equals(server)) {
                Thread.sleep(100);
              }
            });
        timed(
            "all rows are deleted: restore of the nightly dump from the claim",
            before,
            NAMESPACE,
            () -> {
              Cluster.sql(NAMESPACE, "TRUNCATE bulk");
              fetch(folder.resolve("nightly.dump"));
              program(NAMESPACE, "restore", folder.resolve("nightly.dump").toString(), "--replace", "--yes");
            });
        timed(
            "the database's volume is lost: a new one, restore of the nightly dump",
            before,
            NAMESPACE,
            () -> {
              kubectl("scale", "statefulset/postgres", "--replicas=0");
              kubectl("wait", "pod/postgres-0", "--for=delete", "--timeout=60s");
              kubectl("delete", "pvc", "data-postgres-0");
              kubectl("scale", "statefulset/postgres", "--replicas=1");
              Cluster.helm(Cluster.upgradeInstall(NAMESPACE, VALUES));
              program(NAMESPACE, "restore", folder.resolve("nightly.dump").toString(), "--replace", "--yes");
            });
        Cluster.deleteNamespace(NAMESPACE);
        timed(
            "the cluster is lost: installed in another namespace, restore from the bucket",
            before,
            OTHER,
            () -> {
              install(OTHER);
              program(OTHER, "restore", DUMP, "--replace", "--yes");
            });
        Cluster.deleteNamespace(OTHER);
      }
    } finally {
      Cluster.deleteNamespace(OTHER);
      Cluster.deleteNamespace(NAMESPACE);
      bucket.destroy();
      Programs.run(List.of("rm", "-rf", folder.toString()));
    }
    report.publish("%,d rows, slowest of %d runs".formatted(options.rows(), options.runs()), markdown(), json(), options.save());
  }

  private Process startStore(Path folder) throws IOException {
    int port = Ports.free();
    Files.createDirectories(folder.resolve("data/backups"));
    Files.createDirectories(folder.resolve("metadata"));
    var builder =
        new ProcessBuilder(
                STORE.toString(),
                "--port",
                "127.0.0.1:" + port,
                "--quiet",
                "posix",
                "--sidecar",
                folder.resolve("metadata").toString(),
                folder.resolve("data").toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("store.log").toFile());
    builder.environment().put("ROOT_ACCESS_KEY", "learnflow");
    builder.environment().put("ROOT_SECRET_KEY", "not-a-secret");
    store =
        Map.of(
            "AWS_ENDPOINT_URL_S3",
            "http://127.0.0.1:" + port,
            "AWS_ACCESS_KEY_ID",
            "learnflow",
            "AWS_SECRET_ACCESS_KEY",
            "not-a-secret");
    return builder.start();
  }

  private static void install(String namespace) throws IOException, InterruptedException {
    Cluster.createNamespace(namespace);
    Cluster.helm(Cluster.upgradeInstall(namespace, VALUES));
  }

  /** The nightly dump, now. */
  private static void dumpNow() throws IOException, InterruptedException {
    kubectl("create", "job", "--from=cronjob/learnflow-db-backup", "dump-now");
    kubectl("wait", "job/dump-now", "--for=condition=Complete", "--timeout=300s");
  }

  /** As docs/how-to/backup.md says, from PostgreSQL's own pod image. */
  private static void fetch(Path file) throws IOException, InterruptedException {
    String image =
        kubectl("get", "pod", "postgres-0", "-o", "jsonpath={.spec.containers[0].image}");
    Path pod = Files.createTempFile("dumps", ".yaml");
    Files.writeString(
        pod,
        Files.readString(Path.of("examples/dumps/pod.yaml"))
            .replaceFirst("image: .*", "image: " + image));
    kubectl("apply", "-f", pod.toString());
    kubectl("wait", "pod/dumps", "--for=condition=Ready", "--timeout=60s");
    Programs.run(
        List.of(
            "sh",
            "-ec",
            "kubectl --kubeconfig e2e/cluster/kubeconfig -n \"$0\" exec dumps -- sh -c 'cat /dumps/scheduled-*.dump' >\"$1\"",
            NAMESPACE,
            file.toString()));
    kubectl("delete", "pod", "dumps", "--grace-period=0", "--force");
    Files.delete(pod);
  }

  private interface Work {
    void run() throws IOException, InterruptedException;
  }

  /** Until a row can be written, and how many rows there are fewer then. */
  private void timed(String name, long before, String namespace, Work work)
      throws IOException, InterruptedException {
    long start = System.nanoTime();
    work.run();
    while (true) {
      try {
        Cluster.sql(namespace, "INSERT INTO bulk VALUES (0, 'written') ON CONFLICT DO NOTHING");
        break;
      } catch (Failure | IOException e) {
        if (System.nanoTime() - start > 600e9) {
          throw e;
        }
        Thread.sleep(100);
      }
    }
    double took = (System.nanoTime() - start) / 1e9;
    Cluster.sql(namespace, "DELETE FROM bulk WHERE id = 0");
    seconds.computeIfAbsent(name, n -> new ArrayList<>()).add(took);
    lost.merge(name, before - count(namespace), Math::max);
    System.err.printf("%-72s %6.1f s, %d rows fewer%n", name, took, lost.get(name));
  }

  private void program(String namespace, String... words)
      throws IOException, InterruptedException {
    var builder = Cluster.program(namespace, words);
    builder.environment().putAll(store);
    var process = builder.start();
    String said = new String(process.getInputStream().readAllBytes());
    if (process.waitFor() != 0) {
      throw new Failure(builder.command() + " failed:\n" + said);
    }
  }

  private static String kubectl(String... words) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of("-n", NAMESPACE));
    all.addAll(List.of(words));
    return Cluster.kubectl(all.toArray(String[]::new));
  }

  /** When PostgreSQL was started; as it was, where it does not answer. */
  private String server() throws IOException, InterruptedException {
    try {
      lastServer = Cluster.sql(NAMESPACE, "SELECT pg_postmaster_start_time()");
    } catch (Failure | IOException e) {
      // It is about to end, or to start.
    }
    return lastServer;
  }

  private static long count(String namespace) throws IOException, InterruptedException {
    return Long.parseLong(Cluster.sql(namespace, "SELECT count(*) FROM bulk").strip());
  }

  private double slowest(String name) {
    return seconds.get(name).stream().mapToDouble(Double::doubleValue).max().orElseThrow();
  }

  private String markdown() {
    var text =
        new StringBuilder(
            "| what is lost | seconds until a row is written | rows fewer, of 10 written after the dump |\n|---|---:|---:|\n");
    seconds
        .keySet()
        .forEach(name ->
            text.append("| %s | %.0f | %d |\n".formatted(name, slowest(name), lost.get(name))));
    return text.toString();
  }

  private ArrayNode json() {
    return Json.array(
        List.copyOf(seconds.keySet()),
        name ->
            Json.object()
                .put("name", name)
                .put("seconds", Json.rounded(slowest(name), 1))
                .put("rowsFewer", lost.get(name)));
  }
}

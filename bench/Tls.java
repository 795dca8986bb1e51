import harness.Case;
import harness.Contestant;
import harness.Database;
import harness.Options;
import harness.Outcome;
import harness.Results;
import harness.Server;
import harness.Stopwatch;
import harness.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * What TLS 1.3 with a verified server costs: connections, and rows in and out. What it costs the
 * program is in Startup and Install.
 */
class Tls {
  private static final Duration LIMIT = Duration.ofSeconds(120);
  private static final int ROWS = 5_000_000;
  private static final int CONNECTIONS = 200;

  private static final Contestant PLAIN = new Contestant("without TLS", "", true);
  private static final Contestant VERIFIED =
      new Contestant("TLS 1.3, server verified", "", false);

  private final Options options;
  private final Path work = Workspace.create();
  private final Path authority = work.resolve("ca.crt");
  private final Server server = Server.openWithTls(authority);
  private final Stopwatch stopwatch = new Stopwatch(work, LIMIT);
  private final Database database = server.create("bench_tls");

  private Tls(Options options) throws IOException, InterruptedException {
    this.options = options;
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Programs.require("bash", "time", "pgbench");
      new Tls(Options.parse(arguments)).measureAll();
    });
  }

  private void measureAll() throws IOException, InterruptedException {
    var both = List.of(PLAIN, VERIFIED);
    var rows = work.resolve("rows");
    var fill = script("fill", "\\copy (SELECT i, md5(i::text), now() FROM generate_series(1, %d) i) TO '%s'".formatted(ROWS, rows));
    var in = script("in", "TRUNCATE bulk;\n\\copy bulk FROM '%s'".formatted(rows));
    var out = script("out", "\\copy bulk TO '/dev/null'");
    var connect = script("connect", "SELECT 1;");
    server.sql(database, "CREATE UNLOGGED TABLE bulk (id int, body text, at timestamptz)");
    done(run(PLAIN, server.psql().file(database, fill)));
    var connections = new Case(CONNECTIONS + " connections, one after the other", both);
    var rowsIn = new Case("COPY of 5,000,000 rows in", both);
    var rowsOut = new Case("COPY of 5,000,000 rows out", both);
    for (int run = 0; run <= options.runs(); run++) {
      System.err.printf("run %d of %d%s%n", run, options.runs(), run == 0 ? ": warm-up" : "");
      for (var contestant : run % 2 == 0 ? both : both.reversed()) {
        add(connections, run, contestant, pgbench(connect));
        add(rowsIn, run, contestant, server.psql().file(database, in));
        add(rowsOut, run, contestant, server.psql().file(database, out));
      }
    }
    new Results("tls", List.of(connections, rowsIn, rowsOut), options).publish(server);
  }

  private Path script(String name, String text) throws IOException {
    return Files.writeString(work.resolve(name + ".sql"), text + "\n");
  }

  private List<String> pgbench(Path script) {
    return List.of(
        "pgbench", "--no-vacuum", "--connect", "--client=1",
        "--transactions=" + CONNECTIONS, "--file=" + script, database.uri());
  }

  private void add(Case measured, int run, Contestant contestant, List<String> command)
      throws IOException, InterruptedException {
    var outcome = run(contestant, command);
    if (run > 0) {
      measured.add(contestant, outcome);
    } else {
      done(outcome);
    }
  }

  /** Runs a program of PostgreSQL, with or without TLS. */
  private Outcome run(Contestant contestant, List<String> command)
      throws IOException, InterruptedException {
    var line = new ArrayList<>(List.of("env"));
    line.addAll(
        contestant.equals(PLAIN)
            ? List.of("PGSSLMODE=disable")
            : List.of("PGSSLMODE=verify-full", "PGSSLROOTCERT=" + authority));
    line.addAll(command);
    return stopwatch.measure(database, work, line);
  }

  private static void done(Outcome outcome) {
    if (outcome instanceof Outcome.Failed(var reason)) {
      throw new Failure(reason);
    }
  }
}

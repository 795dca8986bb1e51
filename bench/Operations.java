import harness.Case;
import harness.Contestant;
import harness.Database;
import harness.LearnflowDb;
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
import java.util.stream.Collectors;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * What is asked of a database that is in use, on LearnFlow's schema: plan, drift, and a rollback of
 * seven migrations; beside psql with the same files, which knows no history and checks nothing.
 */
class Operations {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Path MIGRATIONS = Path.of("migrations").toAbsolutePath();
  private static final Contestant PSQL = new Contestant("psql", "", true);
  private static final String NAME = "bench_operations";

  /** How many of the migrations are applied where the rest is planned, and after a rollback. */
  private static final int FIRST = 2;

  private static final int UNDONE = 7;

  /** Flyway's table, which the last migration has a view on. */
  private static final String HISTORY =
      """
      CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50),
        description varchar(200), type varchar(20), script varchar(1000), checksum int,
        installed_by varchar(100), installed_on timestamp DEFAULT now(), execution_time int, success boolean);
      """;

  private final Options options;
  private final Server server = Server.open();
  private final Path work = Workspace.create();
  private final Stopwatch stopwatch = new Stopwatch(work, LIMIT);
  private final LearnflowDb program;
  private final Path appPassword = Files.writeString(work.resolve("app-password"), "bench-app");
  private final List<Case> cases = new ArrayList<>();

  private Operations(Options options) throws IOException, InterruptedException {
    this.options = options;
    program =
        LearnflowDb.find(server, work)
            .orElseThrow(() -> new Failure("without it nothing is measured"));
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Programs.require("bash", "time");
      new Operations(Options.parse(arguments)).measureAll();
    });
  }

  private void measureAll() throws IOException, InterruptedException {
    var all = List.of(LearnflowDb.CONTESTANT, PSQL);
    var plan = new Case("Plan, %d migrations pending".formatted(UNDONE), all);
    var drift = new Case("Drift, none", List.of(LearnflowDb.CONTESTANT));
    var rollback = new Case("Roll back %d migrations".formatted(UNDONE), all);
    cases.addAll(List.of(plan, drift, rollback));
    var inScratch = scratchScript();
    var back = backScript();
    for (int run = 0; run <= options.runs(); run++) {
      System.err.printf("run %d of %d%s%n", run, options.runs(), run == 0 ? ": warm-up" : "");
      var counted = run > 0;
      var database = server.create(NAME);
      migrate(database, FIRST);
      add(plan, counted, LearnflowDb.CONTESTANT, ours("plan", database));
      add(plan, counted, PSQL, psql(database, inScratch));
      migrate(database, FIRST + UNDONE);
      add(drift, counted, LearnflowDb.CONTESTANT, ours("drift", database));
      add(
          rollback,
          counted,
          LearnflowDb.CONTESTANT,
          ours("rollback", database, "--to", Integer.toString(FIRST), "--yes", "--no-backup"));
      database = server.create(NAME);
      migrate(database, FIRST + UNDONE);
      add(rollback, counted, PSQL, psql(database, back));
      server.drop(NAME);
    }
    new Results("operations", cases, options).publish(server);
  }

  private static void add(Case measured, boolean counted, Contestant contestant, Outcome outcome) {
    if (counted) {
      measured.add(contestant, outcome);
    } else {
      done(outcome);
    }
  }

  private static void done(Outcome outcome) {
    if (outcome instanceof Outcome.Failed(var reason)) {
      throw new Failure(reason);
    }
  }

  private Outcome ours(String command, Database database, String... more)
      throws IOException, InterruptedException {
    return stopwatch.measure(database, work, program.command(command, database, more));
  }

  private Outcome psql(Database database, Path script) throws IOException, InterruptedException {
    return stopwatch.measure(database, work, server.psql().file(database, script));
  }

  /** Makes the services' role too, whose rights a rollback verifies. */
  private void migrate(Database database, int target) throws IOException, InterruptedException {
    done(
        ours(
            "roles",
            database,
            "--admin-user",
            database.user(),
            "--admin-password-file",
            work.resolve("password").toString(),
            "--app-password-file",
            appPassword.toString()));
    done(ours("migrate", database, "--target", Integer.toString(target)));
  }

  /** All migrations into an empty database, which goes afterwards. */
  private Path scratchScript() throws IOException {
    return Files.writeString(
        work.resolve("scratch.sql"),
        "CREATE DATABASE scratch;\n\\c scratch\n"
            + HISTORY
            + include(files("V"))
            + "\\c %s%nDROP DATABASE scratch;%n".formatted(NAME));
  }

  private Path backScript() throws IOException {
    return Files.writeString(
        work.resolve("back.sql"), include(files("U").subList(FIRST, FIRST + UNDONE).reversed()));
  }

  private static String include(List<Path> files) {
    return files.stream().map("\\i %s%n"::formatted).collect(Collectors.joining());
  }

  private static List<Path> files(String prefix) throws IOException {
    try (var all = Files.list(MIGRATIONS)) {
      return all.filter(file -> file.getFileName().toString().matches(prefix + "\\d+__.*\\.sql"))
          .sorted()
          .toList();
    }
  }
}

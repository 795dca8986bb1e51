import harness.Case;
import harness.Database;
import harness.LearnflowDb;
import harness.Options;
import harness.Outcome;
import harness.Results;
import harness.SeedFile;
import harness.SeedTool;
import harness.Server;
import harness.Stopwatch;
import harness.Workspace;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import lib.Programs;
import lib.Tool;

/**
 * Loads one large seed file into an empty table, and then again over the rows that are there: once
 * to insert what is missing, once to change what differs too. Nothing is missing, nothing differs.
 */
class Seeds {
  private static final Duration LIMIT = Duration.ofSeconds(400);

  private final Options options;
  private final Server server;
  private final Path seeds;
  private final Stopwatch stopwatch;
  private final List<SeedTool> tools = new ArrayList<>();

  private Seeds(Options options) throws IOException, InterruptedException {
    this.options = options;
    this.server = Server.open();
    var work = Workspace.create();
    this.seeds = work.resolve("seeds");
    this.stopwatch = new Stopwatch(work, LIMIT);
    tools.add(SeedTool.psql(server));
    LearnflowDb.find(server, work).ifPresent(ours -> tools.add(SeedTool.learnflowDb(ours, seeds)));
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Programs.require("bash", "time");
      new Seeds(Options.parse(arguments)).measureAll();
    });
  }

  private void measureAll() throws IOException, InterruptedException {
    SeedFile.write(seeds, options.rows());
    round(tools, newCases("Warm-up"));
    var cases = newCases("Load %,d rows".formatted(options.rows()));
    var order = new ArrayList<>(tools);
    for (int run = 1; run <= options.runs(); run++) {
      System.err.printf("%,d rows, run %d of %d%n", options.rows(), run, options.runs());
      round(order, cases);
      Collections.rotate(order, 1);
    }
    new Results("seeds", cases, options).publish(server);
  }

  private List<Case> newCases(String title) {
    return List.of(
        newCase(title + " into an empty table", SeedTool::load),
        newCase(title + " again, insert what is missing", SeedTool::skip),
        newCase(title + " again, change what differs", SeedTool::update));
  }

  private Case newCase(String title, Function<SeedTool, List<SeedTool.Way>> ways) {
    return new Case(
        title,
        tools.stream().map(ways).flatMap(List::stream).map(SeedTool.Way::contestant).toList());
  }

  private void round(List<SeedTool> order, List<Case> cases)
      throws IOException, InterruptedException {
    var load = cases.get(0);
    for (var tool : order) {
      var database = server.create("bench_seeds");
      server.sql(database, SeedFile.TABLE);
      measure(database, tool.load(), load);
      if (tool.load().stream().map(SeedTool.Way::contestant).allMatch(load::stillIn)) {
        measure(database, tool.skip(), cases.get(1));
        measure(database, tool.update(), cases.get(2));
      }
      server.drop("bench_seeds");
    }
  }

  /** After each way the table is vacuumed, so that every way finds it in the same state. */
  private void measure(Database database, List<SeedTool.Way> ways, Case measured)
      throws IOException, InterruptedException {
    for (var way : ways) {
      if (measured.stillIn(way.contestant())) {
        var outcome =
            stopwatch.measure(database, seeds.resolve(SeedFile.SET), way.command().line(database));
        measured.add(way.contestant(), checked(outcome, database));
        server.sql(database, "VACUUM ANALYZE bench_rows");
      }
    }
  }

  /** Exit code 0 alone is no proof: the rows must be there. */
  private Outcome checked(Outcome outcome, Database database)
      throws IOException, InterruptedException {
    var rows = server.sql(database, "SELECT count(*) FROM bench_rows");
    return outcome instanceof Outcome.Done && !rows.equals(Integer.toString(options.rows()))
        ? new Outcome.Failed("table has %s of %d rows".formatted(rows, options.rows()))
        : outcome;
  }
}

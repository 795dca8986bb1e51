import harness.Case;
import harness.Contestant;
import harness.Database;
import harness.MigrationTool;
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
import java.util.Collections;
import java.util.List;
import lib.Programs;
import lib.Tool;

/**
 * Applies generated migrations to an empty database, and then runs again with nothing to do; each
 * contestant as a whole process.
 */
class Migrations {
  private static final Duration LIMIT = Duration.ofSeconds(400);
  private static final int LARGE = 10_000;

  private final Options options;
  private final Server server;
  private final Path work;
  private final Stopwatch stopwatch;
  private final List<MigrationTool> tools;
  private final List<Contestant> contestants;
  private final List<Case> cases = new ArrayList<>();

  private Migrations(Options options) throws IOException, InterruptedException {
    this.options = options;
    this.server = Server.open();
    this.work = Workspace.create();
    this.stopwatch = new Stopwatch(work, LIMIT);
    this.tools = MigrationTool.all(server, work);
    this.contestants = tools.stream().map(MigrationTool::contestant).toList();
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Programs.require("bash", "time");
      new Migrations(Options.parse(arguments)).measureAll();
    });
  }

  private void measureAll() throws IOException, InterruptedException {
    measure(12);
    measure(1_000);
    if (options.large()) {
      measure(LARGE);
    }
    new Results("migrations", cases, options).publish(server);
  }

  /** The contestants take turns, so that a busy minute of the machine hits all of them. */
  private void measure(int count) throws IOException, InterruptedException {
    for (var tool : tools) {
      tool.files().write(Files.createDirectories(folder(tool, count)), count);
    }
    if (count < LARGE) {
      round(count, tools, newCase("warm-up", count), newCase("warm-up", count));
    }
    var apply = newCase("Apply %,d migrations", count);
    var repeat = newCase("Run again with %,d applied", count);
    cases.addAll(List.of(apply, repeat));
    int runs = count < LARGE ? options.runs() : Math.min(options.runs(), 2);
    var order = new ArrayList<>(tools);
    for (int run = 1; run <= runs; run++) {
      System.err.printf("%,d migrations, run %d of %d%n", count, run, runs);
      round(count, order, apply, repeat);
      Collections.rotate(order, 1);
    }
  }

  private Case newCase(String title, int count) {
    return new Case(title.formatted(count), contestants);
  }

  private void round(int count, List<MigrationTool> order, Case apply, Case repeat)
      throws IOException, InterruptedException {
    for (var tool : order) {
      var contestant = tool.contestant();
      if (apply.stillIn(contestant) && repeat.stillIn(contestant)) {
        var folder = folder(tool, count);
        var database = server.create("bench_migrations");
        var applied =
            checked(
                stopwatch.measure(database, folder, tool.apply().line(database, folder)),
                database,
                count);
        apply.add(contestant, applied);
        if (applied instanceof Outcome.Done) {
          repeat.add(
              contestant,
              stopwatch.measure(database, folder, tool.repeat().line(database, folder)));
        }
        server.drop("bench_migrations");
      }
    }
  }

  /** Exit code 0 alone is no proof: the tables must be there. */
  private Outcome checked(Outcome outcome, Database database, int count)
      throws IOException, InterruptedException {
    var tables =
        server.sql(database, "SELECT count(*) FROM pg_tables WHERE tablename ~ '^t_[0-9]+$'");
    return outcome instanceof Outcome.Done && !tables.equals(Integer.toString(count))
        ? new Outcome.Failed("made %s of %d tables".formatted(tables, count))
        : outcome;
  }

  private Path folder(MigrationTool tool, int count) {
    return work.resolve(tool.contestant().name() + "-" + count);
  }
}

import harness.Case;
import harness.Cluster;
import harness.Contestant;
import harness.Database;
import harness.LearnflowDb;
import harness.MigrationTool;
import harness.Options;
import harness.Outcome;
import harness.Pod;
import harness.Results;
import harness.Server;
import harness.StagedImage;
import harness.Stopwatch;
import harness.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * A run that finds nothing to do: the content of the image, with and without its AOT cache, over TLS,
 * and with twenty services, beside other tools; and in a pod, with and without looking at what is published. And the
 * commands that only read.
 */
class Startup {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int MIGRATIONS = 12;
  private static final List<Integer> SERVICES = List.of(1, 20);

  private static final Contestant CACHED = named("learnflow-db run");
  private static final Contestant UNCACHED = named("learnflow-db run, no AOT cache");

  /** For what the checkout that BENCH_BEFORE names was built from. */
  private static final String BEFORE = ", before";

  /** A contestant's whole process, measured. */
  private interface Measured {
    Outcome run() throws IOException, InterruptedException;
  }

  private final Options options;
  private final Path work = Workspace.create();
  private final StagedImage image = StagedImage.find();
  private final List<Case> cases = new ArrayList<>();

  private Startup(Options options) throws IOException {
    this.options = options;
  }

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Programs.require("bash", "time");
      var startup = new Startup(Options.parse(arguments));
      var server = Server.open();
      startup.besideOthers(server);
      startup.inPod();
      new Results("startup", startup.cases, startup.options).publish(server);
    });
  }

  private void besideOthers(Server server) throws IOException, InterruptedException {
    var stopwatch = new Stopwatch(work, LIMIT);
    var contestants = new ArrayList<Map.Entry<Contestant, Measured>>();
    for (var tool : MigrationTool.all(server, work)) {
      if (!tool.contestant().equals(LearnflowDb.CONTESTANT)) {
        var folder = Files.createDirectories(work.resolve(tool.contestant().name()));
        tool.files().write(folder, MIGRATIONS);
        var database = server.create("bench_" + contestants.size());
        done(stopwatch.measure(database, folder, tool.apply().line(database, folder)));
        contestants.add(
            Map.entry(
                tool.contestant(),
                () -> stopwatch.measure(database, folder, tool.repeat().line(database, folder))));
      }
    }
    var passwords = Files.createDirectories(work.resolve("passwords"));
    var database = server.create("bench_learnflow");
    Files.writeString(passwords.resolve("postgres-password"), database.password());
    Files.writeString(passwords.resolve("password"), "bench-owner");
    Files.writeString(passwords.resolve("app-password"), "bench-app");
    for (var cached : List.of(true, false)) {
      var line = image.run(cached, "none", database, passwords);
      done(stopwatch.measure(database, work, line));
      contestants.add(
          Map.entry(cached ? CACHED : UNCACHED, () -> stopwatch.measure(database, work, line)));
    }
    contestants.add(overTls(stopwatch, passwords, image, ""));
    for (int services : SERVICES) {
      contestants.add(withServices(services, stopwatch, server));
    }
    var reading = reading(stopwatch, database, passwords, image, "");
    var before = StagedImage.before();
    if (before.isPresent()) {
      var old = server.create("bench_before");
      var line = before.get().run(true, "none", old, passwords);
      done(stopwatch.measure(old, work, line));
      contestants.add(
          Map.entry(
              named("learnflow-db run" + BEFORE), () -> stopwatch.measure(old, work, line)));
      contestants.add(overTls(stopwatch, passwords, before.get(), BEFORE));
      reading.addAll(reading(stopwatch, old, passwords, before.get(), BEFORE));
    }
    measure("Run with nothing to do", contestants);
    measure("Commands that only read", reading);
  }

  private List<Map.Entry<Contestant, Measured>> reading(
      Stopwatch stopwatch, Database database, Path passwords, StagedImage program, String suffix) {
    var contestants = new ArrayList<Map.Entry<Contestant, Measured>>();
    for (var command : List.of("verify", "connection")) {
      contestants.add(
          Map.entry(
              named("learnflow-db " + command + suffix),
              () ->
                  stopwatch.measure(database, work, program.command(command, database, passwords))));
    }
    contestants.add(
        Map.entry(
            named("learnflow-db --version" + suffix),
            () -> stopwatch.measure(database, work, program.version())));
    return contestants;
  }

  /** The server has TLS for no other contestant, since all of them would use it. */
  private Map.Entry<Contestant, Measured> overTls(
      Stopwatch stopwatch, Path passwords, StagedImage program, String suffix)
      throws IOException, InterruptedException {
    var authority = Files.createTempFile(work, "ca", ".crt");
    var database = Server.openWithTls(authority).create("bench_learnflow");
    var line = program.runOverTls(database, passwords, authority);
    done(stopwatch.measure(database, work, line));
    return Map.entry(
        named("learnflow-db run, over TLS" + suffix),
        () -> stopwatch.measure(database, work, line));
  }

  /** Services with roles of their own, besides the role of all. */
  private Map.Entry<Contestant, Measured> withServices(
      int number, Stopwatch stopwatch, Server server)
      throws IOException, InterruptedException {
    var database = server.create("bench_services_" + number);
    var folder = Files.createDirectories(work.resolve("services-" + number));
    Files.writeString(folder.resolve("postgres-password"), database.password());
    Files.writeString(folder.resolve("password"), "bench-owner");
    Files.writeString(folder.resolve("app-password"), "bench-app");
    var services = new ArrayList<String>();
    var rights = new StringBuilder("service,relation,privileges,columns\n");
    for (int i = 1; i <= number; i++) {
      var name = "s%d".formatted(i);
      services.add("{\"name\": \"%s\", \"connectionLimit\": 20}".formatted(name));
      rights.append("%1$s,users,SELECT,\n%1$s,progress,SELECT INSERT UPDATE,\n".formatted(name));
      Files.writeString(folder.resolve("service-%s-password".formatted(name)), "bench-" + name);
    }
    Files.writeString(folder.resolve("services.json"), services.toString());
    Files.writeString(folder.resolve("services.csv"), rights);
    var line =
        image.run(
            true,
            "none",
            database,
            folder,
            "--services",
            folder.resolve("services.json").toString(),
            "--service-passwords",
            folder.toString(),
            "--service-rights",
            folder.resolve("services.csv").toString());
    done(stopwatch.measure(database, work, line));
    return Map.entry(
        named(
            "learnflow-db run, %d service%s".formatted(number, number == 1 ? "" : "s")),
        () -> stopwatch.measure(database, work, line));
  }

  private static Contestant named(String name) {
    return new Contestant(name, "", false);
  }

  private void inPod() throws IOException, InterruptedException {
    if (!Cluster.possible()) {
      System.err.println("in a pod nothing is measured: there is no cluster, see make cluster");
      return;
    }
    var inContainer = image.inContainer();
    try (var pod = Pod.start(work, image)) {
      for (var publishTo : List.of("none", "kubernetes")) {
        var contestants = new ArrayList<Map.Entry<Contestant, Measured>>();
        for (var cached : List.of(true, false)) {
          var line = inContainer.run(cached, publishTo, pod.database(), Path.of("/credentials"));
          done(pod.measure(line));
          contestants.add(Map.entry(cached ? CACHED : UNCACHED, () -> pod.measure(line)));
        }
        measure(
            publishTo.equals("none")
                ? "Run with nothing to do, in a pod"
                : "Run with nothing to do, in a pod, published objects compared",
            contestants);
      }
    }
  }

  private static void done(Outcome outcome) {
    if (outcome instanceof Outcome.Failed(var reason)) {
      throw new Failure(reason);
    }
  }

  /** The contestants take turns, so that a busy minute of the machine hits all of them. */
  private void measure(String title, List<Map.Entry<Contestant, Measured>> contestants)
      throws IOException, InterruptedException {
    var measured = new Case(title, contestants.stream().map(Map.Entry::getKey).toList());
    cases.add(measured);
    var order = new ArrayList<>(contestants);
    for (int run = 1; run <= options.runs(); run++) {
      System.err.printf("%s: %d of %d%n", title, run, options.runs());
      for (var contestant : order) {
        measured.add(contestant.getKey(), contestant.getValue().run());
      }
      Collections.rotate(order, 1);
    }
  }
}

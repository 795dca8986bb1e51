import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs other programs. */
final class Commands {
  private static final Duration HEARTBEAT = Duration.ofSeconds(20);

  private static final Duration LIMIT = Duration.ofSeconds(120);

  private Commands() {}

  /** Also looks where Debian keeps the administrator's programs. */
  static Optional<Path> find(String program) {
    return Stream.concat(
            Arrays.stream(System.getenv("PATH").split(":")), Stream.of("/usr/sbin", "/sbin"))
        .map(folder -> Path.of(folder, program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  static String run(String... command) throws IOException, InterruptedException {
    return run(new ProcessBuilder(command));
  }

  /** What the program printed; fails with all that it printed. */
  static String run(ProcessBuilder builder) throws IOException, InterruptedException {
    var result = attempt(builder);
    if (result.exit() != 0) {
      throw new ClusterException(
          "%s failed with exit code %d:%n%s"
              .formatted(String.join(" ", builder.command()), result.exit(), result.output()));
    }
    return result.output();
  }

  static boolean succeeds(String... command) throws IOException, InterruptedException {
    return attempt(new ProcessBuilder(command)).exit() == 0;
  }

  /** A program's exit code, and what it printed, errors included. */
  record Result(int exit, String output) {}

  static Result attempt(ProcessBuilder builder) throws IOException, InterruptedException {
    withoutProxy(builder.environment());
    var process = builder.redirectErrorStream(true).start();
    if (builder.redirectInput() == ProcessBuilder.Redirect.PIPE) {
      process.getOutputStream().close();
    }
    var output = new String(process.getInputStream().readAllBytes()).strip();
    return new Result(process.waitFor(), output);
  }

  /** The cluster is on this machine, where no proxy leads to it. */
  static void withoutProxy(Map<String, String> environment) {
    environment
        .keySet()
        .removeIf(name -> List.of("http_proxy", "https_proxy").contains(name.toLowerCase()));
  }

  /**
   * For what takes minutes: says now and then that it is still at work; the output goes to a file.
   */
  static void runLong(String what, ProcessBuilder builder, Path log)
      throws IOException, InterruptedException {
    System.err.println(what);
    long start = System.nanoTime();
    var process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      while (!process.waitFor(HEARTBEAT.toSeconds(), TimeUnit.SECONDS)) {
        System.err.printf(
            "%s, %d s so far%n", what, TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start));
      }
    } finally {
      process.destroy();
    }
    if (process.exitValue() != 0) {
      var lines = Files.readAllLines(log);
      throw new ClusterException(
          "%s failed; its last lines, the whole of which is in %s:%n%s"
              .formatted(
                  what,
                  log,
                  String.join("\n", lines.subList(Math.max(0, lines.size() - 10), lines.size()))));
    }
  }

  /** What can be waited for. */
  interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  /** The advice says what to do when the wait was in vain. */
  static void await(String what, String advice, Condition condition)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > end) {
        throw new ClusterException(
            "waited %d s in vain for %s; %s".formatted(LIMIT.toSeconds(), what, advice));
      }
      Thread.sleep(200);
    }
  }
}

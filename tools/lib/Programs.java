package lib;

import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds and runs other programs. They read nothing, unless their builder says what, and do not
 * outlive the tool.
 */
public final class Programs {
  private static final Duration HEARTBEAT = Duration.ofSeconds(20);
  private static final long SECONDS_TO_END = 10;

  private Programs() {}

  /**
   * How a program ended.
   *
   * @param exit its exit code
   * @param output what it printed, without blanks at its end
   * @param errors the same of its stderr; empty where the builder has redirected it
   */
  public record Result(int exit, String output, String errors) {
    public boolean isSuccess() {
      return exit == 0;
    }

    /**
     * What it printed on stdout.
     *
     * @throws Failure with all that it printed, where its exit code is not 0
     */
    public String successful() {
      if (exit != 0) {
        throw new Failure("ended with exit code %d:%n%s".formatted(exit, said()));
      }
      return output;
    }

    /** All that it printed. */
    public String said() {
      return Stream.of(output, errors)
          .filter(text -> !text.isEmpty())
          .collect(Collectors.joining("\n"));
    }
  }

  /** A program on PATH, or where the administrator's programs are. */
  public static Optional<Path> find(String program) {
    return Stream.concat(
            Stream.of(System.getenv("PATH").split(File.pathSeparator)),
            Stream.of("/usr/sbin", "/sbin"))
        .map(folder -> Path.of(folder, program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /**
   * Looks for programs before they are needed.
   *
   * @throws Failure that says which one is missing
   */
  public static void require(String... programs) {
    for (String program : programs) {
      find(program).orElseThrow(() -> new Failure(program + " must be on PATH"));
    }
  }

  /** A program of this JDK. */
  public static String jdk(String name) {
    return Path.of(System.getProperty("java.home"), "bin", name).toString();
  }

  public static boolean succeeds(String... command) throws IOException, InterruptedException {
    return attempt(command).isSuccess();
  }

  /**
   * What a program printed on stdout.
   *
   * @throws Failure with the command and all that it printed, where its exit code is not 0
   */
  public static String run(String... command) throws IOException, InterruptedException {
    return run(new ProcessBuilder(command));
  }

  public static String run(List<String> command) throws IOException, InterruptedException {
    return run(new ProcessBuilder(command));
  }

  public static String run(ProcessBuilder builder) throws IOException, InterruptedException {
    Result result = attempt(builder);
    if (!result.isSuccess()) {
      throw new Failure(
          "%s ended with exit code %d:%n%s"
              .formatted(String.join(" ", builder.command()), result.exit, result.said()));
    }
    return result.output;
  }

  public static Result attempt(String... command) throws IOException, InterruptedException {
    return attempt(new ProcessBuilder(command));
  }

  public static Result attempt(ProcessBuilder builder) throws IOException, InterruptedException {
    return attempt(builder, HEARTBEAT, _ -> {});
  }

  /**
   * Runs a program for that long at most.
   *
   * @throws Failure with what it printed, where it has not ended by then
   */
  public static Result attempt(ProcessBuilder builder, Duration most)
      throws IOException, InterruptedException {
    return attempt(
        builder,
        most,
        output -> {
          throw new Failure(
              "no end after %d s: %s%n%s"
                  .formatted(
                      most.toSeconds(),
                      String.join(" ", builder.command()),
                      Files.readString(output)));
        });
  }

  /** What is done while a program runs; in the file is what it has printed so far. */
  @FunctionalInterface
  public interface Meanwhile {
    void run(Path output) throws IOException, InterruptedException;
  }

  /**
   * Runs a program and, every now and then, something else. The output goes through files: a server
   * that the program leaves behind would hold a pipe open.
   *
   * @throws Failure where the program is not there
   */
  public static Result attempt(ProcessBuilder builder, Duration every, Meanwhile meanwhile)
      throws IOException, InterruptedException {
    Path output = Files.createTempFile("learnflow-db-tool", ".out");
    Path errors = Files.createTempFile("learnflow-db-tool", ".err");
    Redirect givenOutput = builder.redirectOutput();
    Redirect givenErrors = builder.redirectError();
    try {
      builder.redirectOutput(
          givenOutput == Redirect.PIPE ? Redirect.to(output.toFile()) : givenOutput);
      builder.redirectError(
          givenErrors == Redirect.PIPE ? Redirect.to(errors.toFile()) : givenErrors);
      int exit = await(builder, every, () -> meanwhile.run(output));
      return new Result(
          exit, Files.readString(output).stripTrailing(), Files.readString(errors).stripTrailing());
    } finally {
      builder.redirectOutput(givenOutput).redirectError(givenErrors);
      Files.delete(output);
      Files.delete(errors);
    }
  }

  private interface Callback {
    void run() throws IOException, InterruptedException;
  }

  private static int await(ProcessBuilder builder, Duration every, Callback meanwhile)
      throws IOException, InterruptedException {
    Process process = start(builder);
    Thread atExit = new Thread(process::destroy);
    boolean hooked = hook(() -> Runtime.getRuntime().addShutdownHook(atExit));
    try {
      while (!process.waitFor(every.toMillis(), TimeUnit.MILLISECONDS)) {
        meanwhile.run();
      }
      return process.exitValue();
    } finally {
      if (hooked) {
        hook(() -> Runtime.getRuntime().removeShutdownHook(atExit));
      }
      if (process.isAlive()) {
        process.destroy();
        process
            .onExit()
            .completeOnTimeout(process, SECONDS_TO_END, TimeUnit.SECONDS)
            .thenAccept(Process::destroyForcibly);
      }
    }
  }

  /** Not possible where the tool is ending, such as in a hook of its own. */
  private static boolean hook(Runnable change) {
    try {
      change.run();
      return true;
    } catch (IllegalStateException e) {
      return false;
    }
  }

  private static Process start(ProcessBuilder builder) throws IOException {
    if (builder.redirectInput() == Redirect.PIPE) {
      builder.redirectInput(new File("/dev/null"));
    }
    try {
      return builder.start();
    } catch (IOException e) {
      throw new Failure(
          2,
          "%s was not found: install it and put it on PATH (%s)"
              .formatted(builder.command().getFirst(), e.getMessage()));
    }
  }

  /**
   * For what takes minutes: says now and then that it is still at work; the output goes to a file.
   *
   * @throws Failure with the last lines, where the exit code is not 0
   */
  public static void runLong(String what, ProcessBuilder builder, Path log)
      throws IOException, InterruptedException {
    System.err.println(what);
    long start = System.nanoTime();
    builder.redirectErrorStream(true).redirectOutput(log.toFile());
    Result result =
        attempt(
            builder,
            HEARTBEAT,
            _ ->
                System.err.printf(
                    "%s, %d s so far%n",
                    what, TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start)));
    if (!result.isSuccess()) {
      List<String> lines = Files.readAllLines(log);
      throw new Failure(
          "%s failed; its last lines, the whole of which is in %s:%n%s"
              .formatted(
                  what,
                  log,
                  String.join("\n", lines.subList(Math.max(0, lines.size() - 10), lines.size()))));
    }
  }
}

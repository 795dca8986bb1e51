package org.learnflow.db.testing;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.Reader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.learnflow.db.cli.Main;

/**
 * The program with given environment variables: in this process ({@link #run}), or as a process
 * that can be killed ({@link #start}).
 *
 * @param environment the only variables that the program sees
 */
public record Cli(Map<String, String> environment) {
  /** The same with one variable more. */
  public Cli with(String name, String value) {
    Map<String, String> more = new LinkedHashMap<>(environment);
    more.put(name, value);
    return new Cli(more);
  }

  /** The same without a variable. */
  public Cli without(String name) {
    Map<String, String> fewer = new LinkedHashMap<>(environment);
    fewer.remove(name);
    return new Cli(fewer);
  }

  /** Runs a command line in this process. */
  public CliResult run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int exitCode = Main.execute(arguments, environment, new PrintWriter(out), new PrintWriter(err));
    return new CliResult(exitCode, out.toString(), err.toString());
  }

  /** Runs a command line in this process, while the test goes on. */
  public CompletableFuture<CliResult> runInBackground(String... arguments) {
    return CompletableFuture.supplyAsync(
        () -> run(arguments), task -> Thread.ofVirtual().start(task));
  }

  /** Starts a command line in a process of its own. */
  public Running start(String... arguments) {
    return startUnder(List.of(), arguments);
  }

  /**
   * Starts a command line in a process of its own that another program starts.
   *
   * @param wrapper that program with its arguments, such as {@code unshare --user}
   */
  public Running startUnder(List<String> wrapper, String... arguments) {
    List<String> command = new ArrayList<>(wrapper);
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            Main.class.getName()));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectInput(new File("/dev/null"));
    try {
      return new Running(builder.start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A process of the program. */
  public static final class Running {
    private final Process process;
    private final CompletableFuture<String> out;
    private final CompletableFuture<String> err;
    private final StringWriter errSoFar = new StringWriter();

    Running(Process process) {
      this.process = process;
      this.out = read(process.getInputStream(), new StringWriter());
      this.err = read(process.getErrorStream(), errSoFar);
    }

    private static CompletableFuture<String> read(InputStream stream, StringWriter soFar) {
      return CompletableFuture.supplyAsync(
          () -> {
            try (Reader reader = new InputStreamReader(stream, StandardCharsets.UTF_8)) {
              char[] part = new char[4096];
              for (int n = reader.read(part); n >= 0; n = reader.read(part)) {
                soFar.write(part, 0, n);
              }
              return soFar.toString();
            } catch (IOException e) {
              // Killed while something of it was read; what it said before is all there is.
              if (String.valueOf(e.getMessage()).equalsIgnoreCase("Stream closed")) {
                return soFar.toString();
              }
              throw new UncheckedIOException(e);
            }
          },
          task -> Thread.ofVirtual().start(task));
    }

    /** Waits until {@code part} was said on stderr; fails after a minute. */
    public void awaitOnStderr(String part) throws SQLException {
      try {
        Eventually.within(
            Duration.ofSeconds(60), "\"" + part + "\" on stderr", () -> hasSaid(part));
      } catch (AssertionError e) {
        throw new AssertionError(e.getMessage() + ", which has:\n" + errSoFar, e);
      }
    }

    /** Whether {@code part} was said on stderr so far. */
    public boolean hasSaid(String part) {
      return errSoFar.toString().contains(part);
    }

    /** The process itself. */
    public ProcessHandle handle() {
      return process.toHandle();
    }

    /** Whether it is still running. */
    public boolean isAlive() {
      return process.isAlive();
    }

    /** Stops it where it is; its sessions keep their locks. */
    public void pause() {
      signal("STOP");
    }

    /** Lets it go on after {@link #pause}. */
    public void resume() {
      signal("CONT");
    }

    private void signal(String name) {
      try {
        int code =
            new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor();
        if (code != 0) {
          throw new IllegalStateException("the program has ended: " + err.getNow(""));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }

    /** Ends it with SIGKILL, as kill -9 does, and waits until it is gone. */
    public CliResult kill() {
      process.destroyForcibly();
      return await();
    }

    /** Waits for its end; fails after two minutes. */
    public CliResult await() {
      try {
        if (!process.waitFor(2, TimeUnit.MINUTES)) {
          process.destroyForcibly();
          throw new IllegalStateException("the program did not end: " + err.getNow(""));
        }
        return new CliResult(process.exitValue(), out.join(), err.join());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }
  }
}

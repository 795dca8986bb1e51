package org.learnflow.db.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import lib.Failure;
import lib.Programs;
import lib.Programs.Result;

/**
 * A program of this machine that was run in the repository's root.
 *
 * @param line what was typed
 * @param exit its exit code
 * @param output what it wrote to stdout and stderr, as a terminal shows it
 */
record Command(String line, int exit, String output, Duration duration) {

  /**
   * Runs it.
   *
   * @throws Failure where it takes longer than {@code most}
   */
  static Command run(Duration most, Map<String, String> environment, List<String> words) {
    ProcessBuilder builder =
        new ProcessBuilder(words).directory(Repository.ROOT.toFile()).redirectErrorStream(true);
    builder.environment().putAll(environment);
    try {
      long start = System.nanoTime();
      Result result = Programs.attempt(builder, most);
      Duration duration = Duration.ofNanos(System.nanoTime() - start);
      String output = result.output().isEmpty() ? "" : result.output() + "\n";
      return new Command(String.join(" ", words), result.exit(), output, duration);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Itself, if it succeeded. */
  Command successful() {
    if (exit != 0) {
      throw new AssertionError(this + " ended with exit code " + exit);
    }
    return this;
  }

  /** Itself, if it failed. */
  Command failed() {
    if (exit == 0) {
      throw new AssertionError(this + " succeeded");
    }
    return this;
  }

  @Override
  public String toString() {
    return "$ %s%n%s(exit code %d, %.1f s)%n"
        .formatted(line, output, exit, duration.toMillis() / 1000.0);
  }
}

package org.learnflow.db.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

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
   * @throws AssertionError where it takes longer than {@code most}
   */
  static Command run(Duration most, Map<String, String> environment, List<String> words) {
    String line = String.join(" ", words);
    try {
      Path output = Files.createTempFile("e2e", ".out");
      try {
        long start = System.nanoTime();
        ProcessBuilder builder =
            new ProcessBuilder(words)
                .directory(Repository.ROOT.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
          boolean ended = process.waitFor(most.toMillis(), TimeUnit.MILLISECONDS);
          Duration duration = Duration.ofNanos(System.nanoTime() - start);
          if (!ended) {
            throw new AssertionError(
                "no end after %d s: %s%n%s"
                    .formatted(duration.toSeconds(), line, Files.readString(output)));
          }
          return new Command(line, process.exitValue(), Files.readString(output), duration);
        } finally {
          // Also where the test itself has run out of time.
          process.destroyForcibly();
        }
      } finally {
        Files.delete(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(words.getFirst() + " cannot be run", e);
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

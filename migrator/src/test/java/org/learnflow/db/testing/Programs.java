package org.learnflow.db.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Other programs of the machine, run by tests. */
public final class Programs {
  private Programs() {}

  /** Whether {@code name} is a program on the PATH. */
  public static boolean onPath(String name) {
    return Stream.of(path().split(File.pathSeparator, -1))
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, name)));
  }

  /** The PATH, with the psql that make brings before all else. */
  private static String path() {
    return DumpServer.brought(PostgresServers.DEFAULT_MAJOR)
        + File.pathSeparator
        + System.getenv().getOrDefault("PATH", "");
  }

  /** Runs a program with exactly these variables besides PATH, and returns how it ended. */
  public static CliResult run(Map<String, String> environment, List<String> command) {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().clear();
    builder.environment().put("PATH", path());
    builder.environment().put("LC_ALL", "C.UTF-8");
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true);
    builder.redirectInput(new File("/dev/null"));
    try {
      Process process = builder.start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new CliResult(process.waitFor(), output, "");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}

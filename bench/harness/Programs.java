package harness;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Finds programs, and runs those that only help and are not measured. */
public final class Programs {
  private Programs() {}

  public static Optional<Path> onPath(String program) {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .map(folder -> Path.of(folder, program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /**
   * A program of PostgreSQL. Debian's psql on PATH is a wrapper in Perl, slower to start than psql
   * itself, so that a script does not count.
   */
  static Path postgres(String program) throws IOException {
    var found = onPath(program);
    if (found.isPresent() && !isScript(found.get())) {
      return found.get();
    }
    return newestInstalled(program)
        .or(() -> found)
        .orElseThrow(() -> new BenchException(program + " of PostgreSQL must be on PATH"));
  }

  private static boolean isScript(Path program) throws IOException {
    try (var content = Files.newInputStream(program)) {
      return new String(content.readNBytes(2), StandardCharsets.ISO_8859_1).equals("#!");
    }
  }

  private static Optional<Path> newestInstalled(String program) throws IOException {
    var installed = Path.of("/usr/lib/postgresql");
    if (!Files.isDirectory(installed)) {
      return Optional.empty();
    }
    try (var versions = Files.list(installed)) {
      return versions
          .filter(version -> Files.isExecutable(version.resolve("bin").resolve(program)))
          .max(
              Comparator.comparingInt(
                  version -> Integer.parseInt(version.getFileName().toString())))
          .map(version -> version.resolve("bin").resolve(program));
    }
  }

  /** Fails with one line that says which program is missing. */
  public static void require(String... programs) {
    for (var program : programs) {
      onPath(program).orElseThrow(() -> new BenchException(program + " must be on PATH"));
    }
  }

  public static String run(Path directory, Map<String, String> environment, List<String> command)
      throws IOException, InterruptedException {
    return run(directory, environment, Path.of("/dev/null"), command);
  }

  static String run(
      Path directory, Map<String, String> environment, Path input, List<String> command)
      throws IOException, InterruptedException {
    var output = Files.createTempFile("bench", ".out");
    try {
      var builder = new ProcessBuilder(command).directory(directory.toFile());
      builder.environment().putAll(environment);
      builder.redirectInput(input.toFile());
      int exit =
          builder.redirectErrorStream(true).redirectOutput(output.toFile()).start().waitFor();
      var text = Files.readString(output).strip();
      if (exit != 0) {
        throw new BenchException(command + " ended with " + exit + ":\n" + text);
      }
      return text;
    } finally {
      Files.delete(output);
    }
  }
}

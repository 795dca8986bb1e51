import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Other programs. */
final class Programs {
  private Programs() {}

  /** A program of this JDK. */
  static String jdk(String name) {
    return Path.of(System.getProperty("java.home"), "bin", name).toString();
  }

  /**
   * Runs a program to its end.
   *
   * @return what it said
   * @throws IllegalStateException with all of it where the exit code is not 0
   */
  static String run(Map<String, String> environment, String program, String... arguments)
      throws IOException, InterruptedException {
    return run(0, environment, program, arguments);
  }

  /** The same for a program that is to end with the exit code {@code expected}. */
  static String run(
      int expected, Map<String, String> environment, String program, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes());
    if (process.waitFor() != expected) {
      throw new IllegalStateException(
          "%s ended with exit code %d:%n%s"
              .formatted(String.join(" ", command), process.exitValue(), output));
    }
    return output;
  }
}

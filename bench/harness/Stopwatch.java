package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Measures whole processes, with their children. Bash's {@code time} gives wall and CPU seconds to
 * the millisecond; GNU time, between the two, gives the peak, and keeps our own size out of it.
 */
public final class Stopwatch {
  private static final String SCRIPT =
      """
      TIMEFORMAT='%3R %3U %3S'
      { time command time --quiet -f %M -o "$0/peak" "$@" >"$0/output" 2>&1; } 2>"$0/seconds"
      """;

  private final Path folder;
  private final Duration limit;

  /** The folder is for the measurements' own files. */
  public Stopwatch(Path folder, Duration limit) {
    this.folder = folder;
    this.limit = limit;
  }

  /** Runs a command in a directory, with the database's password in PGPASSWORD. */
  public Outcome measure(Database database, Path directory, List<String> command)
      throws IOException, InterruptedException {
    var shell = new ArrayList<>(List.of("bash", "-c", SCRIPT, folder.toString()));
    shell.addAll(command);
    var builder = new ProcessBuilder(shell).directory(directory.toFile());
    builder.environment().put("PGPASSWORD", database.password());
    var process = builder.start();
    if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
      end(process);
      return new Outcome.TimedOut(limit);
    }
    if (process.exitValue() != 0) {
      return new Outcome.Failed("exit code " + process.exitValue() + ":\n" + lastLines());
    }
    var seconds = Files.readString(folder.resolve("seconds")).strip().split(" ");
    return new Outcome.Done(
        Double.parseDouble(seconds[0]),
        Double.parseDouble(seconds[1]) + Double.parseDouble(seconds[2]),
        Double.parseDouble(Files.readString(folder.resolve("peak")).strip()) / 1024);
  }

  private static void end(Process process) throws InterruptedException {
    var all = process.descendants().toList();
    process.destroyForcibly();
    all.forEach(ProcessHandle::destroyForcibly);
    process.waitFor();
  }

  private String lastLines() throws IOException {
    var lines = Files.readAllLines(folder.resolve("output"));
    return String.join("\n", lines.subList(Math.max(0, lines.size() - 10), lines.size()));
  }
}

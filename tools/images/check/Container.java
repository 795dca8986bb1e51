package check;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import lib.Programs;
import lib.Programs.Result;

/**
 * An image run by runc as a pod that is admitted under "restricted" runs it: uid and gid 1001, a
 * read-only root file system, no capabilities, no new privileges, a network of its own.
 */
final class Container implements AutoCloseable {
  /** For a container to begin or end. */
  static final Duration LIMIT = Duration.ofSeconds(60);

  private final String id;
  private final Path bundle;
  private Process process;

  private Container(String id, Path bundle) {
    this.id = id;
    this.bundle = bundle;
  }

  /**
   * @param rootfs the unpacked image
   * @param environment beside the image's own
   * @param mounts folders of this machine by the path in the container; an empty one is a tmpfs
   */
  static Container start(
      Image image, Map<String, String> environment, Map<String, String> mounts, String... command)
      throws IOException {
    var bundle = Files.createTempDirectory(image.folder(), "bundle");
    var container =
        new Container(
            "learnflow-check-" + ProcessHandle.current().pid() + "-" + bundle.getFileName(),
            bundle);
    var arguments = new ArrayList<>(image.entrypoint());
    arguments.addAll(List.of(command));
    var variables = new ArrayList<>(image.environment());
    environment.forEach((name, value) -> variables.add(name + "=" + value));
    Files.writeString(
        bundle.resolve("config.json"), config(image.rootfs(), arguments, variables, mounts));
    container.process =
        // Without keyrings, of which a user may have few: each probe would take one.
        new ProcessBuilder(
                "runc", "run", "--no-new-keyring", "--bundle", bundle.toString(), container.id)
            .redirectErrorStream(true)
            .redirectOutput(container.logFile().toFile())
            .start();
    return container;
  }

  private static String config(
      Path rootfs, List<String> arguments, List<String> environment, Map<String, String> mounts) {
    var bound =
        mounts.entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .map(mount ->
                mount.getValue().isEmpty()
                    ? mount(mount.getKey(), "tmpfs", "tmpfs", "\"mode=1777\"")
                    : mount(mount.getKey(), "bind", mount.getValue(), "\"bind\""))
            .collect(Collectors.joining(","));
    return """
    {"ociVersion":"1.0.2","root":{"path":%s,"readonly":true},
    "process":{"user":{"uid":1001,"gid":1001},"cwd":"/","args":%s,"env":%s,
      "capabilities":{},"noNewPrivileges":true},
    "mounts":[%s,%s,%s%s],
    "linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},
      {"type":"network"}]}}
    """
        .formatted(
            quote(rootfs.toString()),
            array(arguments),
            array(environment),
            mount("/proc", "proc", "proc", ""),
            mount("/dev", "tmpfs", "tmpfs", "\"mode=755\""),
            mount("/dev/shm", "tmpfs", "tmpfs", "\"mode=1777\""),
            bound.isEmpty() ? "" : "," + bound);
  }

  private static String mount(String destination, String type, String source, String options) {
    return "{\"destination\":%s,\"type\":\"%s\",\"source\":%s,\"options\":[%s]}"
        .formatted(quote(destination), type, quote(source), options);
  }

  private static String array(List<String> values) {
    return values.stream().map(Container::quote).collect(Collectors.joining(",", "[", "]"));
  }

  private static String quote(String value) {
    return '"' + value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }

  /** How a program in the container ends; what it printed is all in the output. */
  Result exec(Map<String, String> environment, String... command)
      throws IOException, InterruptedException {
    var line = new ArrayList<>(List.of("runc", "exec"));
    environment.forEach((name, value) -> line.addAll(List.of("--env", name + "=" + value)));
    line.add(id);
    line.addAll(List.of(command));
    return run(line);
  }

  private static Result run(List<String> line) throws IOException, InterruptedException {
    return Programs.attempt(new ProcessBuilder(line).redirectErrorStream(true));
  }

  interface Condition {
    boolean holds() throws IOException, InterruptedException;
  }

  /** Waits for a condition; fails with the log if the container ends first, or after a minute. */
  void await(Condition condition) throws IOException, InterruptedException {
    var deadline = Instant.now().plus(LIMIT);
    while (!condition.holds()) {
      Promise.require(isRunning() && Instant.now().isBefore(deadline), log());
      Thread.sleep(50);
    }
  }

  boolean isRunning() {
    return process.isAlive();
  }

  void signal(String signal) throws IOException, InterruptedException {
    run(List.of("runc", "kill", id, signal));
  }

  /** Its exit code; fails if it has not ended by then. */
  int waitFor(Duration limit) throws IOException, InterruptedException {
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new AssertionError("still running after " + limit + ":\n" + log());
    }
    return process.exitValue();
  }

  Duration stop(String signal) throws IOException, InterruptedException {
    var started = Instant.now();
    signal(signal);
    waitFor(Duration.ofSeconds(20));
    return Duration.between(started, Instant.now());
  }

  String log() throws IOException {
    return Files.readString(logFile());
  }

  private Path logFile() {
    return bundle.resolve("log");
  }

  @Override
  public void close() throws IOException {
    try {
      run(List.of("runc", "delete", "--force", id));
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

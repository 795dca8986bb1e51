import java.nio.file.Files;
import java.nio.file.Path;
import lib.Programs;
import lib.Tool;

/**
 * Stops the PostgreSQL of {@code make demo}: {@code java tools/DemoDown.java FOLDER}. Its data
 * stay.
 */
final class DemoDown {
  private DemoDown() {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      Path data = Path.of(arguments[0], "data");
      Path pidFile = data.resolve("postmaster.pid");
      ProcessHandle server =
          Files.exists(pidFile)
              ? ProcessHandle.of(Long.parseLong(Files.readAllLines(pidFile).getFirst().strip()))
                  .orElse(null)
              : null;
      // The number may be another process's by now.
      if (server == null || !server.info().commandLine().orElse("").contains(data.toString())) {
        System.out.println("not running");
        return;
      }
      Programs.run("kill", "-INT", Long.toString(server.pid()));
      server.onExit().join();
      System.out.println("stopped");
    });
  }
}

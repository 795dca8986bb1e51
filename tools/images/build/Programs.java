package build;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Finds, installs and runs programs. */
final class Programs {
  private Programs() {}

  static Optional<Path> onPath(String program) {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .map(folder -> Path.of(folder, program))
        .filter(Files::isExecutable)
        .findFirst();
  }

  static void require(String program, String debianPackages)
      throws IOException, InterruptedException {
    if (onPath(program).isEmpty()) {
      install(program, debianPackages);
    }
  }

  static void install(String what, String debianPackages) throws IOException, InterruptedException {
    if (!isRoot()) {
      throw new BuildException(
          "%s is missing; nothing was built. Run: sudo apt-get install %s"
              .formatted(what, debianPackages));
    }
    System.err.println("installing with apt-get: " + debianPackages);
    run("apt-get", "update");
    var install =
        new ArrayList<>(List.of("apt-get", "install", "--yes", "--no-install-recommends"));
    install.addAll(List.of(debianPackages.split(" ")));
    run(install.toArray(String[]::new));
  }

  static boolean isRoot() {
    return "root".equals(System.getProperty("user.name"));
  }

  /**
   * What the program printed on stdout; if it fails, a message with all it printed. The umask is
   * fixed, since it would show in the images.
   */
  static String run(String... command) throws IOException, InterruptedException {
    var line = new ArrayList<>(List.of("sh", "-c", "umask 022; exec \"$@\"", "sh"));
    line.addAll(List.of(command));
    var output = Files.createTempFile("learnflow-db-images", ".out");
    var errors = Files.createTempFile("learnflow-db-images", ".err");
    try {
      int exit =
          new ProcessBuilder(line)
              .redirectOutput(output.toFile())
              .redirectError(errors.toFile())
              .start()
              .waitFor();
      var text = Files.readString(output).strip();
      if (exit != 0) {
        throw new BuildException(
            "%s ended with %d; no image was built by it:%n%s%n%s"
                .formatted(
                    String.join(" ", List.of(command)),
                    exit,
                    text,
                    Files.readString(errors).strip()));
      }
      return text;
    } finally {
      Files.delete(output);
      Files.delete(errors);
    }
  }

  static void deleteTree(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (var files = Files.walk(folder)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

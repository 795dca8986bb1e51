package build;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import lib.Failure;
import lib.Programs;

/** The machine that images are built on. */
final class Host {
  private Host() {}

  /** Installs a program where it is missing. */
  static void require(String program, String debianPackages)
      throws IOException, InterruptedException {
    if (Programs.find(program).isEmpty()) {
      install(program, debianPackages);
    }
  }

  static void install(String what, String debianPackages) throws IOException, InterruptedException {
    if (!isRoot()) {
      throw new Failure(
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

  /** What a program printed on stdout. The umask is fixed, since it would show in the images. */
  static String run(String... command) throws IOException, InterruptedException {
    var line = new ArrayList<>(List.of("sh", "-c", "umask 022; exec \"$@\"", "sh"));
    line.addAll(List.of(command));
    return Programs.run(line);
  }
}

package cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import lib.Cached;
import lib.Programs;

/** The drivers with which the examples in Python and Node.js connect, at their pinned versions. */
public final class Drivers {
  private static final Path PYTHON = Path.of("examples/requirements.txt");
  private static final Path NODE = Path.of("examples/node");
  private static final List<String> NODE_FILES = List.of("package.json", "package-lock.json");

  private Drivers() {}

  /** A folder with {@code python}, for PYTHONPATH, and {@code node/node_modules}, for NODE_PATH. */
  public static Path install() throws IOException, InterruptedException {
    Programs.require("python3", "npm");
    List<Path> pins = List.of(PYTHON, NODE.resolve(NODE_FILES.getLast()));
    String python = Programs.run("python3", "--version");
    return Cached.build(
        Cached.folder("tools").resolve("drivers").resolve(Cached.digest(6, pins, python)),
        folder -> {
          System.err.println("installing the drivers of the examples, once");
          Programs.run(
              "python3",
              "-m",
              "pip",
              "install",
              "--quiet",
              "--disable-pip-version-check",
              "--target=" + folder.resolve("python"),
              "--requirement=" + PYTHON);
          Path node = Files.createDirectory(folder.resolve("node"));
          for (String file : NODE_FILES) {
            Files.copy(NODE.resolve(file), node.resolve(file));
          }
          Programs.run("npm", "ci", "--silent", "--prefix", node.toString());
        });
  }
}

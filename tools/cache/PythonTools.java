package cache;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Cached;
import lib.Programs;

/** The programs of tools/requirements.txt, in a virtual environment of Python's. */
public final class PythonTools {
  public static final List<String> NAMES = List.of("yamllint", "yamale", "squawk", "zizmor");

  private static final Path REQUIREMENTS = Path.of("tools/requirements.txt");

  private PythonTools() {}

  /** The folder with the programs, installed where they are not in the cache. */
  public static Path install() throws IOException, InterruptedException {
    Path cache = Cached.folder("tools").resolve("venv");
    Path link = cache.resolve(Cached.digest(6, List.of(REQUIREMENTS), ""));
    if (!Files.exists(link)) {
      Files.createDirectories(cache);
      install(link, Files.createTempDirectory(cache, link.getFileName() + "."));
    }
    return link.resolve("bin");
  }

  /**
   * The programs name the folder that they were installed in, which therefore keeps its name; a
   * link to it says that it is whole. Of two checkouts that install at once the second finds the
   * link, and takes the other's folder.
   */
  private static void install(Path link, Path own) throws IOException, InterruptedException {
    System.err.println("installing yamllint, yamale, squawk and zizmor, once");
    boolean linked = false;
    try {
      Programs.run("python3", "-m", "venv", own.toString());
      pip(own, "install", "--quiet", "--require-hashes", "-r", REQUIREMENTS.toString());
      Files.createSymbolicLink(link, own.getFileName());
      linked = true;
    } catch (FileAlreadyExistsException e) {
      // The other's.
    } finally {
      if (!linked) {
        Cached.delete(own);
      }
    }
  }

  /** Runs the environment's pip. */
  static void pip(Path environment, String... arguments) throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(environment.resolve("bin/pip").toString(), "--disable-pip-version-check"));
    command.addAll(List.of(arguments));
    Programs.run(command);
  }
}

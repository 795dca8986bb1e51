import cache.Drivers;
import cache.GoTool;
import cache.PgBouncer;
import cache.PostgresClients;
import cache.PythonTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import lib.Failure;
import lib.Tool;

/**
 * Brings programs of pinned versions into the checkout. Each is built once for all checkouts, in
 * the user's cache under the hash of the files that pin it, and linked. Run in the repository's
 * root:
 *
 * <pre>
 * java tools/Tools.java FOLDER/bin/NAME...   such as tools/bin/helm
 * java tools/Tools.java built FOLDER         fails where a program of FOLDER/go is not in the cache
 * </pre>
 */
final class Tools {
  private static final String POSTGRESQL = "postgresql-";

  private Tools() {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      if (arguments.length == 2 && arguments[0].equals("built")) {
        requireBuilt(Path.of(arguments[1]));
        return;
      }
      for (String link : arguments) {
        bring(Path.of(link));
      }
    });
  }

  private static void requireBuilt(Path folder) throws IOException {
    for (GoTool tool : GoTool.all(folder)) {
      if (!Files.isExecutable(tool.cached())) {
        throw new Failure(
            "%s is not built yet: make %s builds it, in minutes"
                .formatted(tool.name(), folder.toString().replace('/', '-')));
      }
    }
  }

  private static void bring(Path link) throws IOException, InterruptedException {
    String name = link.getFileName().toString();
    Path folder = link.getParent().getParent();
    if (Files.exists(folder.resolve("go").resolve(name))) {
      link(link, new GoTool(folder, name).build());
    } else if (PythonTools.NAMES.contains(name)) {
      Path programs = PythonTools.install();
      for (String program : PythonTools.NAMES) {
        link(link.resolveSibling(program), programs.resolve(program));
      }
    } else if (name.startsWith(POSTGRESQL)) {
      link(link, PostgresClients.unpack(name.substring(POSTGRESQL.length())));
    } else if (name.equals("drivers")) {
      link(link, Drivers.install());
    } else if (name.equals("pgbouncer")) {
      try {
        link(link, PgBouncer.unpack());
      } catch (Failure e) {
        System.err.println(
            "there is no PgBouncer for the tests: the packages could not be had; apt-get update"
                + " may help");
      }
    } else {
      throw new Failure("nothing pins " + link);
    }
  }

  /** What is linked counts as made now, so that make finds it newer than what pins it. */
  private static void link(Path link, Path built) throws IOException {
    Files.setLastModifiedTime(built, FileTime.from(Instant.now()));
    Files.createDirectories(link.getParent());
    Files.deleteIfExists(link);
    Files.createSymbolicLink(link, built);
  }
}

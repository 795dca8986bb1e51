import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import lib.Failure;
import lib.Tool;

/**
 * The next migration with its undo script, named by the environment's NAME. Run in the repository's
 * root: {@code NAME=add_badges java tools/Migration.java}.
 */
final class Migration {
  private static final Path MIGRATIONS = Path.of("migrations");
  private static final Pattern VERSION = Pattern.compile("V(\\d+)__.*");

  private Migration() {}

  static void main() throws Exception {
    Tool.run(() -> {
      String name = System.getenv().getOrDefault("NAME", "");
      if (!name.matches("[a-z0-9_]+")) {
        throw new Failure(2, "give it a name of a-z, 0-9 and _: make migration NAME=add_badges");
      }
      String file = "%03d__%s.sql".formatted(last() + 1, name);
      write("U" + file, "-- Undoes V" + file + ".");
      write("V" + file, "-- What changes, and why it needs no long lock: docs/how-to/migrations.md");
    });
  }

  private static int last() throws IOException {
    try (Stream<Path> files = Files.list(MIGRATIONS)) {
      return files
          .map(file -> VERSION.matcher(file.getFileName().toString()))
          .filter(Matcher::matches)
          .mapToInt(version -> Integer.parseInt(version.group(1)))
          .max()
          .orElse(0);
    }
  }

  private static void write(String name, String line) throws IOException {
    System.out.println(Files.writeString(MIGRATIONS.resolve(name), line + "\n"));
  }
}

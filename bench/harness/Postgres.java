package harness;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import lib.Failure;
import lib.Programs;

/** The programs of PostgreSQL. */
final class Postgres {
  private Postgres() {}

  /**
   * One of them. Debian's psql on PATH is a wrapper in Perl, slower to start than psql itself, so
   * that a script does not count.
   */
  static Path program(String name) throws IOException {
    var found = Programs.find(name);
    if (found.isPresent() && !isScript(found.get())) {
      return found.get();
    }
    return newestInstalled(name)
        .or(() -> found)
        .orElseThrow(() -> new Failure(name + " of PostgreSQL must be on PATH"));
  }

  private static boolean isScript(Path program) throws IOException {
    try (var content = Files.newInputStream(program)) {
      return new String(content.readNBytes(2), StandardCharsets.ISO_8859_1).equals("#!");
    }
  }

  private static Optional<Path> newestInstalled(String program) throws IOException {
    var installed = Path.of("/usr/lib/postgresql");
    if (!Files.isDirectory(installed)) {
      return Optional.empty();
    }
    try (var versions = Files.list(installed)) {
      return versions
          .filter(version -> Files.isExecutable(version.resolve("bin").resolve(program)))
          .max(
              Comparator.comparingInt(
                  version -> Integer.parseInt(version.getFileName().toString())))
          .map(version -> version.resolve("bin").resolve(program));
    }
  }
}

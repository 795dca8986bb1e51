package org.learnflow.db.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Files of the repository. */
final class Repository {
  static final Path ROOT =
      Path.of(System.getProperty("repository.root")).toAbsolutePath().normalize();

  /** What failed tests leave behind, a folder each. */
  static final Path FAILURES = ROOT.resolve("e2e/target/failures");

  private Repository() {}

  static Path tool(String name) {
    return ROOT.resolve("tools/bin").resolve(name);
  }

  /** A file among the tests. */
  static String resource(String name) {
    try (var stream = Repository.class.getResourceAsStream("/" + name)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file among the examples. */
  static String example(String name) {
    try {
      return Files.readString(ROOT.resolve("examples").resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A copy of an example with the tests' image of PostgreSQL. */
  static Path withTestImage(String name, Path folder) {
    Path copy = folder.resolve(Path.of(name).getFileName());
    write(copy, example(name).replaceFirst("image: .*", "image: learnflow.test/postgresql:17"));
    return copy;
  }

  /** Version of the newest migration, such as 009. */
  static String newestMigration() {
    try (Stream<Path> files = Files.list(ROOT.resolve("migrations"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith("V"))
          .map(name -> name.substring(1, name.indexOf("__")))
          .max(String::compareTo)
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether the chart's dependency is the stand-in, because no registry answers. */
  static boolean hasStandIn() {
    try (Stream<Path> archives = Files.list(ROOT.resolve("charts/learnflow-db/charts"))) {
      return archives.anyMatch(archive -> archive.toString().endsWith("+standin.tgz"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void write(Path file, String text) {
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

package org.learnflow.db.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** Files of the repository and of tests. */
public final class TestFiles {
  private TestFiles() {}

  /** The repository's root. */
  public static Path repository() {
    return Path.of(System.getProperty("repository.root", "..")).toAbsolutePath().normalize();
  }

  /** The project's own migrations. */
  public static Path migrations() {
    return repository().resolve("migrations");
  }

  /** The project's own seeds. */
  public static Path seeds() {
    return repository().resolve("seeds");
  }

  /** Writes a file and the folders above it. */
  public static Path write(Path file, String text) {
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      return Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads a whole file. */
  public static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Deletes a folder and all in it. */
  public static void deleteRecursively(Path directory) {
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

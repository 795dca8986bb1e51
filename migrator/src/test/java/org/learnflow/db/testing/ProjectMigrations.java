package org.learnflow.db.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What the project's own migrations are at the moment, so that no test names the newest one. */
public final class ProjectMigrations {
  private ProjectMigrations() {}

  /** Names of the files of one kind, {@code V} or {@code U}, by version. */
  public static List<String> files(char kind) {
    try (Stream<Path> entries = Files.list(TestFiles.migrations())) {
      return entries
          .map(path -> String.valueOf(path.getFileName()))
          .filter(name -> name.matches(kind + "\\d+__.*\\.sql"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All versions in order, such as 001. */
  public static List<String> versions() {
    return files('V').stream().map(name -> name.substring(1, name.indexOf("__"))).toList();
  }

  /** The newest version. */
  public static String newest() {
    return versions().getLast();
  }

  /** A version that no file has yet; 1 is the next one. */
  public static String after(int number) {
    return "%03d".formatted(Integer.parseInt(newest()) + number);
  }
}

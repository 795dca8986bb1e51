package org.learnflow.db.cli;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Option;

/** Where migrations and seeds are: next to the program, unless options name other folders. */
final class FileOptions {
  @Option(
      names = "--migrations",
      paramLabel = "DIR",
      description = "Directory of migrations (default: the program's own).")
  private @Nullable Path migrations;

  @Option(
      names = "--seeds-dir",
      paramLabel = "DIR",
      description = "Directory of seed sets (default: the program's own).")
  private @Nullable Path seedsDirectory;

  MigrationFiles migrations() {
    return MigrationFiles.in(migrations == null ? home().resolve("migrations") : migrations);
  }

  Path seedsDirectory() {
    return seedsDirectory == null ? home().resolve("seeds") : seedsDirectory;
  }

  /**
   * The directory above {@code lib}, which holds the program's jar; else the working directory.
   * Only the class path shows it: a class from an AOT cache knows where its jar was when the cache
   * was created.
   */
  static Path home() {
    Path jar =
        Path.of(System.getProperty("java.class.path").replaceFirst(File.pathSeparator + ".*", ""));
    return Optional.ofNullable(jar.toAbsolutePath().getParent())
        .map(Path::getParent)
        .filter(home -> Files.isDirectory(home.resolve("migrations")))
        .orElse(Path.of(""));
  }
}

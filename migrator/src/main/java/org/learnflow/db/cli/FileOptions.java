package org.learnflow.db.cli;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.schema.MigrationFiles;
import picocli.CommandLine.Option;

/** Where migrations and seeds are: beside the program, unless said otherwise. */
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
   * The directory above {@code lib}, which holds the program's jar, the first of the class path;
   * else the working directory. The class itself does not know: one out of an AOT cache that was
   * trained elsewhere has a code source without a location.
   */
  private static Path home() {
    String classPath = System.getProperty("java.class.path");
    int end = classPath.indexOf(File.pathSeparatorChar);
    Path jar = Path.of(end < 0 ? classPath : classPath.substring(0, end)).toAbsolutePath();
    return Optional.ofNullable(jar.getParent())
        .map(Path::getParent)
        .filter(home -> Files.isDirectory(home.resolve("migrations")))
        .orElse(Path.of(""));
  }
}

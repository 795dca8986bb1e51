package org.learnflow.db.cli;

import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
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

  /** The directory above {@code lib}, which holds the program's jar; else the working directory. */
  private static Path home() {
    CodeSource source = FileOptions.class.getProtectionDomain().getCodeSource();
    try {
      Path jar = Path.of(source.getLocation().toURI());
      Optional<Path> home =
          Optional.ofNullable(jar.getParent()).map(Path::getParent).filter(Files::isDirectory);
      return home.filter(path -> Files.isDirectory(path.resolve("migrations"))).orElse(Path.of(""));
    } catch (URISyntaxException e) {
      throw new IllegalStateException("a class path entry is a file", e);
    }
  }
}

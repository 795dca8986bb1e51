package org.learnflow.db.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Migrations that a test writes. */
public record MigrationDirectory(Path path) {
  /** Writes a file of these lines, in place of one of that name. */
  public MigrationDirectory with(String name, String... lines) {
    TestFiles.write(file(name), String.join("\n", lines) + "\n");
    return this;
  }

  /** Deletes a file. */
  public MigrationDirectory without(String name) {
    try {
      Files.delete(file(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return this;
  }

  /** A file of this directory. */
  public Path file(String name) {
    return path.resolve(name);
  }

  /** The program with these migrations. */
  public Cli cli(TestDatabase database) {
    return database.cli().with("LEARNFLOW_DB_MIGRATIONS", path.toString());
  }
}

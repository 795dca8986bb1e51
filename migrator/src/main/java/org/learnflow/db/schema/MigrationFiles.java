package org.learnflow.db.schema;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * The migrations of one directory.
 *
 * @param directory the directory
 * @param files in the order of their versions, no version twice
 * @param undoFiles their undo scripts, as far as they exist
 * @param cut whether newer files were left out
 * @param notes about files in the directory that look like migrations and are set aside
 */
public record MigrationFiles(
    Path directory,
    List<MigrationFile> files,
    Map<MigrationVersion, Path> undoFiles,
    boolean cut,
    List<String> notes) {
  /**
   * Reads a directory: {@code V*} files are migrations, {@code U*} files their undo scripts; what
   * clearly is not a migration is ignored.
   *
   * @throws Failure 2 if the directory does not exist, a name is not valid, or a version exists
   *     twice
   */
  public static MigrationFiles in(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw Failure.of(
              ExitCode.USAGE,
              Files.exists(directory)
                  ? directory + " is a file, not a folder of migrations"
                  : "migrations directory does not exist: " + directory)
          .state("nothing was changed")
          .next("set it with --migrations DIR");
    }
    List<MigrationFile> files = new ArrayList<>();
    NavigableMap<MigrationVersion, Path> undoFiles = new TreeMap<>();
    List<String> notes = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path path : entries) {
        Optional<Matcher> right = MigrationNames.right(path);
        if (right.isEmpty()) {
          MigrationNames.look(directory, path).ifPresent(notes::add);
          continue;
        }
        Matcher matcher = right.get();
        MigrationVersion version = MigrationVersion.fromVersion(matcher.group("version"));
        if (matcher.group("kind").equals("V")) {
          files.add(
              MigrationFile.read(version, matcher.group("description").replace('_', ' '), path));
        } else {
          Path other = undoFiles.put(version, path);
          if (other != null) {
            throw twice(version, other, path);
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("reading migrations in " + directory, e);
    }
    files.sort((one, other) -> one.version().compareTo(other.version()));
    refuseDuplicates(files);
    notes.sort(Comparator.naturalOrder());
    return new MigrationFiles(directory, List.copyOf(files), undoFiles, false, notes);
  }

  private static void refuseDuplicates(List<MigrationFile> files) {
    for (int i = 1; i < files.size(); i++) {
      MigrationFile first = files.get(i - 1);
      MigrationFile second = files.get(i);
      if (first.version().equals(second.version())) {
        throw twice(second.version(), first.path(), second.path());
      }
    }
  }

  private static Failure twice(MigrationVersion version, Path first, Path second) {
    return Failure.of(ExitCode.USAGE, "two migrations have the version " + version)
        .where(first + " and " + second)
        .state("nothing was changed")
        .next("give the newer one the next free version");
  }

  /** The files up to a version; none if it is empty. */
  public MigrationFiles upTo(Optional<MigrationVersion> version) {
    List<MigrationFile> older =
        files.stream()
            .filter(file -> version.filter(v -> file.version().compareTo(v) <= 0).isPresent())
            .toList();
    return new MigrationFiles(
        directory, older, undoFiles, cut || older.size() < files.size(), notes);
  }

  /** Some of the files. */
  public MigrationFiles only(List<MigrationFile> some) {
    return new MigrationFiles(
        directory, List.copyOf(some), undoFiles, cut || some.size() < files.size(), notes);
  }

  /** The undo script of a file, if it exists. */
  public Optional<UndoScript> undo(MigrationFile file) {
    return Optional.ofNullable(undoFiles.get(file.version()))
        .map(path -> UndoScript.read(file, path));
  }

  /** The newest version; empty if there are no migrations. */
  public Optional<MigrationVersion> newest() {
    return files.isEmpty() ? Optional.empty() : Optional.of(files.getLast().version());
  }
}

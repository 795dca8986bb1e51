package org.learnflow.db.schema;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * Distinguishes files that were meant as migrations, but are not named like one, from other files
 * in the directory. The former are refused, because nobody would notice that they are not applied.
 */
final class MigrationNames {
  private static final Pattern RIGHT =
      Pattern.compile(
          "(?<kind>[VU])(?<version>\\d+(?:[._]\\d+)*)__(?<description>.*\\S)(?<!\\s)\\.sql");

  /** What editors, version control and people put around a file's name, or append to it. */
  private static final Pattern SET_ASIDE =
      Pattern.compile(
          "#.*#|.*(?:~|\\.(?:bak|backup|orig|rej|sw[a-p]|tmp|temp|old|off|disabled|skip|save))",
          Pattern.CASE_INSENSITIVE);

  private static final Pattern VERSION =
      Pattern.compile("\\W*[VU][ _.-]?\\d+(?:[._]\\d+)*_.*", Pattern.CASE_INSENSITIVE);

  private static final Pattern SQL = Pattern.compile(".*\\.sql\\s*", Pattern.CASE_INSENSITIVE);

  /** Flyway's configuration of one file. */
  private static final String SCRIPT_CONFIGURATION = ".sql.conf";

  private static final Pattern MEANT =
      Pattern.compile(
          "\\s*(?<kind>[VU]?)[ _.-]*(?<version>\\d+(?:[._]\\d+)*)[ _.-]+(?<description>.*?)"
              + "\\s*(?:\\.\\w{2,5})*\\s*",
          Pattern.CASE_INSENSITIVE);

  private MigrationNames() {}

  /** The match of a valid name, with its groups kind, version and description. */
  static Optional<Matcher> right(Path file) {
    Matcher matcher = RIGHT.matcher(String.valueOf(file.getFileName()));
    return matcher.matches() && Files.isRegularFile(file) ? Optional.of(matcher) : Optional.empty();
  }

  /**
   * The note to print about an entry of the folder that is not a migration.
   *
   * @throws Failure 2 if it was meant as one
   */
  static Optional<String> look(Path directory, Path entry) throws IOException {
    String name = String.valueOf(entry.getFileName());
    if (name.startsWith(".") || name.endsWith(SCRIPT_CONFIGURATION)) {
      return Optional.empty();
    }
    if (SET_ASIDE.matcher(name).matches()) {
      return VERSION.matcher(name).matches()
          ? Optional.of("note: %s is not applied".formatted(name))
          : Optional.empty();
    }
    if (Files.isDirectory(entry) && !isMeant(name)) {
      return folder(directory, entry);
    }
    if (isMeant(name)) {
      throw misnamed(directory, entry);
    }
    return Optional.empty();
  }

  private static boolean isMeant(String name) {
    return SQL.matcher(name).matches() || (VERSION.matcher(name).matches() && name.contains("__"));
  }

  private static Optional<String> folder(Path directory, Path folder) throws IOException {
    List<Path> inside;
    try (Stream<Path> files = Files.walk(folder)) {
      inside =
          files
              .filter(Files::isRegularFile)
              .filter(file -> isMeant(String.valueOf(file.getFileName())))
              .sorted()
              .toList();
    }
    for (Path file : inside) {
      if (VERSION.matcher(String.valueOf(file.getFileName())).matches()) {
        throw misnamed(directory, file);
      }
    }
    return inside.isEmpty()
        ? Optional.empty()
        : Optional.of("note: %s/ is not applied".formatted(folder.getFileName()));
  }

  private static Failure misnamed(Path directory, Path file) {
    Path shown = directory.relativize(file);
    return Failure.of(
            ExitCode.USAGE,
            "%s is not named like a migration, V<version>__<words>.sql%s"
                .formatted(shown, shown.getNameCount() > 1 ? " in the folder itself" : ""))
        .where(file.toString())
        .state("nothing was changed")
        .next(
            "rename or remove it"
                + meant(directory, file)
                    .map(right -> ": mv '%s' '%s'".formatted(file, right))
                    .orElse(" (make migration NAME=... creates a valid pair)"));
  }

  /** The name that a file should have, if it can be derived. */
  private static Optional<Path> meant(Path directory, Path file) {
    Matcher matcher = MEANT.matcher(String.valueOf(file.getFileName()));
    if (!matcher.matches() || matcher.group("description").isEmpty() || Files.isDirectory(file)) {
      return Optional.empty();
    }
    String kind = matcher.group("kind").equalsIgnoreCase("u") ? "U" : "V";
    return Optional.of(
        directory.resolve(
            kind
                + matcher.group("version")
                + "__"
                + matcher.group("description").replaceAll("\\s+", "_")
                + ".sql"));
  }
}

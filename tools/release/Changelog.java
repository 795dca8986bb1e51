package release;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import lib.Failure;

/**
 * The changelog, in the form of Keep a Changelog: {@code ## [VERSION] - DATE}, below it headings of
 * kinds, {@code ### Added}, and below these entries, {@code - ...}, of one line or more.
 */
public final class Changelog {
  private static final String FILES = "https://github.com/learnflow/learnflow-db/blob/";
  private static final String SECTION = "## [";
  private static final String KIND = "### ";
  private static final String ENTRY = "- ";

  private final Path file;
  private final List<String> lines;

  public Changelog(Path file) throws IOException {
    this.file = file;
    this.lines = Files.readAllLines(file);
  }

  /**
   * Markdown whose links to files of the repository lead to those of a version on the web.
   *
   * @param markdown of a file in the repository's root, or two folders below it
   */
  public static String withLinks(String markdown, Version version) {
    return markdown.replaceAll(
        "\\]\\((?:\\.\\./\\.\\./)?(?![a-z]+:|#)([^)]+)\\)", "](" + FILES + version.tag() + "/$1)");
  }

  /** An entry: its kind in lower case, such as {@code added}, and its text in one line. */
  public record Change(String kind, String description) {}

  /**
   * What it says about a version; one before its release has not got a section of its own, but that
   * of what is not released.
   *
   * @throws Failure if it says nothing
   */
  public String notes(Version version) {
    String name = version.isPrerelease() ? "Unreleased" : version.text();
    String notes = String.join("\n", section(name)).strip();
    if (notes.isEmpty()) {
      throw new Failure(
          """
          %s says nothing about %s
          State: nothing was built.
          Next: move the entries below "## [Unreleased]" to a section "## [%s] - DATE", and commit\
          """
              .formatted(file, version, name));
    }
    return withLinks(notes, version) + "\n";
  }

  /** The entries of {@link #notes}. */
  public List<Change> changes(Version version) {
    List<Change> changes = new ArrayList<>();
    String kind = "";
    for (String line : notes(version).lines().toList()) {
      if (line.startsWith(KIND)) {
        kind = line.substring(KIND.length()).strip().toLowerCase(Locale.ROOT);
      } else if (line.startsWith(ENTRY)) {
        changes.add(new Change(kind, line.substring(ENTRY.length())));
      } else if (!line.isBlank() && !changes.isEmpty()) {
        Change last = changes.removeLast();
        changes.add(new Change(last.kind, last.description + " " + line.strip()));
      }
    }
    return changes;
  }

  private List<String> section(String name) {
    return lines.stream()
        .dropWhile(line -> !line.startsWith(SECTION + name + "]"))
        .skip(1)
        .takeWhile(line -> !line.startsWith(SECTION))
        .toList();
  }
}

package org.learnflow.db.backup;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;

/**
 * A dump that a release made, by its name, such as {@code scheduled-20261129T021500Z.dump}. The
 * chart's {@code dump.sh} writes it.
 *
 * @param name of the file
 * @param kind {@code scheduled} or {@code before-migrate}
 * @param time in UTC, as in the name
 */
public record ReleaseDump(String name, String kind, String time) {
  /** The newest first. */
  public static final Comparator<ReleaseDump> NEWEST_FIRST =
      Comparator.comparing(ReleaseDump::time).thenComparing(ReleaseDump::name).reversed();

  private static final Pattern NAME =
      Pattern.compile("(before-migrate|scheduled)-(\\d{8}T\\d{6}Z)\\.dump");

  /** The dump of that name; empty if a release does not name dumps so. */
  public static Optional<ReleaseDump> named(String name) {
    Matcher parts = NAME.matcher(name);
    return parts.matches()
        ? Optional.of(new ReleaseDump(name, parts.group(1), parts.group(2)))
        : Optional.empty();
  }

  /**
   * Those in a folder, the newest first.
   *
   * @throws Failure 2 if it cannot be read
   */
  public static List<ReleaseDump> in(Path folder) {
    List<ReleaseDump> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.dump")) {
      files.forEach(file -> named(file.getFileName().toString()).ifPresent(found::add));
    } catch (IOException e) {
      throw Failure.of(ExitCode.USAGE, "the folder of the dumps cannot be read: " + Reason.of(e))
          .where(folder.toString())
          .state("nothing was changed")
          .next("name the folder that the release's dumps are in")
          .causedBy(e);
    }
    found.sort(NEWEST_FIRST);
    return found;
  }
}

package org.learnflow.db.seed;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Meter;
import org.learnflow.db.Reason;

/**
 * A folder of seed files that are loaded together.
 *
 * @param name the folder's name, such as {@code reference}
 * @param files its CSV and SQL files in the order of their names
 */
public record SeedSet(String name, List<Path> files) {
  /**
   * The sets named {@code names} below {@code directory}, in that order.
   *
   * @throws Failure 2 if one does not exist
   */
  public static List<SeedSet> in(Path directory, List<String> names) {
    return names.stream().map(name -> set(directory, name)).toList();
  }

  private static SeedSet set(Path directory, String name) {
    List<String> all = namesIn(directory);
    if (!all.contains(name)) {
      throw Failure.of(
              ExitCode.USAGE,
              "there is no seed set \"%s\"; there %s"
                  .formatted(
                      name,
                      all.isEmpty()
                          ? "is none"
                          : (all.size() == 1 ? "is " : "are ") + String.join(", ", all)))
          .where(directory.toString())
          .state("nothing was loaded")
          .next(
              "set the seed sets with --seeds, and the folder that contains them with --seeds-dir");
    }
    Path folder = directory.resolve(name);
    try (Stream<Path> entries = Files.list(folder)) {
      return new SeedSet(name, entries.filter(SeedSet::isSeed).sorted().toList());
    } catch (IOException e) {
      throw new UncheckedIOException("reading seed set " + folder, e);
    }
  }

  /**
   * Whether a file is loaded; hidden files are those of editors.
   *
   * @throws Failure 2 for a name that is almost that of a seed file
   */
  private static boolean isSeed(Path file) {
    String name = String.valueOf(file.getFileName());
    if (name.startsWith(".") || name.matches(".*\\.(csv|sql)")) {
      return !name.startsWith(".");
    }
    if (!name.matches("(?i).*\\.(csv|sql)\\s*")) {
      return false;
    }
    throw Failure.of(
            ExitCode.USAGE, name + " is not named like a seed file, which ends in .csv or .sql")
        .where(file.toString())
        .state("nothing was loaded")
        .next(
            "rename or remove it: mv '%s' '%s'"
                .formatted(
                    file,
                    file.resolveSibling(
                        name.strip().replaceFirst("\\w+$", "")
                            + name.strip().replaceFirst(".*\\.", "").toLowerCase(Locale.ROOT))));
  }

  /** The folders in it whose name can be that of a set. */
  private static List<String> namesIn(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries
          .filter(Files::isDirectory)
          .map(entry -> String.valueOf(entry.getFileName()))
          .filter(name -> name.matches("\\w[\\w.-]*"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw Failure.of(ExitCode.USAGE, "the folder of seed sets cannot be read: " + Reason.of(e))
          .where(directory.toString())
          .state("nothing was loaded")
          .next("set the folder that contains them with --seeds-dir")
          .causedBy(e);
    }
  }

  /** The size of its files; one that cannot be read fails when it is loaded. */
  long bytes() {
    return files.stream().mapToLong(NormalizedInput::bytes).sum();
  }

  /** Identifies names and contents; the same for Unix and Windows line ends. */
  public String checksum() {
    return checksum(new Meter("read", 0));
  }

  /** The same, which counts what was read. */
  String checksum(Meter meter) {
    SeedChecksum checksum = new SeedChecksum();
    byte[] buffer = new byte[1 << 16];
    for (Path file : files) {
      checksum.begin(file);
      try (InputStream content = NormalizedInput.of(file, meter)) {
        for (int n = content.read(buffer); n >= 0; n = content.read(buffer)) {
          checksum.update(buffer, 0, n);
        }
      } catch (IOException e) {
        throw SeedFailures.reading(file, e);
      }
    }
    return checksum.value();
  }
}

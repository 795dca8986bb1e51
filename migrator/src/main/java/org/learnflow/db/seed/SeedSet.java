package org.learnflow.db.seed;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

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
   * @throws Failure 2 if one is not there
   */
  public static List<SeedSet> in(Path directory, List<String> names) {
    return names.stream().map(name -> set(directory, name)).toList();
  }

  private static SeedSet set(Path directory, String name) {
    Path folder = directory.resolve(name);
    if (!name.matches("\\w[\\w.-]*") || !Files.isDirectory(folder)) {
      throw Failure.of(ExitCode.USAGE, "there is no seed set \"" + name + "\"")
          .where(directory.toString())
          .state("nothing was loaded")
          .next("name sets with --seeds, their directory with --seeds-dir");
    }
    try (Stream<Path> entries = Files.list(folder)) {
      return new SeedSet(
          name,
          entries.filter(path -> path.toString().matches(".*\\.(csv|sql)")).sorted().toList());
    } catch (IOException e) {
      throw new UncheckedIOException("reading seed set " + folder, e);
    }
  }

  /** Identifies names and contents; the same for Unix and Windows line ends. */
  public String checksum() {
    SeedChecksum checksum = new SeedChecksum();
    byte[] buffer = new byte[1 << 16];
    for (Path file : files) {
      checksum.begin(file);
      try (InputStream content = new NormalizedInput(Files.newInputStream(file))) {
        for (int n = content.read(buffer); n >= 0; n = content.read(buffer)) {
          checksum.update(buffer, 0, n);
        }
      } catch (IOException e) {
        throw new UncheckedIOException("reading seed file " + file, e);
      }
    }
    return checksum.value();
  }
}

package org.learnflow.db.offsite;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;

/**
 * A folder that others cannot read, for as long as it is needed; also removed when the program is
 * asked to end.
 */
public final class TemporaryFolder implements AutoCloseable {
  private final Path path;
  private final Thread hook;

  private TemporaryFolder(Path path) {
    this.path = path;
    this.hook = new Thread(this::remove, "temporary folder");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * Creates it in the folder that TMPDIR names, else in the system's.
   *
   * @throws Failure 2 if that is not possible
   */
  public static TemporaryFolder create(Map<String, String> environment) {
    String parent = environment.getOrDefault("TMPDIR", "");
    Path in = Path.of(parent.isEmpty() ? System.getProperty("java.io.tmpdir") : parent);
    try {
      return new TemporaryFolder(
          Files.createTempDirectory(
              in,
              "learnflow-db-",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))));
    } catch (IOException e) {
      throw Failure.of(ExitCode.USAGE, "no temporary folder can be created: " + Reason.of(e))
          .where(in.toString())
          .state("nothing was changed")
          .next("name a folder that you can write to in TMPDIR")
          .causedBy(e);
    }
  }

  /** Where it is. */
  public Path path() {
    return path;
  }

  private void remove() {
    try (Stream<Path> files = Files.list(path)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
      Files.delete(path);
    } catch (IOException e) {
      throw new UncheckedIOException("folder " + path + " cannot be removed", e);
    }
  }

  @Override
  public void close() {
    Runtime.getRuntime().removeShutdownHook(hook);
    remove();
  }
}

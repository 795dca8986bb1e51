package org.learnflow.db.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.learnflow.db.ExitCode;

/**
 * A disk in memory that can be full.
 *
 * @param path where it is mounted
 */
public record SmallDisk(Path path) implements AutoCloseable {
  /**
   * Mounts one, or skips the tests where that is not allowed.
   *
   * @param path a new folder
   * @param size such as {@code 16m}
   */
  public static SmallDisk mount(Path path, String size) throws IOException {
    Files.createDirectory(path);
    CliResult mounted = mount("size=" + size, "tmpfs", path.toString());
    assumeTrue(mounted.exitCode() == 0, "skipped: no small disk can be mounted: " + mounted.out());
    return new SmallDisk(path);
  }

  private static CliResult mount(String options, String... rest) {
    if (!Programs.onPath("mount")) {
      return new CliResult(1, "there is no mount on the PATH", "");
    }
    List<String> command =
        new java.util.ArrayList<>(List.of("mount", "-t", "tmpfs", "-o", options));
    command.addAll(List.of(rest));
    return Programs.run(Map.of(), command);
  }

  /** Gives it another size. */
  public void resize(String size) {
    assertThat(mount("remount,size=" + size, path.toString())).exited(ExitCode.OK);
  }

  /** Fills it, but for so many MiB. */
  public void leave(int free) throws IOException {
    Path filler = path.resolve("filler");
    Files.deleteIfExists(filler);
    long bytes = Files.getFileStore(path).getUsableSpace() - ((long) free << 20);
    Files.write(filler, new byte[(int) bytes]);
  }

  /** Makes a tablespace on it, in which the owner of {@code database} may make things. */
  public void makeTablespace(String name, TestDatabase database) throws SQLException, IOException {
    Path space = Files.createDirectory(path.resolve(name));
    database.execute(
        PostgresServer.ADMIN, "CREATE TABLESPACE %s LOCATION '%s'".formatted(name, space));
    database.execute(
        PostgresServer.ADMIN,
        "GRANT CREATE ON TABLESPACE %s TO %s".formatted(name, database.owner()));
  }

  /** Takes it away; a server's process that is just ending may still have a file open there. */
  @Override
  public void close() {
    try {
      Eventually.within(
          Duration.ofSeconds(20),
          path + " can be unmounted",
          () -> Programs.run(Map.of(), List.of("umount", path.toString())).exitCode() == 0);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}

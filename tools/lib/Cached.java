package lib;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/** What is built once, for all checkouts, in the user's cache. */
public final class Cached {
  private Cached() {}

  /** The folder of one kind of it, such as {@code tools}, in {@code ~/.cache/learnflow-db}. */
  public static Path folder(String kind) {
    String base = System.getenv("XDG_CACHE_HOME");
    return (base == null || base.isEmpty()
            ? Path.of(System.getenv("HOME"), ".cache")
            : Path.of(base))
        .resolve("learnflow-db")
        .resolve(kind)
        .toAbsolutePath();
  }

  /**
   * A name for the content of files and settings.
   *
   * @param bytes that many of the hash, each two characters
   */
  public static String digest(int bytes, List<Path> files, String settings) throws IOException {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      for (Path file : files) {
        sha256.update(Files.readAllBytes(file));
      }
      sha256.update(settings.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(sha256.digest(), 0, bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Puts into an empty folder what belongs there. */
  @FunctionalInterface
  public interface Build {
    void into(Path folder) throws IOException, InterruptedException;
  }

  /**
   * A folder, built where it is not there yet: under a name of this build's own until it is whole,
   * since another checkout may be at it too. Of two, the second takes the first one's folder.
   */
  public static Path build(Path folder, Build build) throws IOException, InterruptedException {
    if (isWhole(folder)) {
      return folder;
    }
    Files.createDirectories(folder.getParent());
    Path own = Files.createTempDirectory(folder.getParent(), folder.getFileName() + ".unfinished-");
    Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("rwxr-xr-x"));
    Thread atExit = new Thread(() -> delete(own));
    Runtime.getRuntime().addShutdownHook(atExit);
    try {
      build.into(own);
      try {
        Files.move(own, folder, StandardCopyOption.ATOMIC_MOVE);
      } catch (FileSystemException e) {
        if (!isWhole(folder)) {
          throw e;
        }
      }
    } finally {
      Runtime.getRuntime().removeShutdownHook(atExit);
      delete(own);
    }
    return folder;
  }

  private static boolean isWhole(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return false;
    }
    try (var content = Files.list(folder)) {
      return content.findAny().isPresent();
    }
  }

  /** Deletes a folder with all that is in it, if it is there. */
  public static void delete(Path folder) {
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (var files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

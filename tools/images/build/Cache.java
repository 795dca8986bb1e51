package build;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import lib.Cached;

/**
 * Built images, kept in {@code ~/.cache/learnflow-db/images/HASH/NAME.tar}; the hash covers
 * everything that defines the image, except which versions the packages had on the day it was
 * built.
 */
public final class Cache {
  private Cache() {}

  /**
   * The image's archive, built if it is not there yet. Two at once build it twice, and no harm is
   * done.
   */
  public static Path archive(Definition definition) throws IOException, InterruptedException {
    var architecture = Debian.architecture();
    var archive =
        folder().resolve(hash(definition, architecture)).resolve(definition.name() + ".tar");
    if (Files.exists(archive)) {
      return archive;
    }
    Files.createDirectories(archive.getParent());
    var work = Files.createTempDirectory(folder(), ".building-");
    var cleanup = new Thread(() -> Cached.delete(work));
    Runtime.getRuntime().addShutdownHook(cleanup);
    try {
      var started = System.nanoTime();
      var root = RootFileSystem.build(definition, work);
      var built = DockerArchive.write(definition, architecture, root, work);
      Files.move(built, archive, StandardCopyOption.ATOMIC_MOVE);
      System.err.printf(
          "%s: built in %.0f s, %.1f MiB%n",
          definition.name(), (System.nanoTime() - started) / 1e9, Files.size(archive) / 1048576.0);
    } finally {
      Runtime.getRuntime().removeShutdownHook(cleanup);
      Cached.delete(work);
    }
    return archive;
  }

  private static Path folder() {
    return Cached.folder("images");
  }

  private static String hash(Definition definition, String architecture) throws IOException {
    var definitions = definition.folder().getParent();
    var sources =
        List.of(definition.folder(), definitions.resolve("common"), definitions.resolve("build"));
    try {
      var sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(architecture.getBytes(StandardCharsets.UTF_8));
      for (var source : sources) {
        for (var file : regularFiles(source)) {
          sha256.update(
              (definitions.relativize(file) + " " + Files.isExecutable(file) + "\n")
                  .getBytes(StandardCharsets.UTF_8));
          sha256.update(Files.readAllBytes(file));
        }
      }
      return HexFormat.of().formatHex(sha256.digest(), 0, 8);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Path> regularFiles(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }
}

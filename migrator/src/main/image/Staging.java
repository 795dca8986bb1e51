import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.security.GeneralSecurityException;
import java.sql.SQLException;
import java.util.List;
import lib.Programs;

/**
 * Lays out what the image holds: a runtime of only the modules that are used, the program without
 * its launcher and the embedded database, and an AOT cache trained in place.
 *
 * <p>Class path: dist/lib/learnflow-db.jar and dist/lib/embedded/*. Arguments: DIST, ROOT (the
 * image's root directory, created again) and WORK (a directory for the training run, created again).
 */
final class Staging {
  /** Where the program is in the image. */
  private static final String HOME = "opt/learnflow-db";

  /**
   * The modules that are used: pgjdbc's (java.sql with java.logging and java.xml; java.naming for
   * checking a certificate's name; java.security.jgss and java.management are named in its
   * connection classes) and java.net.http, which the Kubernetes client speaks through.
   */
  private static final List<String> MODULES =
      List.of(
          "java.base",
          "java.management",
          "java.naming",
          "java.net.http",
          "java.security.jgss",
          "java.sql");

  /** Jib's time for every file; the JVM compares the times of jars with the cache's. */
  private static final FileTime TIME = FileTime.fromMillis(1000);

  private Staging() {}

  public static void main(String[] arguments)
      throws IOException, InterruptedException, GeneralSecurityException, SQLException {
    Path dist = Path.of(arguments[0]).toAbsolutePath();
    Path root = Path.of(arguments[1]).toAbsolutePath();
    Path work = Path.of(arguments[2]).toAbsolutePath();
    delete(root);
    delete(work);
    Path home = Files.createDirectories(root.resolve(HOME));
    System.err.println("image    making the runtime");
    Programs.run(
        Programs.jdk("jlink"),
        "--add-modules",
        String.join(",", MODULES),
        "--strip-java-debug-attributes",
        "--no-header-files",
        "--no-man-pages",
        "--dedup-legal-notices=error-if-not-same-content",
        "--output",
        home.resolve("jre").toString());
    copy(dist.resolve("lib"), home.resolve("lib"), "embedded");
    copy(dist.resolve("migrations"), home.resolve("migrations"), "");
    copy(dist.resolve("seeds"), home.resolve("seeds"), "");
    Files.copy(dist.resolve("jvm.options"), home.resolve("jvm.options"));
    setTimes(root);
    System.err.println("image    training the AOT cache");
    Training.train(home, Files.createDirectories(work));
  }

  /** Copies a directory, without those of one name in it. */
  static void copy(Path from, Path to, String without) throws IOException {
    walk(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
              throws IOException {
            if (directory.getFileName().toString().equals(without)) {
              return FileVisitResult.SKIP_SUBTREE;
            }
            Files.createDirectories(to.resolve(from.relativize(directory)));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.copy(file, to.resolve(from.relativize(file)), StandardCopyOption.COPY_ATTRIBUTES);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static void setTimes(Path root) throws IOException {
    walk(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.setLastModifiedTime(file, TIME);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    walk(
        directory,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, IOException failure)
              throws IOException {
            Files.delete(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static void walk(Path from, SimpleFileVisitor<Path> visitor) throws IOException {
    Files.walkFileTree(from, visitor);
  }
}

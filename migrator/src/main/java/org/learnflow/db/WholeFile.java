package org.learnflow.db;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The files that are read whole, and how large each kind may be. */
public enum WholeFile {
  /** A migration or an undo script: Flyway holds its text several times, and each statement. */
  SQL(
      ExitCode.MIGRATION_FAILED,
      "nothing of it was run",
      "load rows as a seed, whose CSV files are not held in memory (docs/reference/seeds.md); or "
          + WholeFile.MORE_MEMORY) {
    @Override
    public long limit() {
      return room() / 8;
    }
  },
  /** A file that holds a password and nothing else. */
  PASSWORD(ExitCode.USAGE, "nothing was changed", "name the file that holds the password") {
    @Override
    public long limit() {
      return 64L << 10;
    }
  },
  /** Certificates in PEM. */
  CERTIFICATES(
      ExitCode.USAGE, "nothing was published", "name a file with the authority's certificate"),
  /** The JSON document beside a dump. */
  DUMP_DESCRIPTION(
      ExitCode.REFUSED,
      "the database was not changed",
      "copy it anew; or move it away, and the dump is taken as it is"),
  /** The list of objects beside migrations. */
  OBJECTS(ExitCode.FAILED, "nothing was changed", "make it anew with: make generate");

  /** How the program gets a larger heap. */
  public static final String MORE_MEMORY =
      "give it more: _JAVA_OPTIONS=-Xmx512m in its environment, in a release"
          + " migrator.extraEnv, with migrator.resources.limits.memory well above that";

  /** What the program takes without any file. */
  private static final long PROGRAM = 32L << 20;

  private final ExitCode code;
  private final String state;
  private final String next;

  WholeFile(ExitCode code, String state, String next) {
    this.code = code;
    this.state = state;
    this.next = next;
  }

  /** Bytes of the heap that files may fill; 128 MiB as the program is started. */
  public static long room() {
    return Math.max(Runtime.getRuntime().maxMemory() - PROGRAM, 8L << 20);
  }

  /** Bytes that such a file may have. */
  public long limit() {
    return 1L << 20;
  }

  /**
   * Reads a text in UTF-8, without a byte order mark.
   *
   * @throws Failure if it is larger than may be, or not in UTF-8
   */
  public String text(Path file) throws IOException {
    try (InputStream content = new Utf8Input(new ByteArrayInputStream(bytes(file)))) {
      return new String(content.readAllBytes(), StandardCharsets.UTF_8);
    } catch (Utf8Input.NotUtf8Exception e) {
      throw Failure.of(code, file.getFileName() + " " + e.getMessage())
          .where(e.place(file))
          .state(state)
          .next("make it UTF-8 and run the same command again: " + e.command(file))
          .causedBy(e);
    }
  }

  /**
   * Reads a file, also one that does not tell its size.
   *
   * @throws Failure if it is larger than may be
   */
  public byte[] bytes(Path file) throws IOException {
    long size = Files.size(file);
    if (size <= limit()) {
      try (InputStream content = Files.newInputStream(file)) {
        byte[] bytes = content.readNBytes((int) limit() + 1);
        if (bytes.length <= limit()) {
          return bytes;
        }
      }
    }
    throw Failure.of(
            code,
            "%s is larger than the %s that can be read%s"
                .formatted(
                    file.getFileName(),
                    size(limit()),
                    size <= limit() ? "" : ": it has " + size(size)))
        .where(file.toString())
        .state(state)
        .next(next);
  }

  private static String size(long bytes) {
    return bytes < 1 << 20 ? (bytes >> 10) + " KiB" : (bytes >> 20) + " MiB";
  }
}

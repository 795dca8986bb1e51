package org.learnflow.db;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The files that are read as a whole, and how large each kind can be. */
public enum WholeFile {
  /** A migration or an undo script: Flyway holds its text several times, and each statement. */
  SQL(
      ExitCode.MIGRATION_FAILED,
      "none of it was run",
      "load rows as a seed, whose CSV files are not kept in memory (docs/reference/seeds.md); or "
          + WholeFile.MORE_MEMORY) {
    @Override
    public long limit() {
      return room() / 8;
    }
  },
  /** A file that contains a password and nothing else. */
  PASSWORD(ExitCode.USAGE, "nothing was changed", "specify the file that contains the password") {
    @Override
    public long limit() {
      return 64L << 10;
    }
  },
  /** Identities of age, which decrypt dumps. */
  IDENTITIES(ExitCode.USAGE, "nothing was changed", "specify the file that age-keygen wrote"),
  /** Certificates in PEM. */
  CERTIFICATES(
      ExitCode.USAGE,
      "nothing was published",
      "specify a file with the certificate of the" + " authority"),
  /** The JSON document next to a dump. */
  DUMP_DESCRIPTION(
      ExitCode.REFUSED,
      "the database was not changed",
      "copy it again; or move it away to use the dump without a description"),
  /** Which services there are, and what each may do. */
  SERVICES(ExitCode.USAGE, "nothing was changed", "specify the file with the services"),
  /** The list of objects next to migrations. */
  OBJECTS(ExitCode.FAILED, "nothing was changed", "create it again with: make generate");

  /** How the program gets a larger heap. */
  public static final String MORE_MEMORY =
      "give the program more memory: _JAVA_OPTIONS=-Xmx512m in its environment, in a release"
          + " migrator.extraEnv, with migrator.resources.limits.memory well above that";

  /** What the program uses without any file. */
  private static final long PROGRAM = 32L << 20;

  private final ExitCode code;
  private final String state;
  private final String next;

  WholeFile(ExitCode code, String state, String next) {
    this.code = code;
    this.state = state;
    this.next = next;
  }

  /** Bytes of the heap that files can fill; 128 MiB with the program's default options. */
  public static long room() {
    return Math.max(Runtime.getRuntime().maxMemory() - PROGRAM, 8L << 20);
  }

  /** Maximum size of such a file in bytes. */
  public long limit() {
    return 1L << 20;
  }

  /**
   * Reads a text in UTF-8, without a byte order mark.
   *
   * @throws Failure if it is too large, or not in UTF-8
   */
  public String text(Path file) throws IOException {
    try (InputStream content = new Utf8Input(new ByteArrayInputStream(bytes(file)))) {
      return new String(content.readAllBytes(), StandardCharsets.UTF_8);
    } catch (Utf8Input.NotUtf8Exception e) {
      throw Failure.of(code, file.getFileName() + " " + e.getMessage())
          .where(e.place(file))
          .state(state)
          .next("convert it to UTF-8 and run the same command again: " + e.command(file))
          .causedBy(e);
    }
  }

  /**
   * Reads a file, even one that does not report its size.
   *
   * @throws Failure if it is too large
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
            "%s is larger than the maximum of %s%s"
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

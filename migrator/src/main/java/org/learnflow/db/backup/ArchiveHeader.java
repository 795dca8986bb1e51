package org.learnflow.db.backup;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.programs.PostgresPrograms;

/**
 * The header of a dump in pg_dump's custom format; see ReadHead in PostgreSQL's
 * src/bin/pg_dump/pg_backup_archiver.c.
 *
 * @param database that was dumped
 * @param server its version, such as {@code 17.6}
 * @param program version of pg_dump
 */
public record ArchiveHeader(String database, String server, String program) {
  private static final byte[] MAGIC = "PGDMP".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] TAR = "ustar".getBytes(StandardCharsets.US_ASCII);
  private static final int CUSTOM = 1;

  /** From this version of the format on, compression is one byte that names its algorithm. */
  private static final int COMPRESSION_ALGORITHM = 15;

  /** Numbers of the date: seconds, minutes, hours, day, month, year, summer time. */
  private static final int DATE_NUMBERS = 7;

  /**
   * Reads the header of a file.
   *
   * @throws Failure 2 if the file does not exist or is not such a dump, 10 if it is truncated
   */
  public static ArchiveHeader read(Path file) {
    if (Files.isDirectory(file)) {
      throw usage(file, "it is a folder, but a dump in the custom format is a single file")
          .next("a dump by pg_dump -Fd: use pg_restore itself; docs/how-to/restore.md");
    }
    byte[] start;
    try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
      start = in.readNBytes(512);
      if (!startsWith(start, 0, MAGIC)) {
        throw wrongKind(file, start);
      }
    } catch (NoSuchFileException e) {
      throw usage(file, "file " + file + " does not exist").next("ls -l %s".formatted(file));
    } catch (IOException e) {
      throw usage(file, "the file cannot be read: " + Reason.of(e))
          .next("ls -l %s".formatted(file));
    }
    try {
      Reader reader = new Reader(start);
      reader.position = MAGIC.length;
      int major = reader.one();
      int minor = reader.one();
      reader.one();
      reader.integerSize = reader.one();
      reader.one();
      if (reader.one() != CUSTOM) {
        throw usage(file, "the file belongs to a dump in the directory or tar format")
            .next("restore takes the custom format: learnflow-db backup FILE, or pg_dump -Fc");
      }
      if (major > 1 || minor >= COMPRESSION_ALGORITHM) {
        reader.one();
      } else {
        reader.integer();
      }
      for (int i = 0; i < DATE_NUMBERS; i++) {
        reader.integer();
      }
      return new ArchiveHeader(reader.text(), reader.version(), reader.version());
    } catch (EOFException e) {
      throw damaged(file, "its header is truncated or invalid").causedBy(e);
    }
  }

  /** A dump that differs from what was written. */
  static Failure damaged(Path file, String why) {
    return Failure.of(ExitCode.REFUSED, "the dump is damaged: " + why)
        .where(file.toString())
        .state("the database was not changed")
        .next("take another copy of the file, or another dump: docs/how-to/restore.md");
  }

  private static Failure usage(Path file, String what) {
    return Failure.of(ExitCode.USAGE, what)
        .where(file.toString())
        .state("the database was not changed");
  }

  private static Failure wrongKind(Path file, byte[] start) {
    String text = new String(start, StandardCharsets.ISO_8859_1);
    if (start.length == 0) {
      return usage(file, "the file is empty").next("take another dump");
    }
    if (startsWith(start, 0, new byte[] {0x1f, (byte) 0x8b})) {
      return usage(file, "the file is compressed with gzip, so its content is unknown")
          .next("gunzip it; restore then reports whether it can be used");
    }
    if (startsWith(start, 0, new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd})) {
      return usage(file, "the file is compressed with zstd, so its content is unknown")
          .next("unzstd it; restore then reports whether it can be used");
    }
    if (startsWith(start, 257, TAR)) {
      return usage(file, "the file is a tar archive, not a dump in the custom format")
          .next("a dump by pg_dump -Ft: use pg_restore itself; docs/how-to/restore.md");
    }
    if (text.startsWith("--") || text.contains("PostgreSQL database")) {
      return usage(file, "the file is a dump in plain text (SQL), not in the custom format")
          .next("use psql: docs/how-to/restore.md");
    }
    return usage(file, "the file is not a dump in PostgreSQL's custom format")
        .next("restore takes what learnflow-db backup FILE or pg_dump -Fc writes");
  }

  private static boolean startsWith(byte[] bytes, int offset, byte[] part) {
    return bytes.length >= offset + part.length
        && Arrays.equals(bytes, offset, offset + part.length, part, 0, part.length);
  }

  /** Numbers and texts as pg_dump writes them. */
  private static final class Reader {
    private final byte[] bytes;
    private int position;
    private int integerSize;

    Reader(byte[] bytes) {
      this.bytes = bytes;
    }

    int one() throws EOFException {
      if (position >= bytes.length) {
        throw new EOFException();
      }
      return bytes[position++] & 0xff;
    }

    int integer() throws EOFException {
      int sign = one();
      long value = 0;
      for (int i = 0; i < integerSize; i++) {
        value |= (long) one() << (8 * i);
      }
      return (int) (sign == 0 ? value : -value);
    }

    String text() throws EOFException {
      int length = integer();
      if (length > bytes.length - position) {
        throw new EOFException();
      }
      String text = length <= 0 ? "" : new String(bytes, position, length, StandardCharsets.UTF_8);
      position += Math.max(length, 0);
      return text;
    }

    String version() throws EOFException {
      String text = text();
      return PostgresPrograms.versionIn(text).orElseThrow(EOFException::new);
    }
  }
}

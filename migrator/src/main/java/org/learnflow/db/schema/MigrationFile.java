package org.learnflow.db.schema;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.WholeFile;

/**
 * One migration file, {@code V<version>__<description>.sql}.
 *
 * @param version as Flyway compares it: 1, 01 and 001 are equal
 * @param description the words of the file name, with spaces
 * @param path the file
 * @param checksum Flyway's checksum: CRC-32 over the lines without line ends and byte order mark
 * @param tried the text that is applied in its place if it is only tried ({@link Trial})
 */
public record MigrationFile(
    MigrationVersion version, String description, Path path, int checksum, Optional<String> tried) {

  private static final byte[] BYTE_ORDER_MARK = "\uFEFF".getBytes(StandardCharsets.UTF_8);

  /** Reads {@code path} for its checksum. */
  static MigrationFile read(MigrationVersion version, String description, Path path) {
    try (InputStream content = Files.newInputStream(path)) {
      byte[] begin = content.readNBytes(BYTE_ORDER_MARK.length);
      CRC32 checksum = new CRC32();
      if (!Arrays.equals(begin, BYTE_ORDER_MARK)) {
        update(checksum, begin, begin.length);
      }
      byte[] part = new byte[1 << 16];
      for (int n = content.read(part); n >= 0; n = content.read(part)) {
        update(checksum, part, n);
      }
      return new MigrationFile(
          version, description, path, (int) checksum.getValue(), Optional.empty());
    } catch (IOException e) {
      throw new UncheckedIOException("reading migration " + path, e);
    }
  }

  /** The file's name without folders. */
  public String name() {
    return String.valueOf(path.getFileName());
  }

  /**
   * The text to apply: that of the file, without a byte order mark, or the one that is tried in its
   * place.
   *
   * @throws org.learnflow.db.Failure 6 if it is too large to apply, or not in UTF-8
   */
  public String sql() {
    return tried.orElseGet(() -> sql(path));
  }

  /** The same migration with another text, to be tried. */
  MigrationFile tried(String text) {
    return new MigrationFile(version, description, path, checksum, Optional.of(text));
  }

  static String sql(Path path) {
    try {
      return WholeFile.SQL.text(path);
    } catch (IOException e) {
      throw new UncheckedIOException("reading migration " + path, e);
    }
  }

  static int checksum(String sql) {
    CRC32 checksum = new CRC32();
    byte[] bytes = sql.getBytes(StandardCharsets.UTF_8);
    update(checksum, bytes, bytes.length);
    return (int) checksum.getValue();
  }

  /** Like Flyway's ChecksumCalculator: everything except line ends. */
  private static void update(CRC32 checksum, byte[] bytes, int count) {
    int begin = 0;
    for (int i = 0; i <= count; i++) {
      if (i == count || bytes[i] == '\n' || bytes[i] == '\r') {
        checksum.update(bytes, begin, i - begin);
        begin = i + 1;
      }
    }
  }
}

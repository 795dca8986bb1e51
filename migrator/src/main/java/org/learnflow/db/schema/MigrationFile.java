package org.learnflow.db.schema;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import org.flywaydb.core.api.MigrationVersion;

/**
 * One migration file, {@code V<version>__<description>.sql}.
 *
 * @param version as Flyway compares it: 1, 01 and 001 are equal
 * @param description the words of the file name, with spaces
 * @param path the file
 * @param checksum Flyway's checksum: CRC-32 over the lines without line ends and byte order mark
 */
public record MigrationFile(MigrationVersion version, String description, Path path, int checksum) {

  private static final String BYTE_ORDER_MARK = "\uFEFF";

  /** Reads {@code path} for its checksum. */
  static MigrationFile read(MigrationVersion version, String description, Path path) {
    return new MigrationFile(version, description, path, checksum(sql(path)));
  }

  /** The file's name without folders. */
  public String name() {
    return String.valueOf(path.getFileName());
  }

  /** The file's text, without a byte order mark. */
  public String sql() {
    return sql(path);
  }

  static String sql(Path path) {
    try {
      String text = Files.readString(path);
      return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
    } catch (IOException e) {
      throw new UncheckedIOException("reading migration " + path, e);
    }
  }

  /** As Flyway's ChecksumCalculator. */
  static int checksum(String sql) {
    CRC32 checksum = new CRC32();
    try (BufferedReader lines = new BufferedReader(new StringReader(sql))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        checksum.update(line.getBytes(StandardCharsets.UTF_8));
      }
    } catch (IOException e) {
      throw new IllegalStateException("a string can always be read", e);
    }
    return (int) checksum.getValue();
  }
}

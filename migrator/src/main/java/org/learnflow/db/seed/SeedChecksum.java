package org.learnflow.db.seed;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * Identifies the content of a set, so that a set that was loaded is not loaded again: CRC-32C,
 * which processors compute, over names and normalised contents, and their length.
 */
final class SeedChecksum {
  private final CRC32C checksum = new CRC32C();
  private long length;

  /** Adds a file's name; its normalised content follows. */
  void begin(Path file) {
    byte[] name = String.valueOf(file.getFileName()).getBytes(StandardCharsets.UTF_8);
    update(name, 0, name.length);
    update(new byte[1], 0, 1);
  }

  /** Adds content. */
  void update(byte[] bytes, int offset, int count) {
    checksum.update(bytes, offset, count);
    length += count;
  }

  /** The checksum as it is recorded. */
  String value() {
    return "%08x-%d".formatted(checksum.getValue(), length);
  }
}

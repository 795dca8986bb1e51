package org.learnflow.db.backup;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import org.learnflow.db.Progress;

/** Counts and hashes bytes that pass, and tells how many and how fast. */
final class Meter {
  private static final long TELL_EVERY = 1 << 18;
  private static final double MEBIBYTE = 1 << 20;
  private static final double NANOSECONDS = 1e9;

  private final Progress progress;
  private final String step;
  private final String doing;
  private final long total;
  private final MessageDigest digest = sha256();
  private final long start = System.nanoTime();
  private long bytes;
  private long told;

  /**
   * A meter at zero.
   *
   * @param doing such as {@code written}
   * @param total of the bytes, 0 where that is not known
   */
  Meter(Progress progress, String step, String doing, long total) {
    this.progress = progress;
    this.step = step;
    this.doing = doing;
    this.total = total;
  }

  void passed(byte[] buffer, int offset, int length) {
    digest.update(buffer, offset, length);
    bytes += length;
    if (bytes - told >= TELL_EVERY) {
      told = bytes;
      progress.update(step, text());
    }
  }

  long bytes() {
    return bytes;
  }

  /** Of all that has passed; ends the counting. */
  String sha256Text() {
    return HexFormat.of().formatHex(digest.digest());
  }

  /** {@code 12.3 MiB written, 45.6 MiB/s}. */
  String text() {
    double seconds = Math.max(1e-3, (System.nanoTime() - start) / NANOSECONDS);
    return "%s%s %s, %s/s"
        .formatted(
            size(bytes),
            total == 0 ? "" : " of " + size(total),
            doing,
            size((long) (bytes / seconds)));
  }

  /** Bytes for people. */
  static String size(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / MEBIBYTE);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JVM has SHA-256", e);
    }
  }
}

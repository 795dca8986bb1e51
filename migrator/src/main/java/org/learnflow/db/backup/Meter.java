package org.learnflow.db.backup;

import java.util.Locale;
import org.learnflow.db.Progress;

/** Counts bytes that pass, and reports how many and how fast. */
public final class Meter {
  private static final long TELL_EVERY = 1 << 18;
  private static final double MEBIBYTE = 1 << 20;
  private static final double NANOSECONDS = 1e9;

  private final Progress progress;
  private final String step;
  private final String doing;
  private final long total;
  private final long start = System.nanoTime();
  private long bytes;
  private long told;

  /**
   * A meter at zero.
   *
   * @param doing such as {@code written}
   * @param total number of bytes, 0 if unknown
   */
  public Meter(Progress progress, String step, String doing, long total) {
    this.progress = progress;
    this.step = step;
    this.doing = doing;
    this.total = total;
  }

  /** So many bytes more have passed. */
  public void passed(long length) {
    bytes += length;
    if (bytes - told >= TELL_EVERY) {
      told = bytes;
      progress.update(step, text());
    }
  }

  /** This many have passed in total. */
  void at(long position) {
    passed(position - bytes);
  }

  long bytes() {
    return bytes;
  }

  /** {@code 12.3 MiB written, 45.6 MiB/s}. */
  public String text() {
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
}

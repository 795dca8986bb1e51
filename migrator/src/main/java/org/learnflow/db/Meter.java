package org.learnflow.db;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Counts bytes that pass, and says how many, how fast and for how long still; the only place that
 * computes this. Can be read while another thread counts.
 */
public final class Meter {
  /** The rate is that of the last moments, so that time left follows what happens now. */
  private static final Duration WINDOW = Duration.ofSeconds(15);

  private static final Duration BETWEEN_SAMPLES = Duration.ofSeconds(1);

  /** Nothing for so long is said instead of a rate. */
  private static final Duration STANDSTILL = Duration.ofSeconds(5);

  /** Before that, one buffer more or less decides about the rate. */
  private static final Duration UNTIL_KNOWN = Duration.ofSeconds(1);

  private static final double MEBIBYTE = 1 << 20;
  private static final double NANOSECONDS = 1e9;
  private static final double SHORTEST = 1e-3;

  private final String doing;
  private final long total;
  private final LongSupplier clock;
  private final long start;
  private final Deque<Sample> samples = new ArrayDeque<>();
  private String aside = "";
  private String lastly = "finishing";
  private long bytes;
  private long lastPassed;

  private record Sample(long nanos, long bytes) {}

  /**
   * A meter at zero.
   *
   * @param doing such as {@code written}
   * @param total number of bytes, 0 if unknown
   */
  public Meter(String doing, long total) {
    this(doing, total, System::nanoTime);
  }

  /** The same with another clock, in nanoseconds. */
  Meter(String doing, long total, LongSupplier clock) {
    this.doing = doing;
    this.total = total;
    this.clock = clock;
    this.start = clock.getAsLong();
    this.lastPassed = start;
    samples.add(new Sample(start, 0));
  }

  /** Adds to what is said meanwhile, such as {@code of a database of 12.3 MiB}. */
  public synchronized Meter aside(String text) {
    aside = ", " + text;
    return this;
  }

  /** What goes on once all bytes have passed, such as {@code building indexes}. */
  public synchronized Meter lastly(String text) {
    lastly = text;
    return this;
  }

  /** So many bytes more have passed. */
  public synchronized void passed(long length) {
    if (length <= 0) {
      return;
    }
    bytes += length;
    lastPassed = clock.getAsLong();
    if (lastPassed - samples.getLast().nanos >= BETWEEN_SAMPLES.toNanos()) {
      samples.add(new Sample(lastPassed, bytes));
    }
  }

  /** This many have passed in total. */
  public synchronized void at(long position) {
    passed(position - bytes);
  }

  /** How many have passed. */
  public synchronized long bytes() {
    return bytes;
  }

  /**
   * Where it is: {@code 412.0 of 1,024.0 MiB loaded, 40 %, 55.0 MiB/s, 11 s left}, or without a
   * total {@code 412.0 MiB written, 55.0 MiB/s}.
   */
  public synchronized String text() {
    long now = clock.getAsLong();
    if (total > 0 && bytes >= total) {
      return "all %s %s; %s, %s"
          .formatted(size(bytes), doing, lastly, Elapsed.text(since(lastPassed, now)));
    }
    String amount =
        total > 0
            ? "%s of %s %s, %d %%".formatted(mebibytes(bytes), size(total), doing, percent())
            : "%s %s".formatted(size(bytes), doing);
    return amount + pace(now) + aside;
  }

  private String pace(long now) {
    Duration still = since(lastPassed, now);
    if (still.compareTo(STANDSTILL) >= 0) {
      return ", nothing more for " + Elapsed.text(still);
    }
    double rate = rate(now);
    return ", " + rate(rate) + left(rate, now);
  }

  private String left(double rate, long now) {
    if (total <= 0 || rate <= 0 || since(start, now).compareTo(UNTIL_KNOWN) < 0) {
      return "";
    }
    return ", %s left"
        .formatted(Elapsed.text(Duration.ofSeconds((long) Math.ceil((total - bytes) / rate))));
  }

  /** 100 % only in the end. */
  private int percent() {
    return (int) Math.min(99, bytes * 100.0 / total);
  }

  /** Bytes per second in the last moments. */
  private double rate(long now) {
    long begin = now - WINDOW.toNanos();
    Sample from = samples.removeFirst();
    while (!samples.isEmpty() && samples.getFirst().nanos <= begin) {
      from = samples.removeFirst();
    }
    samples.addFirst(from);
    return (bytes - from.bytes) / seconds(from.nanos, now);
  }

  /** What is said in the end, of the whole time: {@code 1,024.0 MiB loaded, 55.0 MiB/s}. */
  public synchronized String summary() {
    return "%s %s, %s"
        .formatted(size(bytes), doing, rate(bytes / seconds(start, clock.getAsLong())));
  }

  private static Duration since(long begin, long now) {
    return Duration.ofNanos(now - begin);
  }

  private static double seconds(long begin, long now) {
    return Math.max(SHORTEST, (now - begin) / NANOSECONDS);
  }

  private static String rate(double bytesPerSecond) {
    return size((long) bytesPerSecond) + "/s";
  }

  /** Bytes for people. */
  public static String size(long bytes) {
    return mebibytes(bytes) + " MiB";
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%,.1f", bytes / MEBIBYTE);
  }
}

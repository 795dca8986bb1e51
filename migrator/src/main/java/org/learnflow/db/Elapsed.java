package org.learnflow.db;

import java.time.Duration;
import java.util.function.LongSupplier;

/** How long something has taken until now. */
public final class Elapsed {
  private static final long MOST_SECONDS = 120;
  private static final long MOST_MINUTES = 120;

  private final LongSupplier clock;
  private final long start;

  private Elapsed(LongSupplier clock) {
    this.clock = clock;
    this.start = clock.getAsLong();
  }

  /** From now on. */
  public static Elapsed fromNow() {
    return fromNow(System::nanoTime);
  }

  /** The same with another clock, in nanoseconds. */
  static Elapsed fromNow(LongSupplier clock) {
    return new Elapsed(clock);
  }

  /** The time until now. */
  public Duration time() {
    return Duration.ofNanos(clock.getAsLong() - start);
  }

  /** Whether so much time has passed. */
  public boolean exceeds(Duration most) {
    return time().compareTo(most) > 0;
  }

  /** {@code 12 s so far}. */
  public String soFar() {
    return text(time()) + " so far";
  }

  /** {@code 12 s of at most 60 s}. */
  public String ofAtMost(Duration most) {
    return "%s of at most %s".formatted(text(time()), text(most));
  }

  /** A time for people: {@code 93 s}, {@code 12 min 5 s} or {@code 3 h 20 min}. */
  public static String text(Duration time) {
    long seconds = Math.max(0, time.toSeconds());
    if (seconds <= MOST_SECONDS) {
      return seconds + " s";
    }
    return time.toMinutes() < MOST_MINUTES
        ? "%d min %d s".formatted(time.toMinutes(), time.toSecondsPart())
        : "%d h %d min".formatted(time.toHours(), time.toMinutesPart());
  }
}

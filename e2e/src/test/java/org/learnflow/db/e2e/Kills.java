package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * Random moments for kills, and how many of them met what the test is about. Every failure names
 * the seed, and {@code -Dseed=} repeats the moments.
 */
final class Kills {
  private final long seed = Long.getLong("seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final List<String> moments = new ArrayList<>();
  private int met;

  /**
   * Waits for a random time.
   *
   * @return how long, at least {@code least}, less than {@code most}
   */
  Duration pause(Duration least, Duration most) {
    Duration moment = least.plusNanos(random.nextLong(most.minus(least).toNanos()));
    moments.add(moment.toMillis() + " ms");
    long end = System.nanoTime() + moment.toNanos();
    for (long left = moment.toNanos(); left > 0; left = end - System.nanoTime()) {
      LockSupport.parkNanos(left);
    }
    return moment;
  }

  /**
   * Counts a kill that met it.
   *
   * @return whether it did
   */
  boolean count(boolean it) {
    met += it ? 1 : 0;
    moments.add(it ? "met" : "missed");
    return it;
  }

  /** Fails where fewer kills met it. */
  void assertMet(int least) {
    assertThat(met).as(toString()).isGreaterThanOrEqualTo(least);
  }

  @Override
  public String toString() {
    return "kills with -Dseed=%d: %s".formatted(seed, moments);
  }
}

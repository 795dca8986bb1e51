package org.learnflow.db.backup;

import java.time.Duration;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * Watches the free space on the server's volume while a dump is loaded, and ends the load before
 * nothing is left for the running database: a dump may contain far more than its size suggests.
 */
public final class VolumeWatch implements AutoCloseable {
  private static final Duration EVERY = Duration.ofSeconds(1);

  /** What is never used, as a fraction of what was free at the start. */
  private static final int RESERVED_PART = 10;

  private static final long MEBIBYTE = 1 << 20;

  private final Supplier<OptionalLong> free;
  private final Runnable end;
  private final Thread thread;
  private final long atFirst;
  private volatile long stoppedAt = -1;
  private volatile boolean closed;

  /**
   * Starts to watch.
   *
   * @param free bytes on the volume; if unknown, nothing is watched
   * @param end ends the load; called again until this is closed
   */
  public VolumeWatch(Supplier<OptionalLong> free, Runnable end) {
    this.free = free;
    this.end = end;
    this.atFirst = free.get().orElse(-1);
    this.thread = Thread.ofVirtual().name("volume-watch").unstarted(this::watch);
    if (atFirst >= 0) {
      thread.start();
    }
  }

  private void watch() {
    long before = atFirst;
    while (!closed) {
      try {
        Thread.sleep(EVERY);
      } catch (InterruptedException e) {
        return;
      }
      OptionalLong now = stoppedAt < 0 && !closed ? free.get() : OptionalLong.empty();
      if (now.isPresent()) {
        // The same amount may be written again before the load ends.
        long written = Math.max(0, before - now.getAsLong());
        before = now.getAsLong();
        if (now.getAsLong() < atFirst / RESERVED_PART + 2 * written) {
          stoppedAt = now.getAsLong();
        }
      }
      if (stoppedAt >= 0 && !closed) {
        end.run();
      }
    }
  }

  /**
   * Continues only if the load was not ended.
   *
   * @throws Failure 10 if it was
   */
  public void check() {
    if (stoppedAt >= 0) {
      throw Failure.of(
              ExitCode.REFUSED,
              "loading was stopped because the dump would fill the server's disk: of %d MiB free space, %d MiB are left"
                  .formatted(atFirst / MEBIBYTE, stoppedAt / MEBIBYTE))
          .state("the database was not changed; the staging database was dropped")
          .next(
              "free some space, for example with learnflow-db restore --drop-old, or grow the volume: docs/how-to/volume.md; and check that the dump is the one you expect");
    }
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
  }
}

package org.learnflow.db.testing;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Work in a thread of its own beside a test. Its failure is the test's: {@link #close} waits for
 * its end and throws what it threw.
 */
public final class Background implements AutoCloseable {
  private static final long MINUTES = 2;

  private final CompletableFuture<Boolean> end = new CompletableFuture<>();
  private final Thread thread;

  private Background(Work work) {
    thread =
        Thread.ofVirtual()
            .start(() -> {
              try {
                work.run();
                end.complete(true);
              } catch (Throwable e) {
                end.completeExceptionally(e);
              }
            });
  }

  /** What it does. */
  @FunctionalInterface
  public interface Work {
    /** Does it. */
    void run() throws Exception;
  }

  /** Begins. */
  public static Background run(Work work) {
    return new Background(work);
  }

  /**
   * Waits for its end, for two minutes at most.
   *
   * @throws AssertionError with what it threw, or where it did not end
   */
  @Override
  public void close() {
    try {
      end.get(MINUTES, TimeUnit.MINUTES);
    } catch (ExecutionException e) {
      throw new AssertionError("the work in the background failed", e.getCause());
    } catch (TimeoutException e) {
      thread.interrupt();
      throw new AssertionError("the work in the background did not end", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }
}

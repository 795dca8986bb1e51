package org.learnflow.db.cli;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/**
 * Limits the time of a check, whatever it waits for: a server that stops answering, a name that DNS
 * does not resolve, the Kubernetes API. None of these can be interrupted, so late work is abandoned
 * until the process ends.
 *
 * <p>Not in a virtual thread: its sockets are polled by a thread that the JVM waits for when it
 * ends, for 300 ms (VM_Exit::wait_for_threads_in_native_to_block in HotSpot's vmOperations.cpp).
 *
 * @param time the limit
 */
record TimeLimit(Duration time) {
  /** Zero means one attempt, which takes as long as a connection attempt may take. */
  private static final Duration ONE_ATTEMPT = Duration.ofSeconds(10);

  /** So that code that knows why it waited can still report it. */
  private static final Duration GRACE = Duration.ofSeconds(1);

  /**
   * Does work that changes nothing.
   *
   * @throws Failure what the work throws; 4 if it is late
   */
  <T> T run(Supplier<T> work) {
    Duration limit = time.isZero() ? ONE_ATTEMPT : time;
    CompletableFuture<T> done =
        CompletableFuture.supplyAsync(work, task -> Thread.ofPlatform().daemon().start(task));
    try {
      return done.get(limit.plus(GRACE).toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw Failure.of(
              ExitCode.NOT_REACHED,
              "no answer within %d s: the server, DNS or the Kubernetes API has stopped answering"
                  .formatted(limit.toSeconds()))
          .state("nothing was changed")
          .next("check the pod or server and the network in between, or wait longer: --timeout")
          .causedBy(e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.of(ExitCode.FAILED, "interrupted").causedBy(e);
    }
  }
}

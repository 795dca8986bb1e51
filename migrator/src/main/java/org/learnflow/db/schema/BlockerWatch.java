package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.learnflow.db.Elapsed;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.SessionText;

/**
 * Watches a running migration from a second session, which is opened only if the migration takes
 * longer than a moment. Reports that it is still running, and who blocks it.
 */
public final class BlockerWatch implements AutoCloseable {
  private static final Duration MOMENT = Duration.ofMillis(300);

  private static final String BLOCKERS =
      "SELECT "
          + SessionText.SQL
          + """
          FROM pg_stat_activity a
          WHERE a.pid = ANY (pg_blocking_pids(?))
          ORDER BY a.xact_start
          """;

  private final DataSource source;
  private final String step;
  private final Progress progress;
  private final Thread thread;
  private final AtomicReference<Optional<Running>> running =
      new AtomicReference<>(Optional.empty());
  private final AtomicReference<List<String>> blockers = new AtomicReference<>(List.of());

  /** A migration that is being applied by the server process {@code pid}. */
  private record Running(String title, int pid, Elapsed elapsed) {}

  /**
   * Watches until closed.
   *
   * @param step the pipeline step that it reports for
   */
  public BlockerWatch(DataSource source, String step, Progress progress) {
    this.source = source;
    this.step = step;
    this.progress = progress;
    this.thread = Thread.ofVirtual().name("blocker-watch").start(this::watch);
  }

  /**
   * A migration or an undo script starts.
   *
   * @param title its name and which one of how many it is
   */
  public void begin(String title, int pid) {
    blockers.set(List.of());
    running.set(Optional.of(new Running(title, pid, Elapsed.fromNow())));
  }

  /** It has ended, successfully or not. */
  public void end() {
    running.set(Optional.empty());
  }

  /** Who blocked the last migration when it was last seen waiting; empty if nobody did. */
  public List<String> lastBlockers() {
    return blockers.get();
  }

  private void watch() {
    while (!Thread.interrupted()) {
      try {
        Thread.sleep(MOMENT);
        if (takesLong()) {
          observe();
        }
      } catch (InterruptedException e) {
        return;
      } catch (SQLException e) {
        // Only an observer: the migration itself reports what is wrong with the server.
        running.get().ifPresent(now -> report(now, List.of()));
      }
    }
  }

  private boolean takesLong() {
    return running.get().filter(now -> now.elapsed().exceeds(MOMENT)).isPresent();
  }

  private void observe() throws SQLException, InterruptedException {
    try (Connection connection = source.getConnection()) {
      for (Optional<Running> seenRunning = running.get();
          seenRunning.isPresent();
          seenRunning = running.get()) {
        Running now = seenRunning.get();
        List<String> seen = blockersOf(connection, now.pid());
        if (!seen.isEmpty()) {
          blockers.set(seen);
        }
        report(now, seen);
        Thread.sleep(MOMENT);
      }
    }
  }

  private void report(Running now, List<String> seen) {
    progress.update(
        step,
        "%s, %s%s"
            .formatted(
                now.title(),
                now.elapsed().soFar(),
                seen.isEmpty() ? "" : ", waiting for " + String.join("; ", seen)));
  }

  private static List<String> blockersOf(Connection connection, int pid) throws SQLException {
    List<String> blockers = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(BLOCKERS)) {
      statement.setInt(1, pid);
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          blockers.add(rows.getString(1));
        }
      }
    }
    return blockers;
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

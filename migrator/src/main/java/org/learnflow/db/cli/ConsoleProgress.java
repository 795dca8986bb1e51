package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.function.UnaryOperator;
import org.learnflow.db.Progress;

/** Progress on stderr: an overwritten line on a terminal, plain lines in a log. */
final class ConsoleProgress implements Progress {
  private static final Duration LOG_EVERY = Duration.ofSeconds(5);
  private static final String ERASE_LINE = "\r\u001b[K";

  private final PrintWriter err;
  private final boolean terminal;
  private final UnaryOperator<String> commands;
  private final long start = System.nanoTime();
  private long lastLogged = start;
  private boolean transientShown;

  /**
   * Progress on {@code err}.
   *
   * @param terminal whether stderr is a terminal, so that lines can be overwritten
   * @param commands completes the commands in a text so that they can be pasted
   */
  ConsoleProgress(PrintWriter err, boolean terminal, UnaryOperator<String> commands) {
    this.err = err;
    this.terminal = terminal;
    this.commands = commands;
  }

  @Override
  public synchronized void line(String step, String text) {
    clear();
    err.println(formatted(step, commands.apply(text)));
  }

  @Override
  public synchronized void update(String step, String text) {
    if (terminal) {
      err.print(ERASE_LINE + formatted(step, text));
      err.flush();
      transientShown = true;
    } else if (System.nanoTime() - lastLogged > LOG_EVERY.toNanos()) {
      lastLogged = System.nanoTime();
      err.println(formatted(step, text));
    }
  }

  /** Erases a transient line, so that nothing of it remains in front of other output. */
  synchronized void clear() {
    if (transientShown) {
      err.print(ERASE_LINE);
      transientShown = false;
    }
    err.flush();
  }

  private static String formatted(String step, String text) {
    return Printable.text("%-8s %s".formatted(step, text));
  }
}

package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;
import org.learnflow.db.Progress;

/** Progress on stderr: an overwritten line on a terminal, plain lines in a log. */
final class ConsoleProgress implements Progress {
  /** Nothing transient is logged sooner after anything else. */
  private static final Duration LOG_EVERY = Duration.ofSeconds(10);

  /** Nobody reads faster. */
  private static final Duration SHOW_EVERY = Duration.ofMillis(100);

  private static final String ERASE_LINE = "\r\u001b[K";

  /** What is wider than the terminal is cut off: of several rows, only the last could be erased. */
  private static final String CUT_OFF = "\u001b[?7l";

  private static final String CUT_OFF_NO_LONGER = "\u001b[?7h";

  private final PrintWriter err;
  private final boolean terminal;
  private final UnaryOperator<String> commands;
  private final LongSupplier clock;
  private long lastPrinted;
  private boolean transientShown;

  /**
   * Progress on {@code err}.
   *
   * @param terminal whether stderr is a terminal, so that lines can be overwritten
   * @param commands completes the commands in a text so that they can be pasted
   */
  ConsoleProgress(PrintWriter err, boolean terminal, UnaryOperator<String> commands) {
    this(err, terminal, commands, System::nanoTime);
  }

  /** The same with another clock, in nanoseconds. */
  ConsoleProgress(
      PrintWriter err, boolean terminal, UnaryOperator<String> commands, LongSupplier clock) {
    this.err = err;
    this.terminal = terminal;
    this.commands = commands;
    this.clock = clock;
    this.lastPrinted = clock.getAsLong();
  }

  @Override
  public synchronized void line(String step, String text) {
    clear();
    err.println(formatted(step, commands.apply(text)));
    err.flush();
    lastPrinted = clock.getAsLong();
  }

  @Override
  public synchronized void update(String step, String text) {
    if (terminal && (!transientShown || isOver(SHOW_EVERY))) {
      String shown = formatted(step, text).replace("\n", " ");
      err.print(ERASE_LINE + CUT_OFF + shown + CUT_OFF_NO_LONGER);
      transientShown = true;
    } else if (!terminal && isOver(LOG_EVERY)) {
      err.println(formatted(step, text));
    } else {
      return;
    }
    err.flush();
    lastPrinted = clock.getAsLong();
  }

  private boolean isOver(Duration time) {
    return clock.getAsLong() - lastPrinted >= time.toNanos();
  }

  @Override
  public synchronized void clear() {
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

package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;
import org.learnflow.db.Progress;
import org.learnflow.db.Trace;

/** Progress on stderr: an overwritten line on a terminal, plain lines in a log. */
final class ConsoleProgress implements Progress {
  /** Nothing transient is logged sooner after something transient. */
  private static final Duration LOG_EVERY = Duration.ofSeconds(10);

  /** Nor sooner after a fact: what is over by then is not worth a line. */
  private static final Duration LOG_AFTER = Duration.ofSeconds(2);

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
  private long lastLogged;
  private boolean transientShown;
  private Trace trace = Trace.NONE;

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
    this.lastLogged = lastPrinted - LOG_EVERY.toNanos();
  }

  /** From now on there is a trace, too. */
  void begin(Trace begun) {
    trace = begun;
  }

  @Override
  public Trace trace() {
    return trace;
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
    if (terminal && (!transientShown || isOver(SHOW_EVERY, lastPrinted))) {
      String shown = formatted(step, text).replace("\n", " ");
      err.print(ERASE_LINE + CUT_OFF + shown + CUT_OFF_NO_LONGER);
      transientShown = true;
    } else if (!terminal && isOver(LOG_AFTER, lastPrinted) && isOver(LOG_EVERY, lastLogged)) {
      err.println(formatted(step, text));
      lastLogged = clock.getAsLong();
    } else {
      return;
    }
    err.flush();
    lastPrinted = clock.getAsLong();
  }

  private boolean isOver(Duration time, long since) {
    return clock.getAsLong() - since >= time.toNanos();
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

package org.learnflow.db;

/** Reports progress to the user; goes to stderr, never to stdout. */
public interface Progress {
  /** Reports nothing. */
  Progress SILENT =
      new Progress() {
        @Override
        public void line(String step, String text) {}

        @Override
        public void update(String step, String text) {}
      };

  /**
   * A fact worth a line of its own.
   *
   * @param step the pipeline step that reports, such as {@code migrate}
   */
  void line(String step, String text);

  /**
   * A transient state: on a terminal it is overwritten by what comes next, in a log it is a plain
   * line now and then.
   */
  void update(String step, String text);

  /** The trace of the command that reports. */
  default Trace trace() {
    return Trace.NONE;
  }

  /** What was updated last is over: nothing of it stays on a terminal. */
  default void clear() {}
}

package org.learnflow.db;

/** Tells a person what is going on; goes to stderr, never to stdout. */
public interface Progress {
  /** Says nothing. */
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
   * @param step the pipeline step that speaks, such as {@code migrate}
   */
  void line(String step, String text);

  /**
   * A passing state: overwritten by what comes next on a terminal, a plain line now and then in a
   * log.
   */
  void update(String step, String text);
}

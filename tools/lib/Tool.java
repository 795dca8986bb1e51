package lib;

import java.util.Locale;

/** What every {@code main} of these programs does. */
public final class Tool {
  private Tool() {}

  /** What may fail, be interrupted, or both. */
  @FunctionalInterface
  public interface Action {
    void run() throws Exception;
  }

  /** Runs it; a {@link Failure} becomes its message and its exit code. */
  public static void run(Action action) throws Exception {
    Locale.setDefault(Locale.ROOT);
    try {
      action.run();
    } catch (Failure e) {
      System.err.println(e.getMessage());
      System.exit(e.exit());
    }
  }
}

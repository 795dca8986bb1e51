package check;

import java.io.PrintStream;

/**
 * What an image promises.
 *
 * @param sentence shown to the user
 * @param test throws if it is not so
 */
public record Promise(String sentence, Test test) {
  /** Some statements that fail by any exception. */
  public interface Test {
    void run() throws Exception;
  }

  public boolean isKept(PrintStream output) {
    try {
      test.run();
      output.println("✓ " + sentence);
      return true;
    } catch (Exception | AssertionError e) {
      output.println("✗ " + sentence + ": " + e);
      return false;
    }
  }

  static void require(boolean condition, Object otherwise) {
    if (!condition) {
      throw new AssertionError(otherwise);
    }
  }
}

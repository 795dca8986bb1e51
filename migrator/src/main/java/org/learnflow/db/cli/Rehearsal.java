package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/**
 * Runs several commands in one process. A build does that so that the JVM learns the classes of all
 * of them: it keeps what one process has loaded.
 */
final class Rehearsal {
  private Rehearsal() {}

  /**
   * Runs commands until one fails, and ends the process with its exit code.
   *
   * @param commands each with its options, separated by spaces
   */
  public static void main(String[] commands) {
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    for (String command : commands) {
      int code = Main.execute(command.split(" ", -1), System.getenv(), out, err);
      if (code != 0) {
        err.println("failed: " + command);
        System.exit(code);
      }
    }
  }
}

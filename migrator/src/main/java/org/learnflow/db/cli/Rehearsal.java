package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * Runs several commands in one process. A build does that so that the JVM learns the classes of all
 * of them: it keeps what one process has loaded.
 */
final class Rehearsal {
  private static final String END = ",";

  private Rehearsal() {}

  /**
   * Runs commands until one fails, and ends the process with its exit code.
   *
   * @param words of the commands, with a comma after each command
   */
  public static void main(String[] words) {
    Main.prepare();
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    for (List<String> left = Arrays.asList(words); !left.isEmpty(); ) {
      List<String> command = left.subList(0, left.indexOf(END));
      int code = Main.execute(command.toArray(String[]::new), System.getenv(), out, err);
      if (code != 0) {
        err.println("failed: " + command);
        System.exit(code);
      }
      left = left.subList(command.size() + 1, left.size());
    }
  }
}

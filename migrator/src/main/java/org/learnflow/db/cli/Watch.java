package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.learnflow.db.ExitCode;
import picocli.CommandLine.Model.CommandSpec;

/**
 * Runs a command again and again, each time with connections of its own. What fails, such as
 * because the database restarts, is shown like everything else.
 */
record Watch(CommandSpec command, Environment environment) {
  static final String OPTION = "--watch";

  private static final Duration EVERY = Duration.ofSeconds(2);

  /** Of a terminal: from its first character on, nothing. */
  private static final String CLEAR = "\u001b[H\u001b[2J";

  /** Shows what the command prints, until this thread is interrupted or the process ends. */
  ExitCode show() {
    String[] once =
        command.root().commandLine().getParseResult().originalArgs().stream()
            .filter(argument -> !argument.equals(OPTION))
            .toArray(String[]::new);
    Map<String, String> variables = new HashMap<>(environment.variables());
    variables.remove(EnvironmentDefaults.variable(command.findOption(OPTION)));
    boolean terminal = ConfirmOptions.terminal().isPresent();
    PrintWriter out = command.commandLine().getOut();
    try {
      while (true) {
        StringWriter screen = new StringWriter();
        PrintWriter printer = new PrintWriter(screen);
        Main.execute(once, variables, printer, printer);
        printer.flush();
        out.print(terminal ? CLEAR + screen : screen + "\n");
        out.flush();
        Thread.sleep(EVERY);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return ExitCode.OK;
    }
  }
}

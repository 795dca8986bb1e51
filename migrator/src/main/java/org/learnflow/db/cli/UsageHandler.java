package org.learnflow.db.cli;

import java.io.PrintWriter;
import org.learnflow.db.ExitCode;
import picocli.CommandLine;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * One line for a wrong command line, instead of the whole help; never repeats an option's value.
 */
final class UsageHandler implements IParameterExceptionHandler {
  @Override
  public int handleParseException(ParameterException thrown, String[] arguments) {
    CommandLine commandLine = thrown.getCommandLine();
    PrintWriter err = commandLine.getErr();
    err.println("error: " + message(thrown));
    err.println("  next:  " + commandLine.getCommandSpec().qualifiedName() + " --help");
    return ExitCode.USAGE.value();
  }

  private static String message(ParameterException thrown) {
    if (thrown instanceof UnmatchedArgumentException unmatched) {
      String first = unmatched.getUnmatched().getFirst();
      // What follows = or is no option may be a password.
      return first.startsWith("-")
          ? "unknown option " + first.replaceFirst("=.*", "")
          : "unexpected argument at the end of the command line";
    }
    return String.valueOf(thrown.getMessage());
  }
}

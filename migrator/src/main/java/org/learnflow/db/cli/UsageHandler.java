package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.ExitCode;
import picocli.CommandLine;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * One line for a wrong command line, instead of the whole help; never repeats an option's value.
 */
final class UsageHandler implements IParameterExceptionHandler {
  /** An option's name, which nothing that follows it belongs to: -psecret is read as -p. */
  private static final Pattern OPTION = Pattern.compile("--[A-Za-z][A-Za-z-]*|-.");

  @Override
  public int handleParseException(ParameterException thrown, String[] arguments) {
    CommandLine commandLine = thrown.getCommandLine();
    PrintWriter err = commandLine.getErr();
    err.println(Printable.text("error: " + message(thrown)));
    err.println("  next:  " + commandLine.getCommandSpec().qualifiedName() + " --help");
    return ExitCode.USAGE.value();
  }

  /** In words of our own, since picocli's repeat what was typed, which may be a password. */
  private static String message(ParameterException thrown) {
    if (thrown instanceof UnmatchedArgumentException unmatched) {
      return unmatched(unmatched.getUnmatched().getFirst(), thrown.getCommandLine());
    }
    if (thrown instanceof MissingParameterException missing
        && !missing.getMissing().isEmpty()
        && missing.getMissing().getFirst() instanceof OptionSpec option) {
      return "%s needs a value: %s".formatted(option.longestName(), option.paramLabel());
    }
    if (thrown.getArgSpec() instanceof OptionSpec option) {
      return option.arity().max() == 0
          ? option.longestName() + " takes no value"
          : "%s cannot be used as it is given; its form is %s"
              .formatted(option.longestName(), option.paramLabel());
    }
    return thrown.getCommandLine().getSubcommands().isEmpty()
        ? "the command line cannot be understood"
        : "a command is missing: " + commands(thrown.getCommandLine());
  }

  private static String unmatched(String first, CommandLine commandLine) {
    Matcher option = OPTION.matcher(first);
    if (option.lookingAt()) {
      return "unknown option " + option.group();
    }
    return commandLine.getSubcommands().isEmpty()
        ? "unexpected argument at the end of the command line"
        : "there is no such command; there are " + commands(commandLine);
  }

  private static String commands(CommandLine commandLine) {
    return String.join(", ", commandLine.getSubcommands().keySet());
  }
}

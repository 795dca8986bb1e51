package org.learnflow.db.cli;

import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import picocli.CommandLine;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * One line for an invalid command line, instead of the whole help; repeats nothing that could be a
 * password.
 */
final class UsageHandler implements IParameterExceptionHandler {
  /** An option's name without anything that follows it: -psecret is read as -p. */
  private static final Pattern OPTION = Pattern.compile("--[A-Za-z][A-Za-z-]*|-.");

  /** This many characters of a command's name show that it was meant. */
  private static final int ALIKE = 3;

  private final PodReport pod;

  /** Also leaves what it prints in {@code pod}. */
  UsageHandler(PodReport pod) {
    this.pod = pod;
  }

  @Override
  public int handleParseException(ParameterException thrown, String[] arguments) {
    CommandLine commandLine = thrown.getCommandLine();
    Failure failure =
        Failure.of(ExitCode.USAGE, message(thrown, arguments)).next(next(thrown, commandLine));
    PrintWriter err = commandLine.getErr();
    err.println(Printable.text(failure.text()));
    pod.terminationMessage(PodReport.line(failure));
    return ExitCode.USAGE.value();
  }

  private static String next(ParameterException thrown, CommandLine commandLine) {
    return isUnknownToLocale(thrown)
        ? "set a locale with UTF-8 and run the same command again: export LC_ALL=C.UTF-8"
        : commandLine.getCommandSpec().qualifiedName() + " --help";
  }

  /** The only kind of file name that Java rejects, because no argument contains a NUL. */
  private static boolean isUnknownToLocale(ParameterException thrown) {
    return thrown.getArgSpec() != null
        && (thrown.getArgSpec().type() == Path.class
            || thrown.getCause() instanceof InvalidPathException)
        && thrown.getValue() != null
        && !thrown.getValue().isBlank();
  }

  /** Not picocli's messages, because they repeat what was typed, which could be a password. */
  private static String message(ParameterException thrown, String[] arguments) {
    CommandLine commandLine = thrown.getCommandLine();
    if (thrown instanceof UnmatchedArgumentException unmatched) {
      return unmatched(unmatched.getUnmatched().getFirst(), commandLine, suggestions(unmatched));
    }
    if (thrown instanceof MissingParameterException missing
        && !missing.getMissing().isEmpty()
        && missing.getMissing().getFirst() instanceof OptionSpec option) {
      return "%s needs a value: %s".formatted(option.longestName(), option.paramLabel());
    }
    if (thrown instanceof OverwrittenOptionException twice) {
      return name(twice.getOverwritten(), commandLine, arguments) + " is given twice";
    }
    if (thrown.getArgSpec() != null) {
      return value(thrown.getArgSpec(), thrown, arguments);
    }
    if (commandLine.getSubcommands().isEmpty()) {
      return "invalid command line";
    }
    return thrown.getValue() == null // by HelpCommand, otherwise
        ? "a command is missing: " + String.join(", ", commands(commandLine))
        : "unknown command; the commands are " + String.join(", ", commands(commandLine));
  }

  private static String value(ArgSpec argument, ParameterException thrown, String[] arguments) {
    String name = name(argument, thrown.getCommandLine(), arguments);
    String value = Optional.ofNullable(thrown.getValue()).orElse("");
    if (isUnknownToLocale(thrown)) {
      return "%s is a file name with characters that the locale does not support".formatted(name);
    }
    if (value.isBlank()) {
      return "%s is empty: give it a value (%s), or omit it".formatted(name, argument.paramLabel());
    }
    if (argument.arity().max() == 0 && name.startsWith("-")) {
      return name + " takes no value";
    }
    return "%s has an invalid value%s; expected: %s"
        .formatted(name, GivenOptions.shown(value), form(argument));
  }

  private static String form(ArgSpec argument) {
    Class<?> type = argument.type();
    return argument.arity().max() == 0
        ? "true or false"
        : type == int.class || type == Integer.class ? "a whole number" : argument.paramLabel();
  }

  private static String name(ArgSpec argument, CommandLine commandLine, String[] arguments) {
    return argument instanceof OptionSpec option
        ? GivenOptions.name(commandLine, option, known -> GivenOptions.isAmong(arguments, known))
        : argument.paramLabel();
  }

  private static List<String> suggestions(UnmatchedArgumentException unmatched) {
    return unmatched.getSuggestions().stream().filter(name -> name.length() > 2).toList();
  }

  private static String unmatched(String first, CommandLine commandLine, List<String> suggestions) {
    boolean hasCommands = !commandLine.getSubcommands().isEmpty();
    Matcher option = OPTION.matcher(first);
    if (option.lookingAt()) {
      return "unknown option "
          + option.group()
          + (hasCommands
              ? "; options follow the command: %s COMMAND %s"
                  .formatted(commandLine.getCommandSpec().qualifiedName(), option.group())
              : didYouMean(suggestions));
    }
    if (!hasCommands) {
      return "unexpected argument at the end of the command line";
    }
    String word = first.toLowerCase(Locale.ROOT);
    List<String> alike =
        suggestions.stream()
            .filter(name -> name.regionMatches(0, word, 0, ALIKE))
            .filter(name -> word.length() <= name.length() + ALIKE)
            .toList();
    return alike.isEmpty()
        ? "unknown command; the commands are " + String.join(", ", commands(commandLine))
        : "unknown command \"%s\"%s".formatted(first, didYouMean(alike));
  }

  private static String didYouMean(List<String> names) {
    return names.isEmpty() ? "" : "; did you mean " + String.join(" or ", names) + "?";
  }

  private static List<String> commands(CommandLine commandLine) {
    return commandLine.getSubcommands().entrySet().stream()
        .filter(command -> !command.getValue().getCommandSpec().usageMessage().hidden())
        .map(Map.Entry::getKey)
        .toList();
  }
}

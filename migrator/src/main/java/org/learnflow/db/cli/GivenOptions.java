package org.learnflow.db.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** What the user typed, for messages that repeat it. */
final class GivenOptions {
  /** They say which database is used and where files are; none contains a password. */
  private static final Set<String> CARRIED =
      Set.of(
          "--database",
          "--password-file",
          "--embedded",
          "--admin-user",
          "--admin-password-file",
          "--app-user",
          "--app-password-file",
          "--release",
          "--namespace",
          "--context",
          "--stateful-set",
          "--migrations",
          "--seeds-dir",
          "--seeds",
          "--pg-dump-dir");

  private static final Pattern COMMAND =
      Pattern.compile(
          "learnflow-db (?<words>(?:credentials )?[a-z]+)"
              + "(?=(?<rest>(?:(?!learnflow-db [a-z])[^;\\n)])*))");

  private static final Pattern OPTION = Pattern.compile("--[a-z][a-z-]*");

  /** A shell reads it without quotes. */
  private static final Pattern PLAIN = Pattern.compile("[\\w@%+=:,./-]+");

  /** No password is as short as a mistyped unit or number. */
  private static final int SHORT = 5;

  private final CommandLine commandLine;

  GivenOptions(CommandLine commandLine) {
    this.commandLine = commandLine;
  }

  /**
   * A value as a message repeats it, with a space before it; empty if it could be, or contain, a
   * password in the wrong place.
   */
  static String shown(String value) {
    return value.length() > SHORT ? "" : " \"" + value + "\"";
  }

  /** The option, or its environment variable if only that is set. */
  static String name(CommandLine command, OptionSpec option, Predicate<OptionSpec> isTyped) {
    return command.getDefaultValueProvider() instanceof EnvironmentDefaults defaults
            && defaults.defaultValue(option) != null
            && !isTyped.test(option)
        ? EnvironmentDefaults.variable(option)
        : option.longestName();
  }

  /** Whether an option is among the words of a command line. */
  static boolean isAmong(String[] words, OptionSpec option) {
    return Arrays.stream(words)
        .anyMatch(word ->
            Arrays.stream(option.names())
                .anyMatch(name ->
                    word.equals(name)
                        || word.startsWith(name.startsWith("--") ? name + "=" : name)));
  }

  /**
   * Refuses empty values, such as those of an unset shell variable: an empty folder or namespace
   * would mean one that was not asked for.
   */
  static void refuseEmpty(ParseResult parsed) {
    for (ArgSpec argument : parsed.matchedArgs()) {
      if (argument.arity().max() > 0
          && argument.originalStringValues().stream().anyMatch(String::isBlank)) {
        throw new ParameterException(parsed.commandSpec().commandLine(), "empty", argument, "");
      }
    }
    if (parsed.hasSubcommand()) {
      refuseEmpty(parsed.subcommand());
    }
  }

  /** The failure as the user who typed this sees it. */
  Failure told(Failure failure) {
    Failure told =
        failure.code() == ExitCode.USAGE ? failure.what(withVariables(failure.what())) : failure;
    return failure.next().map(next -> told.next(withOptions(next))).orElse(told);
  }

  /** A text that names options, with variables in place of options that were not typed. */
  private String withVariables(String text) {
    return OPTION
        .matcher(text)
        .replaceAll(found ->
            Optional.ofNullable(commandLine.getCommandSpec().findOption(found.group()))
                .map(option -> name(commandLine, option, this::isTyped))
                .orElse(found.group()));
  }

  private boolean isTyped(OptionSpec option) {
    return commandLine.getParseResult().hasMatchedOption(option);
  }

  /**
   * A text with commands of this program, completed with the options for database and files as they
   * were typed, so that the commands can be pasted.
   */
  String withOptions(String text) {
    List<OptionSpec> typed =
        commandLine.getParseResult().matchedOptions().stream()
            .filter(option -> CARRIED.contains(option.longestName()))
            .distinct()
            .toList();
    return typed.isEmpty()
        ? text
        : COMMAND
            .matcher(text)
            .replaceAll(found ->
                Matcher.quoteReplacement(
                    "learnflow-db "
                        + found.group("words")
                        + options(typed, found.group("words"), found.group("rest"))));
  }

  private static String options(List<OptionSpec> typed, String command, String rest) {
    return Main.options(command)
        .map(known ->
            typed.stream()
                .filter(option -> known.contains(option.longestName()))
                .filter(option -> !rest.contains(option.longestName() + " "))
                .map(option ->
                    " %s %s"
                        .formatted(
                            option.longestName(),
                            quoted(String.join(",", option.originalStringValues()))))
                .collect(Collectors.joining()))
        .orElse("");
  }

  private static String quoted(String value) {
    return PLAIN.matcher(value).matches() ? value : "'" + value.replace("'", "'\\''") + "'";
  }
}

package org.learnflow.db.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/** {@code --seed-mode} defaults to LEARNFLOW_DB_SEED_MODE if it is not on the command line. */
final class EnvironmentDefaults implements IDefaultValueProvider {
  private static final String PREFIX = "LEARNFLOW_DB_";

  private final Map<String, String> environment;
  private final List<String> arguments;

  /**
   * Defaults for a command line.
   *
   * @param arguments its words
   */
  EnvironmentDefaults(Map<String, String> environment, List<String> arguments) {
    this.environment = environment;
    this.arguments = arguments;
  }

  @Override
  public @Nullable String defaultValue(ArgSpec argument) {
    if (argument instanceof OptionSpec option && !option.usageHelp() && !option.versionHelp()) {
      String value = environment.get(variable(option));
      takeAnyValue(option);
      if (isFlag(option) && Arrays.stream(option.names()).anyMatch(arguments::contains)) {
        return null; // picocli turns a flag's default round
      }
      return value == null || value.isEmpty() ? null : value;
    }
    return null;
  }

  /**
   * A role can be named --yes or --. picocli asks for defaults when the words of the command line
   * are read, and would take these for words.
   */
  private static void takeAnyValue(OptionSpec option) {
    option.command().parser().allowOptionsAsOptionParameters(true).endOfOptionsDelimiter("\0");
  }

  private static boolean isFlag(OptionSpec option) {
    return option.arity().max() == 0;
  }

  /** The variable that stands for an option. */
  static String variable(OptionSpec option) {
    return PREFIX
        + option.longestName().replaceFirst("^-+", "").replace('-', '_').toUpperCase(Locale.ROOT);
  }
}

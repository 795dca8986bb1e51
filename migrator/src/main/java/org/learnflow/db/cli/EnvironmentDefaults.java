package org.learnflow.db.cli;

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

  EnvironmentDefaults(Map<String, String> environment) {
    this.environment = environment;
  }

  @Override
  public @Nullable String defaultValue(ArgSpec argument) {
    if (argument instanceof OptionSpec option && !option.usageHelp() && !option.versionHelp()) {
      String value = environment.get(variable(option));
      takeAnyValue(option);
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

  /** The variable that stands for an option. */
  static String variable(OptionSpec option) {
    return PREFIX
        + option.longestName().replaceFirst("^-+", "").replace('-', '_').toUpperCase(Locale.ROOT);
  }
}

package org.learnflow.db.cli;

import java.util.concurrent.Callable;
import org.learnflow.db.ExitCode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What every command has: output and progress. */
@Command(mixinStandardHelpOptions = true, usageHelpAutoWidth = true)
abstract class BaseCommand implements Callable<Integer> {
  @Spec
  @SuppressWarnings("NullAway.Init") // injected by picocli
  private CommandSpec spec;

  @Mixin private OutputOptions output = new OutputOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init") // made by picocli's factory
  private ClusterOptions cluster;

  /** Does the command's work. */
  abstract ExitCode execute(ConsoleProgress progress);

  @Override
  public final Integer call() {
    Logging.configure(output.isVerbose());
    ConsoleProgress progress =
        new ConsoleProgress(
            spec.commandLine().getErr(), Boolean.getBoolean("learnflow.db.terminal"));
    try {
      return execute(progress).value();
    } finally {
      cluster.close();
      progress.clear();
    }
  }

  OutputOptions output() {
    return output;
  }

  ClusterOptions cluster() {
    return cluster;
  }

  /** Prints data: {@code text} or {@code document}, as --output asks. */
  void print(String text, Object document) {
    spec.commandLine().getOut().println(output.isJson() ? Json.write(document) : text);
    spec.commandLine().getOut().flush();
  }
}

package org.learnflow.db.cli;

import java.util.concurrent.Callable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** What every command has in common: output and progress. */
abstract class BaseCommand extends StandardOptions implements Callable<Integer> {
  @Spec
  @SuppressWarnings("NullAway.Init") // injected by picocli
  private CommandSpec spec;

  private String conclusion = "";

  @Mixin private OutputOptions output = new OutputOptions();

  @Mixin
  @SuppressWarnings("NullAway.Init") // made by picocli's factory
  private ClusterOptions cluster;

  /** Does the command's work. */
  abstract ExitCode execute(ConsoleProgress progress);

  @Override
  public final Integer call() {
    Logging.configure(output.isVerbose());
    GivenOptions given = new GivenOptions(spec.commandLine());
    ConsoleProgress progress =
        new ConsoleProgress(
            spec.commandLine().getErr(),
            Boolean.getBoolean("learnflow.db.terminal"),
            given::withOptions);
    cluster.reportTo(progress);
    progress.begin(cluster.trace(spec.qualifiedName(), progress));
    try {
      ExitCode code = execute(progress);
      report(code, conclusion, progress);
      progress.trace().end(code);
      return code.value();
    } catch (Failure failure) {
      throw reported(given.told(failure), progress);
    } catch (RuntimeException | Error e) { // an Error would pass by the FailureHandler
      throw reported(FailureHandler.unexpected(e), progress);
    } finally {
      cluster.close();
      progress.clear();
    }
  }

  private Failure reported(Failure failure, ConsoleProgress progress) {
    report(failure.code(), PodReport.line(failure), progress);
    progress.trace().end(failure);
    return failure;
  }

  private void report(ExitCode code, String line, ConsoleProgress progress) {
    if (line.isEmpty()) {
      return;
    }
    PodReport report = cluster.podReport();
    report.terminationMessage(line);
    if (code != ExitCode.OK && raisesEvents()) {
      report.event(code, line, progress);
    }
  }

  /** Whether a failure of this command in a pod is worth an Event. */
  boolean raisesEvents() {
    return false;
  }

  /** Keeps one line without passwords about how the command ended, for the pod it runs in. */
  void conclude(String line) {
    conclusion = PodReport.oneLine(line);
  }

  /** A text with commands of this program, so that they can be pasted. */
  String pasteable(String text) {
    return new GivenOptions(spec.commandLine()).withOptions(text);
  }

  OutputOptions output() {
    return output;
  }

  ClusterOptions cluster() {
    return cluster;
  }

  /** Prints data: {@code text} or {@code document}, as --output asks. */
  void print(String text, Object document) {
    spec.commandLine()
        .getOut()
        .println(output.isJson() ? Json.write(document) : Printable.text(text));
    spec.commandLine().getOut().flush();
  }
}

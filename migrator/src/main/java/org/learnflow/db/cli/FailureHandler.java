package org.learnflow.db.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Reason;
import org.learnflow.db.WholeFile;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.ParseResult;

/** Turns exceptions into a message on stderr and an exit code; a stack trace only with -v. */
final class FailureHandler implements IExecutionExceptionHandler {
  private static final String STATE = "every command can be run again safely";

  @Override
  public int handleExecutionException(
      Exception thrown, CommandLine commandLine, ParseResult parseResult) {
    Failure failure = thrown instanceof Failure known ? known : unexpected(thrown);
    PrintWriter err = commandLine.getErr();
    err.println(Printable.text(failure.text()));
    Object command = commandLine.getCommand();
    if (command instanceof BaseCommand base) {
      if (base.output().isVerbose()) {
        StringWriter trace = new StringWriter();
        failure.printStackTrace(new PrintWriter(trace));
        err.print(Printable.text(trace.toString()));
      }
      if (base.output().isJson()) {
        commandLine.getOut().println(Json.write(Map.of("error", fields(failure))));
      }
    }
    err.flush();
    return failure.code().value();
  }

  /** The failure for an unexpected exception or Error. */
  static Failure unexpected(Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof OutOfMemoryError) {
        return Failure.of(ExitCode.FAILED, "out of memory: " + cause.getMessage())
            .state(STATE)
            .next(WholeFile.MORE_MEMORY)
            .causedBy(thrown);
      }
    }
    if (isInputOrOutput(thrown)) {
      return Failure.of(ExitCode.FAILED, Reason.of(thrown))
          .state(STATE)
          .next("correct this and run the same command again")
          .causedBy(thrown);
    }
    return Failure.of(ExitCode.FAILED, "unexpected: " + thrown)
        .state(STATE)
        .next("run it with -v and report what it prints")
        .causedBy(thrown);
  }

  /** An error of a file or connection is not a fault of the program. */
  private static boolean isInputOrOutput(Throwable thrown) {
    return thrown instanceof UncheckedIOException
        || thrown instanceof IOException
        || (thrown.getCause() != null && isInputOrOutput(thrown.getCause()));
  }

  private static Map<String, Object> fields(Failure failure) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("exitCode", failure.code().value());
    fields.put("what", failure.what());
    failure.where().ifPresent(where -> fields.put("where", where));
    failure.state().ifPresent(state -> fields.put("state", state));
    failure.next().ifPresent(next -> fields.put("next", next));
    return fields;
  }
}

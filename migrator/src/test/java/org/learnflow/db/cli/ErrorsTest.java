package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.AbstractMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CliResult;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** An Error, which is no Exception, ends a command as any failure does. */
class ErrorsTest {
  /** Calls itself until the stack is full. */
  @Command(name = "deep")
  static final class Deep extends BaseCommand {
    @Override
    ExitCode execute(ConsoleProgress progress) {
      return deeper(1) > 0 ? ExitCode.OK : ExitCode.FAILED;
    }

    private static int deeper(int depth) {
      return depth < 0 ? depth : 1 + deeper(depth + 1);
    }
  }

  private static CliResult run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine =
        Main.commandLine(Map.of(), new PrintWriter(out), new PrintWriter(err))
            .addSubcommand("deep", Deep.class);
    CommandLine deep = Objects.requireNonNull(commandLine.getSubcommands().get("deep"));
    deep.setOut(new PrintWriter(out));
    deep.setErr(new PrintWriter(err));
    deep.setCaseInsensitiveEnumValuesAllowed(true);
    deep.setExecutionExceptionHandler(new FailureHandler());
    return new CliResult(commandLine.execute(arguments), out.toString(), err.toString());
  }

  @Test
  void anErrorInACommandIsToldLikeAnyFailure() {
    CliResult result = run("deep", "--output", "json");
    assertThat(result)
        .exited(ExitCode.FAILED)
        .says(
            "error: unexpected: java.lang.StackOverflowError",
            "state: every command can be run again safely",
            "next:  run it with -v")
        .doesNotSay("\tat ");
    assertThat(result.out())
        .startsWith(
            "{\"error\":{\"exitCode\":1,\"what\":\"unexpected: java.lang.StackOverflowError\"");
    assertThat(run("deep", "-v")).exited(ExitCode.FAILED).says("\tat ", "deeper");
  }

  @Test
  void anErrorBeforeACommandBeginsToo() {
    Map<String, String> environment =
        new AbstractMap<>() {
          @Override
          public Set<Entry<String, String>> entrySet() {
            return Set.of();
          }

          @Override
          public String get(@Nullable Object key) {
            throw new OutOfMemoryError("Java heap space");
          }
        };
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code =
        Main.execute(
            new String[] {"status"}, environment, new PrintWriter(out), new PrintWriter(err));
    assertThat(new CliResult(code, out.toString(), err.toString()))
        .exited(ExitCode.FAILED)
        .says("error: out of memory: Java heap space", "migrator.resources.limits.memory");
  }
}

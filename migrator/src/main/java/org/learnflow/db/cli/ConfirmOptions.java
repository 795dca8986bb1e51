package org.learnflow.db.cli;

import java.io.Console;
import java.util.Locale;
import java.util.Optional;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import picocli.CommandLine.Option;

/** Asks before something that cannot be taken back. */
final class ConfirmOptions implements Confirmation {
  @Option(names = "--yes", description = "Does not ask.")
  private boolean yes;

  /** Whether yes was said beforehand. */
  boolean isGiven() {
    return yes;
  }

  @Override
  public void confirm(String what) {
    if (yes) {
      return;
    }
    Console console =
        Optional.ofNullable(System.console())
            .filter(Console::isTerminal)
            .orElseThrow(() ->
                Failure.of(ExitCode.REFUSED, "nobody can be asked: " + what)
                    .state("nothing was changed")
                    .next("run the same command with --yes"));
    String answer = console.readLine("%s Go on? [y/N] ", Printable.text(what));
    if (answer == null || !answer.strip().toLowerCase(Locale.ROOT).matches("y|yes")) {
      throw Failure.of(ExitCode.REFUSED, "not confirmed").state("nothing was changed");
    }
  }
}

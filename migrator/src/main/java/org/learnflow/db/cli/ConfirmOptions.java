package org.learnflow.db.cli;

import java.io.Console;
import java.util.Locale;
import java.util.Optional;
import org.learnflow.db.Confirmation;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import picocli.CommandLine.Option;

/** Asks for confirmation before something that cannot be undone. */
final class ConfirmOptions implements Confirmation {
  @Option(names = "--yes", description = "Do not ask for confirmation.")
  private boolean yes;

  /** Whether --yes was given. */
  boolean isGiven() {
    return yes;
  }

  /** The terminal that both reads and shows, if there is one. */
  static Optional<Console> terminal() {
    return Optional.ofNullable(System.console()).filter(Console::isTerminal);
  }

  @Override
  public void confirm(String what) {
    if (yes) {
      return;
    }
    Console console =
        terminal()
            .orElseThrow(() ->
                Failure.of(
                        ExitCode.REFUSED,
                        "confirmation is required, but there is no terminal:" + " " + what)
                    .state("nothing was changed")
                    .next("run the same command with --yes"));
    String answer = console.readLine("%s Continue? [y/N] ", Printable.text(what));
    if (answer == null || !answer.strip().toLowerCase(Locale.ROOT).matches("y|yes")) {
      throw Failure.of(ExitCode.REFUSED, "not confirmed").state("nothing was changed");
    }
  }
}

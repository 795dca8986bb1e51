package org.learnflow.db.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code learnflow-db completion}. */
@Command(
    description = "Print a script that completes commands and options in bash and zsh.",
    footer = {
      "",
      "For this shell:  source <(learnflow-db completion)",
      "For all of bash: learnflow-db completion > ~/.local/share/bash-completion/completions/learnflow-db"
    })
final class CompletionCommand extends StandardOptions implements Runnable {
  @SuppressWarnings("NullAway.Init") // picocli sets it
  @Spec
  private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().getOut().print(AutoComplete.bash("learnflow-db", spec.root().commandLine()));
    spec.commandLine().getOut().flush();
  }
}

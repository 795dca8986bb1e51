package org.learnflow.db.testing;

import org.assertj.core.api.AssertProvider;

/**
 * How a run of the program ended.
 *
 * @param exitCode of the process
 * @param out all of stdout
 * @param err all of stderr
 */
public record CliResult(int exitCode, String out, String err)
    implements AssertProvider<CliResultAssert> {
  /** Lets {@code assertThat(result)} ask for exit code and messages. */
  @Override
  public CliResultAssert assertThat() {
    return new CliResultAssert(this);
  }

  /** Everything that was printed. */
  public String all() {
    return out + err;
  }

  /** Whether it had to wait for another one at the same work. */
  public boolean waitedForAnother() {
    return err.contains("waiting for another migrator");
  }

  /** Last line of stdout. */
  public String lastLine() {
    return out.strip().lines().reduce("", (before, line) -> line);
  }
}

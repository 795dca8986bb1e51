package org.learnflow.db.testing;

import org.assertj.core.api.AbstractAssert;
import org.assertj.core.api.Assertions;
import org.learnflow.db.ExitCode;

/** What a run of the program is expected to end with and to say on stderr. */
public final class CliResultAssert extends AbstractAssert<CliResultAssert, CliResult> {
  CliResultAssert(CliResult actual) {
    super(actual, CliResultAssert.class);
  }

  /** The exit code. */
  public CliResultAssert exited(ExitCode code) {
    Assertions.assertThat(actual.exitCode()).as(actual.all()).isEqualTo(code.value());
    return this;
  }

  /** Parts of stderr, in any order. */
  public CliResultAssert says(String... parts) {
    Assertions.assertThat(actual.err()).contains(parts);
    return this;
  }

  /** What stderr must not hold. */
  public CliResultAssert doesNotSay(String... parts) {
    Assertions.assertThat(actual.err()).doesNotContain(parts);
    return this;
  }

  /** Last line of stdout. */
  public CliResultAssert answers(String lastLine) {
    Assertions.assertThat(actual.lastLine()).as(actual.all()).isEqualTo(lastLine);
    return this;
  }
}

package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;

/** What fits into a termination message. */
class PodReportTest {
  @Test
  void aFailureBecomesOneLine() {
    assertThat(
            PodReport.line(
                Failure.of(ExitCode.FAILED, "a\n  b").where("file:1").state("c").next("d")))
        .isEqualTo("a b (file:1); c; next: d");
  }

  @Test
  void aLongMessageIsCutBetweenCharacters() {
    assertThat(PodReport.cut("ab", 4096)).isEqualTo("ab");
    assertThat(PodReport.cut("aéé", 4)).isEqualTo("aé");
    assertThat(PodReport.cut("a😀", 4)).isEqualTo("a");
  }
}

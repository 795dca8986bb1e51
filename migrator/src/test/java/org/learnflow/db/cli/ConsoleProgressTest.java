package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ConsoleProgressTest {
  private static final String ERASE = "\r\u001b[K";

  private final StringWriter err = new StringWriter();
  private long nanos = -7;

  private ConsoleProgress progress(boolean terminal) {
    return new ConsoleProgress(new PrintWriter(err), terminal, text -> text, () -> nanos);
  }

  private void wait(Duration time) {
    nanos += time.toNanos();
  }

  private static String shown(String text) {
    return ERASE + "\u001b[?7l" + text + "\u001b[?7h";
  }

  @Test
  void aLogGetsALineAfterTwoSecondsAndThenEveryTen() {
    ConsoleProgress progress = progress(false);
    List<Integer> logged = new ArrayList<>();
    for (int second = 1; second <= 25; second++) {
      wait(Duration.ofSeconds(1));
      progress.update("restore", second + " %");
      if (!err.toString().isEmpty()) {
        assertThat(err).hasToString("restore  %d %%\n".formatted(second));
        err.getBuffer().setLength(0);
        logged.add(second);
      }
    }
    assertThat(logged).containsExactly(2, 12, 22);
  }

  @Test
  void aFactIsLoggedAtOnceAndNothingTransientRightAfterIt() {
    ConsoleProgress progress = progress(false);
    wait(Duration.ofSeconds(9));
    progress.line("restore", "loading");
    wait(Duration.ofMillis(1999));
    progress.update("restore", "40 %");
    assertThat(err).hasToString("restore  loading\n");
    wait(Duration.ofMillis(1));
    progress.update("restore", "50 %");
    progress.line("restore", "loaded");
    assertThat(err).hasToString("restore  loading\nrestore  50 %\nrestore  loaded\n");
  }

  @Test
  void aTerminalsLineIsOverwrittenAndCleared() {
    ConsoleProgress progress = progress(true);
    progress.update("restore", "1 %");
    wait(Duration.ofMillis(99));
    progress.update("restore", "2 %");
    wait(Duration.ofMillis(1));
    progress.update("restore", "3 %\nand more");
    progress.line("restore", "loaded");
    progress.update("restore", "4 %");
    progress.clear();
    progress.clear();
    assertThat(err)
        .hasToString(
            shown("restore  1 %")
                + shown("restore  3 % and more")
                + ERASE
                + "restore  loaded\n"
                + shown("restore  4 %")
                + ERASE);
  }

  @Test
  void aLogHasNoControls() {
    ConsoleProgress progress = progress(false);
    wait(Duration.ofSeconds(10));
    progress.update("restore", "1 %");
    progress.clear();
    assertThat(err).hasToString("restore  1 %\n");
  }
}

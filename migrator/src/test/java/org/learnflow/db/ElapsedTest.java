package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ElapsedTest {
  private long nanos;

  @ParameterizedTest
  @CsvSource({
    "-5, 0 s",
    "0, 0 s",
    "93, 93 s",
    "120, 120 s",
    "121, 2 min 1 s",
    "7199, 119 min 59 s",
    "7200, 2 h 0 min",
    "360000, 100 h 0 min"
  })
  void aTimeIsShort(long seconds, String text) {
    assertThat(Elapsed.text(Duration.ofSeconds(seconds))).isEqualTo(text);
  }

  @Test
  void aWaitSaysHowLongAndUntilWhen() {
    Elapsed elapsed = Elapsed.fromNow(() -> nanos);
    nanos += Duration.ofMillis(12_900).toNanos();
    assertThat(elapsed.soFar()).isEqualTo("12 s so far");
    assertThat(elapsed.ofAtMost(Duration.ofMinutes(5))).isEqualTo("12 s of at most 5 min 0 s");
    assertThat(elapsed.exceeds(Duration.ofSeconds(12))).isTrue();
    assertThat(elapsed.exceeds(Duration.ofSeconds(13))).isFalse();
  }
}

package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class MeterTest {
  private static final long MEBIBYTE = 1 << 20;

  private long nanos = 42;

  private Meter meter(long mebibytes) {
    return new Meter("loaded", mebibytes * MEBIBYTE, () -> nanos);
  }

  private void wait(Duration time) {
    nanos += time.toNanos();
  }

  /** So many MiB in each of so many seconds. */
  private void passed(Meter meter, int seconds, long each) {
    for (int i = 0; i < seconds; i++) {
      wait(Duration.ofSeconds(1));
      meter.passed(each * MEBIBYTE);
    }
  }

  @Test
  void nothingHasPassedYet() {
    assertThat(meter(1024).text()).isEqualTo("0.0 of 1,024.0 MiB loaded, 0 %, 0.0 MiB/s");
    assertThat(meter(0).text()).isEqualTo("0.0 MiB loaded, 0.0 MiB/s");
    assertThat(meter(0).summary()).isEqualTo("0.0 MiB loaded, 0.0 MiB/s");
  }

  @Test
  void halfwayTheOtherHalfIsLeft() {
    Meter meter = meter(1000);
    passed(meter, 10, 50);
    assertThat(meter.text()).isEqualTo("500.0 of 1,000.0 MiB loaded, 50 %, 50.0 MiB/s, 10 s left");
    assertThat(meter.summary()).isEqualTo("500.0 MiB loaded, 50.0 MiB/s");
  }

  @Test
  void aPartOfASecondIsLeftAsAWholeOne() {
    Meter meter = meter(101);
    passed(meter, 2, 50);
    assertThat(meter.text()).endsWith("99 %, 50.0 MiB/s, 1 s left");
  }

  @Test
  void whatIsLeftFollowsTheLastMoments() {
    Meter meter = meter(1020);
    passed(meter, 10, 90);
    passed(meter, 20, 1);
    assertThat(meter.text()).isEqualTo("920.0 of 1,020.0 MiB loaded, 90 %, 1.0 MiB/s, 100 s left");
    assertThat(meter.summary()).isEqualTo("920.0 MiB loaded, 30.7 MiB/s");
  }

  @Test
  void afterPartOfASecondNothingIsPredicted() {
    Meter meter = meter(1000);
    wait(Duration.ofMillis(10));
    meter.passed(MEBIBYTE);
    assertThat(meter.text()).isEqualTo("1.0 of 1,000.0 MiB loaded, 0 %, 100.0 MiB/s");
  }

  @Test
  void hundredPercentOnlyInTheEnd() {
    Meter meter = meter(10_000).lastly("building indexes");
    wait(Duration.ofSeconds(10));
    meter.at(10_000 * MEBIBYTE - 1);
    assertThat(meter.text()).contains(" 99 %").endsWith(" 1 s left");
    meter.passed(1);
    wait(Duration.ofSeconds(33));
    assertThat(meter.text()).isEqualTo("all 10,000.0 MiB loaded; building indexes, 33 s");
    assertThat(meter.bytes()).isEqualTo(10_000 * MEBIBYTE);
  }

  @Test
  void withoutATotalThereIsNoPercentage() {
    Meter meter = meter(0).aside("of a database of " + Meter.size(900 * MEBIBYTE));
    passed(meter, 4, 3);
    assertThat(meter.text()).isEqualTo("12.0 MiB loaded, 3.0 MiB/s, of a database of 900.0 MiB");
    assertThat(meter.summary()).isEqualTo("12.0 MiB loaded, 3.0 MiB/s");
  }

  @Test
  void aStandstillIsSaidAndNothingPredicted() {
    Meter meter = meter(100);
    passed(meter, 5, 10);
    wait(Duration.ofSeconds(30));
    assertThat(meter.text()).isEqualTo("50.0 of 100.0 MiB loaded, 50 %, nothing more for 30 s");
    meter.passed(0);
    meter.at(meter.bytes());
    assertThat(meter.text()).endsWith("nothing more for 30 s");
    passed(meter, 1, 10);
    assertThat(meter.text()).startsWith("60.0 of 100.0 MiB loaded, 60 %, ").endsWith(" s left");
  }

  @Test
  void moreThanAnnouncedIsNoNegativeTime() {
    Meter meter = meter(10);
    passed(meter, 2, 10);
    assertThat(meter.text()).isEqualTo("all 20.0 MiB loaded; finishing, 0 s");
  }
}

package org.learnflow.db.testing;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;

/** What fails beside a test fails the test. */
class BackgroundTest {
  @Test
  void whatItThrowsIsThrownWhereItIsClosed() {
    assertThatThrownBy(
            () -> {
              try (Background _ =
                  Background.run(() -> {
                    throw new IOException("lost");
                  })) {
                Thread.onSpinWait();
              }
            })
        .isInstanceOf(AssertionError.class)
        .hasRootCauseMessage("lost");
  }

  @Test
  void closingWaitsForItsEnd() {
    CountDownLatch begun = new CountDownLatch(1);
    AtomicBoolean ended = new AtomicBoolean();
    try (Background _ =
        Background.run(() -> {
          begun.await();
          ended.set(true);
        })) {
      begun.countDown();
    }
    Assertions.assertThat(ended).isTrue();
  }
}

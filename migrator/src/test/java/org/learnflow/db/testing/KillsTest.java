package org.learnflow.db.testing;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Kills that met nothing fail the test. */
@ExtendWith(PostgresExtension.class)
class KillsTest {
  @Test
  void killsAreCountedAndTheSeedIsSaid(TestDatabase database) throws Exception {
    Cli cli = database.withRoles().cli();
    Kills kills = Kills.in(Kills.Stage.from("up to date, nothing to do"), () -> cli.start("roles"));
    AtomicInteger killed = new AtomicInteger();

    assertThatThrownBy(() ->
            kills.times(
                2,
                () -> {},
                () -> {
                  killed.incrementAndGet();
                  return false;
                }))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("-Dseed=");
    org.assertj.core.api.Assertions.assertThat(killed).hasValue(2);
  }

  @Test
  void oneThatComesAfterTheStageIsNone(TestDatabase database) throws Exception {
    Cli cli = database.withRoles().cli();
    Kills.Stage over =
        new Kills.Stage(running -> !running.isAlive(), running -> !running.isAlive());
    Kills kills = Kills.in(over, () -> cli.start("roles"));
    assertThatThrownBy(() -> kills.times(2, () -> {}, () -> {}))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("ms, too late");
  }
}

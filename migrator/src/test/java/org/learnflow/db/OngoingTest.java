package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.learnflow.db.testing.Eventually;

class OngoingTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private final List<String> said = new CopyOnWriteArrayList<>();
  private final Progress progress =
      new Progress() {
        @Override
        public void line(String step, String text) {
          said.add("line");
        }

        @Override
        public void update(String step, String text) {
          said.add(step + " " + text);
        }

        @Override
        public void clear() {
          said.add("cleared");
        }
      };

  @Test
  void whatTakesLongIsSaidAgainAndAgainAndClearedInTheEnd() throws Exception {
    Ongoing ongoing =
        Ongoing.begin(progress, "wait", "waiting for a claim", Duration.ofSeconds(60));
    Eventually.within(LIMIT, "it is said twice", () -> said.size() >= 2);
    ongoing.close();
    ongoing.close();
    assertThat(said.getFirst()).matches("wait waiting for a claim, [1-9] s of at most 60 s");
    assertThat(said.subList(1, said.size() - 1)).allMatch(text -> text.startsWith("wait waiting"));
    assertThat(said.getLast()).isEqualTo("cleared");
    assertThat(said).containsOnlyOnce("cleared");
  }

  @Test
  void whatTakesAMomentIsNotSaid() {
    Ongoing.begin(progress, "restore", "collecting statistics").close();
    assertThat(said).isEmpty();
  }
}

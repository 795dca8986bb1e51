package org.learnflow.db.testing;

import java.util.List;
import java.util.stream.Stream;

/**
 * The level of the suite, which e2e/README.md explains: {@code -Dlevel=gate} leaves cases of slow
 * tests to the full level; without it everything runs.
 */
public final class Level {
  private Level() {}

  /**
   * The cases of a slow test: all of them, at the gate only the first and the last.
   *
   * @param test its name, for the line that says what was left out
   */
  public static <T> Stream<T> firstAndLastAtTheGate(String test, List<T> cases) {
    if (!"gate".equals(System.getProperty("level")) || cases.size() <= 2) {
      return cases.stream();
    }
    System.out.printf(
        "%s: cases 2 to %d of %d run at the full level only (LEVEL=full), since they are slow%n",
        test, cases.size() - 1, cases.size());
    return Stream.of(cases.getFirst(), cases.getLast());
  }
}

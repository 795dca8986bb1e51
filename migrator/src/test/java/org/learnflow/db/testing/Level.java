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
   * The cases of a slow test.
   *
   * @param test its name, for the line that says how many were left out
   * @param all of them
   * @param gate those that the gate runs: one of each kind
   */
  public static <T> Stream<T> cases(String test, List<T> all, List<T> gate) {
    if (!"gate".equals(System.getProperty("level"))) {
      return all.stream();
    }
    System.out.printf(
        "%s: %d of %d cases run at the full level only (LEVEL=full), since they are slow%n",
        test, all.size() - gate.size(), all.size());
    return gate.stream();
  }
}

package org.learnflow.db;

/** Asks before something that cannot be undone. */
@FunctionalInterface
public interface Confirmation {
  /**
   * Returns only where somebody says yes.
   *
   * @param what would be done, one sentence
   * @throws Failure 10 where nobody says so
   */
  void confirm(String what);
}

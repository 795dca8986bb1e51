package org.learnflow.db;

/** Asks before something that cannot be undone. */
@FunctionalInterface
public interface Confirmation {
  /**
   * Returns only if the user says yes.
   *
   * @param what would be done, one sentence
   * @throws Failure 10 otherwise
   */
  void confirm(String what);
}

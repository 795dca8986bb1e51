package org.learnflow.db.verify;

/**
 * The outcome of one stage.
 *
 * @param name the stage, such as {@code migrations}
 * @param ok whether it is as it should be
 * @param detail what was found, one line
 */
public record StageResult(String name, boolean ok, String detail) {
  static StageResult good(String name, String detail) {
    return new StageResult(name, true, detail);
  }

  static StageResult broken(String name, String detail) {
    return new StageResult(name, false, detail);
  }
}

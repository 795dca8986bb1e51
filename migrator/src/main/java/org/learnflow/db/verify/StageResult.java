package org.learnflow.db.verify;

/**
 * The outcome of one stage.
 *
 * @param name the stage, such as {@code migrations}
 * @param ok whether it is as it should be
 * @param warning whether somebody should look at it, although it is no reason to be unhealthy
 * @param detail what was found, one line
 */
public record StageResult(String name, boolean ok, boolean warning, String detail) {
  /** An outcome without a warning. */
  public StageResult(String name, boolean ok, String detail) {
    this(name, ok, false, detail);
  }

  /** A stage that holds. */
  public static StageResult good(String name, String detail) {
    return new StageResult(name, true, detail);
  }

  /** A stage that does not. */
  public static StageResult broken(String name, String detail) {
    return new StageResult(name, false, detail);
  }

  /** A stage that holds, and needs a look. */
  public static StageResult warning(String name, String detail) {
    return new StageResult(name, true, true, detail);
  }

  /** As a line: {@code ✓ migrations: 9 applied, at 009}; {@code !} before a warning. */
  public String line() {
    return "%s %s: %s".formatted(warning ? "!" : ok ? "✓" : "✗", name, detail);
  }
}

package org.learnflow.db.verify;

/**
 * The outcome of one stage.
 *
 * @param name the stage, such as {@code migrations}
 * @param ok whether the stage passes
 * @param warning whether you should look at it, although it does not make the database unhealthy
 * @param detail what was found, one line
 */
public record StageResult(String name, boolean ok, boolean warning, String detail) {
  /** An outcome without a warning. */
  public StageResult(String name, boolean ok, String detail) {
    this(name, ok, false, detail);
  }

  /** A stage that passes. */
  public static StageResult good(String name, String detail) {
    return new StageResult(name, true, detail);
  }

  /** A stage that fails. */
  public static StageResult broken(String name, String detail) {
    return new StageResult(name, false, detail);
  }

  /** A stage that passes, but needs attention. */
  public static StageResult warning(String name, String detail) {
    return new StageResult(name, true, true, detail);
  }

  /** As a line: {@code ✓ migrations: 9 applied, at 009}; {@code !} before a warning. */
  public String line() {
    return "%s %s: %s".formatted(warning ? "!" : ok ? "✓" : "✗", name, detail);
  }
}

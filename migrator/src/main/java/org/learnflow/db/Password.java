package org.learnflow.db;

/**
 * A password that no log or exception shows by accident.
 *
 * @param value the password itself, not empty
 */
public record Password(String value) {
  /** What is shown in its place. */
  public static final String MASK = "********";

  /** Refuses an empty password, which libpq and pgjdbc would take for "none given". */
  public Password {
    if (value.isEmpty()) {
      throw new IllegalArgumentException("empty password");
    }
  }

  @Override
  public String toString() {
    return MASK;
  }
}

package org.learnflow.db;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A password that no log or exception shows by accident.
 *
 * @param value the password itself, not empty
 */
public record Password(String value) {
  /** What is shown in its place. */
  public static final String MASK = "********";

  /** Refuses an empty password, which libpq and pgjdbc would treat as none. */
  public Password {
    if (value.isEmpty()) {
      throw new IllegalArgumentException("empty password");
    }
  }

  // The two that a record has would be made at run time, which takes longer than all comparisons.

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Password password && value.equals(password.value);
  }

  @Override
  public int hashCode() {
    return value.hashCode();
  }

  @Override
  public String toString() {
    return MASK;
  }

  /** The password in a file, if any; its last line break is ignored, spaces count. */
  public static Optional<Password> ofFile(String text) {
    return Optional.of(text.replaceFirst("\\r?\\n\\z", ""))
        .filter(password -> !password.isEmpty())
        .map(Password::new);
  }
}

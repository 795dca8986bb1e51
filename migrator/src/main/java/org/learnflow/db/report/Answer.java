package org.learnflow.db.report;

import java.util.Optional;
import java.util.function.Supplier;
import org.learnflow.db.Failure;

/**
 * Something that a report shows, or why it cannot.
 *
 * @param value the thing
 * @param why it is missing, otherwise empty
 */
public record Answer<T>(Optional<T> value, String why) {
  /** There is none. */
  public static <T> Answer<T> missing(String why) {
    return new Answer<>(Optional.empty(), why);
  }

  /** There is one. */
  public static <T> Answer<T> of(T value) {
    return new Answer<>(Optional.of(value), "");
  }

  /** What {@code question} returns, or the message of its failure. */
  public static <T> Answer<T> to(Supplier<T> question) {
    try {
      return of(question.get());
    } catch (Failure failure) {
      return missing(failure.text().replaceFirst("^error: ", ""));
    }
  }
}

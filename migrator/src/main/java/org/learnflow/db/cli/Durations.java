package org.learnflow.db.cli;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as people write them. */
final class Durations {
  /** Milliseconds in a PostgreSQL setting are an int. */
  private static final Duration LONGEST = Duration.ofHours(500);

  private static final Pattern DURATION = Pattern.compile("(?<number>\\d+)(?<unit>ms|s|m|h)?");

  private Durations() {}

  /**
   * A duration such as 500ms, 60s, 5m or 1h; seconds without a unit.
   *
   * @param option the option that it was given for
   * @throws org.learnflow.db.Failure 2 if it is not a valid duration
   */
  static Duration parse(String option, String text) {
    Matcher matcher = DURATION.matcher(text);
    if (!matcher.matches() || matcher.group("number").length() > 9) {
      throw Failures.usage(option + " is not a valid duration" + GivenOptions.shown(text))
          .next("use a value such as 500ms, 60s, 5m or 1h");
    }
    long number = Long.parseLong(matcher.group("number"));
    String unit = matcher.group("unit");
    Duration duration =
        switch (unit == null ? "s" : unit) {
          case "ms" -> Duration.ofMillis(number);
          case "m" -> Duration.ofMinutes(number);
          case "h" -> Duration.ofHours(number);
          default -> Duration.ofSeconds(number);
        };
    if (duration.compareTo(LONGEST) > 0) {
      throw Failures.usage(option + " is too long").next("use at most " + LONGEST.toHours() + "h");
    }
    return duration;
  }
}

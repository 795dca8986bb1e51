package org.learnflow.db.cli;

import java.util.Locale;
import java.util.regex.Pattern;

/**
 * Text that is safe to show on a terminal. Names and messages from a database can come from anyone,
 * and some characters in them would move the cursor, set a title, or show the rest of a line
 * backwards.
 */
final class Printable {
  /** Control characters except line feed and tab, and characters that change the text direction. */
  private static final Pattern UNPRINTABLE =
      Pattern.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]");

  private Printable() {}

  /** The text with {@code \x1b} or {@code \}{@code u202e} for each of these characters. */
  static String text(String text) {
    return escaped(text, "\\x%02x");
  }

  /** JSON with the same meaning, with these characters escaped too. */
  static String json(String json) {
    return escaped(json, "\\u%04x");
  }

  private static String escaped(String text, String form) {
    return UNPRINTABLE
        .matcher(text)
        .replaceAll(match -> {
          int character = match.group().charAt(0);
          return "\\"
              + (character > 0xff ? "\\u%04x" : form).formatted(character).toLowerCase(Locale.ROOT);
        });
  }
}

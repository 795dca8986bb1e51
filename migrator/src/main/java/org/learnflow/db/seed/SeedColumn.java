package org.learnflow.db.seed;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A cell of a CSV file's first line: {@code email}, {@code username (key)}, {@code user_id ->
 * users.username} or {@code user_id -> users.username (key)}.
 *
 * @param name column of the seeded table
 * @param key whether it is part of the natural key that tells which rows are the same
 * @param reference whose row the value names, where the column is a foreign key
 */
record SeedColumn(String name, boolean key, Optional<Reference> reference) {
  private static final Pattern FORM =
      Pattern.compile(
          "(?<name>[^\\s>]+)(?:\\s*->\\s*(?<table>[^\\s]+)\\.(?<column>[^\\s.]+))?(?<key>\\s+\\(key\\))?");

  /**
   * A row of another table, named by a unique column.
   *
   * @param table as written: with or without schema
   * @param column the unique column
   */
  record Reference(String table, String column) {}

  /** What {@code cell} says, or nothing if it is not of that form. */
  static Optional<SeedColumn> parse(String cell) {
    Matcher matcher = FORM.matcher(cell.strip());
    if (!matcher.matches()) {
      return Optional.empty();
    }
    return Optional.of(
        new SeedColumn(
            matcher.group("name"),
            matcher.group("key") != null,
            Optional.ofNullable(matcher.group("table"))
                .map(table -> new Reference(table, matcher.group("column")))));
  }
}

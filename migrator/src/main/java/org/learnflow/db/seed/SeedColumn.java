package org.learnflow.db.seed;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.learnflow.db.postgres.Sql;

/**
 * A cell of a CSV file's first line: {@code email}, {@code username (key)}, {@code user_id ->
 * users.username} or {@code user_id -> users.username (key)}. A name with a space or a dot is in
 * double quotes, as in SQL.
 *
 * @param name column of the seeded table
 * @param key whether it is part of the natural key that identifies equal rows
 * @param reference whose row the value names, if the column is a foreign key
 */
record SeedColumn(String name, boolean key, Optional<Reference> reference) {
  private static final Pattern FORM =
      Pattern.compile(
          "(?<name>\"(?:[^\"]|\"\")+\"|[^\"\\s>][^\\s>]*)"
              + "(?:\\s*->\\s*(?<table>(?:%1$s\\.)?%1$s)\\.(?<column>%1$s))?(?<key>\\s+\\(key\\))?"
                  .formatted(Sql.NAME_PART));

  /**
   * A row of another table, named by a unique column.
   *
   * @param table as written: with or without schema
   * @param column the unique column
   */
  record Reference(String table, String column) {}

  /** The column in {@code cell}; empty if the cell does not have that form. */
  static Optional<SeedColumn> parse(String cell) {
    Matcher matcher = FORM.matcher(cell.strip());
    if (!matcher.matches()) {
      return Optional.empty();
    }
    return Optional.of(
        new SeedColumn(
            unquoted(matcher.group("name")),
            matcher.group("key") != null,
            Optional.ofNullable(matcher.group("table"))
                .map(table -> new Reference(table, unquoted(matcher.group("column"))))));
  }

  private static String unquoted(String name) {
    return name.startsWith("\"") ? Sql.parts(name).getFirst() : name;
  }
}

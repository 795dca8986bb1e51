package org.learnflow.db.drift;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An object that differs from its expected state.
 *
 * @param object its name, as in {@link Catalog}
 * @param expected its definition as migrations left it; null if it should not exist
 * @param found its definition now; null if it is missing
 */
public record CatalogDifference(String object, @Nullable String expected, @Nullable String found) {
  /** What has expressions in its definition. */
  private static final Pattern PRINTED =
      Pattern.compile(
          "(column|constraint|index|trigger|rule|policy|type|table|(materialized )?view) .+");

  /** {@code added}, {@code removed} or {@code changed}. */
  public String change() {
    return expected == null ? "added" : found == null ? "removed" : "changed";
  }

  /** Such as {@code added index public.users_email_idx}. */
  public String summary() {
    return change() + " " + object;
  }

  /** The summary, and below it the lines of the definition that differ. */
  public String text() {
    List<String> was = lines(expected);
    List<String> is = lines(found);
    List<String> text = new ArrayList<>();
    text.add(summary());
    was.stream().filter(line -> !is.contains(line)).forEach(line -> text.add("  - " + line));
    is.stream().filter(line -> !was.contains(line)).forEach(line -> text.add("  + " + line));
    return String.join("\n", text);
  }

  private static List<String> lines(@Nullable String definition) {
    return definition == null ? List.of() : definition.strip().lines().toList();
  }

  /** Whether restoring a dump can cause it: an expression printed differently, or a privilege. */
  boolean canComeFromRestoring() {
    return object.startsWith("grant ")
        || object.startsWith("default privileges ")
        || (change().equals("changed") && PRINTED.matcher(object).matches());
  }

  /** The list without what is part of another object in it. */
  public static List<CatalogDifference> wholes(List<CatalogDifference> all) {
    Wholes wholes = new Wholes(all);
    return all.stream().filter(one -> !wholes.havePart(one)).toList();
  }
}

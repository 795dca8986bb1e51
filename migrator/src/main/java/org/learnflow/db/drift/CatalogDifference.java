package org.learnflow.db.drift;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
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
  private static final Pattern RELATION =
      Pattern.compile("(table|foreign table|view|materialized view) (?<name>.+)");
  private static final Pattern PART =
      Pattern.compile(
          "(grant |comment on )?(column|view column default|constraint|trigger|rule|policy) (?<name>.+)");

  /** What describes another object, and does not exist without it. */
  private static final Pattern ABOUT = Pattern.compile("(grant|comment on) .+");

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

  /**
   * Whether this object was added or removed with the other one, such as a column with its table.
   */
  boolean isPartOf(CatalogDifference whole) {
    if (!change().equals(whole.change()) || change().equals("changed") || equals(whole)) {
      return false;
    }
    if (object.startsWith("grant " + whole.object + " to ")
        || object.equals("comment on " + whole.object)) {
      return true;
    }
    Matcher relation = RELATION.matcher(whole.object);
    if (!relation.matches()) {
      return false;
    }
    String name = relation.group("name");
    Matcher part = PART.matcher(object);
    if (part.matches()) {
      return part.group("name").startsWith(name + ".");
    }
    String definition =
        Optional.ofNullable(found).or(() -> Optional.ofNullable(expected)).orElse("");
    return object.startsWith("index ")
        && (definition.contains(" ON " + name + " ")
            || definition.contains(" ON ONLY " + name + " "));
  }

  /** Whether restoring a dump can cause it: an expression printed differently, or a privilege. */
  boolean canComeFromRestoring() {
    return object.startsWith("grant ")
        || object.startsWith("default privileges ")
        || (change().equals("changed") && PRINTED.matcher(object).matches());
  }

  /** The list without what is part of another object in it. */
  public static List<CatalogDifference> wholes(List<CatalogDifference> all) {
    List<CatalogDifference> relations =
        all.stream().filter(one -> !PART.matcher(one.object).matches()).toList();
    return all.stream()
        .filter(one ->
            (ABOUT.matcher(one.object).matches() ? all : relations)
                .stream().noneMatch(one::isPartOf))
        .toList();
  }
}

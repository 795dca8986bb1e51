package org.learnflow.db.drift;

import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Objects that were added or removed, and with them their parts, such as the columns of a table. By
 * name, since a database can have tens of thousands.
 */
final class Wholes {
  private static final Pattern RELATION =
      Pattern.compile("(table|foreign table|view|materialized view) (?<name>.+)");
  private static final Pattern PART =
      Pattern.compile(
          "(grant |comment on )?(column|view column default|constraint|trigger|rule|policy) (?<name>.+)");
  private static final String GRANT = "grant ";
  private static final String COMMENT = "comment on ";
  private static final String ONLY = "ONLY ";

  /** With what was done to them, as a part has the same done to it. */
  private final Set<String> objects = new HashSet<>();

  /** The same of tables and views, which have columns, constraints and indexes. */
  private final Set<String> relations = new HashSet<>();

  Wholes(Collection<CatalogDifference> all) {
    for (CatalogDifference one : all) {
      if (!one.change().equals("changed")) {
        objects.add(one.summary());
        Matcher relation = RELATION.matcher(one.object());
        if (relation.matches()) {
          relations.add(one.change() + " " + relation.group("name"));
        }
      }
    }
  }

  /** Whether one was added or removed with an object of these, such as a column with its table. */
  boolean havePart(CatalogDifference one) {
    String object = one.object();
    String change = one.change() + " ";
    if (object.startsWith(COMMENT)
        && objects.contains(change + object.substring(COMMENT.length()))) {
      return true;
    }
    if (object.startsWith(GRANT)
        && begins(objects, change, object.substring(GRANT.length()), " to ")) {
      return true;
    }
    Matcher part = PART.matcher(object);
    if (part.matches()) {
      return begins(relations, change, part.group("name"), ".");
    }
    return object.startsWith("index ")
        && isOnOne(
            change, Optional.ofNullable(one.found()).or(() -> Optional.ofNullable(one.expected())));
  }

  private boolean isOnOne(String change, Optional<String> definition) {
    String index = definition.orElse("");
    for (int on = index.indexOf(" ON "); on >= 0; on = index.indexOf(" ON ", on + 1)) {
      String of = index.substring(on + " ON ".length());
      if (begins(relations, change, of.startsWith(ONLY) ? of.substring(ONLY.length()) : of, " ")) {
        return true;
      }
    }
    return false;
  }

  /** Whether a text begins with a name of these, which the separator ends; a name may have it. */
  private static boolean begins(Set<String> names, String change, String text, String separator) {
    for (int end = text.indexOf(separator); end >= 0; end = text.indexOf(separator, end + 1)) {
      if (names.contains(change + text.substring(0, end))) {
        return true;
      }
    }
    return false;
  }
}

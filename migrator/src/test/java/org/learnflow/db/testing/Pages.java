package org.learnflow.db.testing;

import java.util.List;
import java.util.regex.Pattern;

/** What stands in the pages of docs/ to be typed. */
public final class Pages {
  private Pages() {}

  /** The blocks of a language in a page, in order. */
  public static List<String> blocks(String page, String language) {
    return Pattern.compile("(?ms)^```" + language + "\\n(.*?)^```$")
        .matcher(TestFiles.read(TestFiles.repository().resolve("docs").resolve(page)))
        .results()
        .map(block -> block.group(1))
        .toList();
  }
}

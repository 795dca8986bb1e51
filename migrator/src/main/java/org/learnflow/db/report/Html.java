package org.learnflow.db.report;

import java.util.List;

/** HTML that is also XML; everything but the names of elements and attributes is escaped. */
final class Html {
  private final StringBuilder out = new StringBuilder();

  /** As text, or as the value of an attribute. */
  static String escaped(String text) {
    StringBuilder safe = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); i++) {
      char character = text.charAt(i);
      switch (character) {
        case '&' -> safe.append("&amp;");
        case '<' -> safe.append("&lt;");
        case '>' -> safe.append("&gt;");
        case '"' -> safe.append("&quot;");
        case '\'' -> safe.append("&#39;");
        default -> safe.append(character);
      }
    }
    return safe.toString();
  }

  /** Begins an element. */
  Html open(String element, String... attributes) {
    return tag(element, ">", attributes);
  }

  /** Ends it. */
  Html close(String element) {
    out.append("</").append(element).append(">\n");
    return this;
  }

  /** An element without content. */
  Html empty(String element, String... attributes) {
    return tag(element, "/>", attributes);
  }

  /** Text. */
  Html text(String text) {
    out.append(escaped(text));
    return this;
  }

  /** An element that contains text only. */
  Html element(String element, String text, String... attributes) {
    return tag(element, ">", attributes).text(text).close(element);
  }

  /** What is HTML already. */
  Html markup(String html) {
    out.append(html);
    return this;
  }

  /** A heading of a table. */
  Html heads(List<String> heads) {
    open("thead").open("tr");
    heads.forEach(head -> element("th", head, "scope", "col"));
    return close("tr").close("thead");
  }

  /** A row of a table. */
  Html row(String... cells) {
    open("tr");
    for (String cell : cells) {
      element("td", cell);
    }
    return close("tr");
  }

  private Html tag(String element, String end, String... attributes) {
    out.append('<').append(element);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ')
          .append(attributes[i])
          .append("=\"")
          .append(escaped(attributes[i + 1]))
          .append('"');
    }
    out.append(end);
    return this;
  }

  @Override
  public String toString() {
    return out.toString();
  }
}

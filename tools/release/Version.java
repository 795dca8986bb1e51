package release;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import lib.Failure;

/**
 * A version of Semantic Versioning, without build metadata, which a tag of an image cannot have.
 *
 * @param text such as {@code 1.2.3} or {@code 1.2.3-rc.1}
 */
public record Version(String text) {
  private static final String NUMBER = "(0|[1-9][0-9]*)";
  private static final String IDENTIFIER = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)";
  private static final Pattern FORM =
      Pattern.compile("%1$s\\.%1$s\\.%1$s(-%2$s(?:\\.%2$s)*)?".formatted(NUMBER, IDENTIFIER));

  /**
   * @throws Failure if it is not one
   */
  public Version {
    if (!FORM.matcher(text).matches()) {
      throw new Failure(
          """
          "%s" is not a version
          State: nothing was built.
          Next: make release VERSION=1.2.3, or 1.2.3-rc.1 for one that is not final\
          """
              .formatted(text));
    }
  }

  /** Whether it is one before its release, such as 1.2.3-rc.1. */
  public boolean isPrerelease() {
    Matcher matcher = FORM.matcher(text);
    return matcher.matches() && matcher.group(4) != null;
  }

  /** The tag of its commit. */
  public String tag() {
    return "v" + text;
  }

  @Override
  public String toString() {
    return text;
  }
}

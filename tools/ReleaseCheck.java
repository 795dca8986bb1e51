import lib.Tool;
import release.Source;
import release.Version;

/**
 * Fails where there can be no release of VERSION, which is in the environment, before anything is
 * built for it. Run in the repository's root: {@code java tools/ReleaseCheck.java}.
 */
final class ReleaseCheck {
  private ReleaseCheck() {}

  static void main() throws Exception {
    Tool.run(() -> Source.of(new Version(System.getenv().getOrDefault("VERSION", ""))));
  }
}

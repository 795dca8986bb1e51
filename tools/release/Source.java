package release;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import lib.Failure;
import lib.Programs;

/**
 * What a release is made of: a commit, and what the changelog says about it.
 *
 * @param commit its hash
 */
public record Source(Version version, String commit) {
  private static final Path CHANGELOG = Path.of("CHANGELOG.md");
  private static final Path CHART = Path.of("charts/learnflow-db/Chart.yaml");

  /**
   * The commit that is checked out.
   *
   * @throws Failure if there cannot be a release of it with this version
   */
  public static Source of(Version version) throws IOException, InterruptedException {
    Source source = new Source(version, git("rev-parse", "HEAD"));
    source.changelog().notes(version);
    source.requireChart();
    source.requireClean();
    source.requireTag();
    return source;
  }

  public Changelog changelog() throws IOException {
    return new Changelog(CHANGELOG);
  }

  /** Its time, in seconds since 1970. */
  public long time() throws IOException, InterruptedException {
    return Long.parseLong(git("log", "-1", "--format=%ct"));
  }

  /** Those who install from a checkout of the tag get the same version. */
  private void requireChart() throws IOException {
    if (!version.isPrerelease()
        && !Files.readString(CHART)
            .contains("\nversion: %s\nappVersion: %1$s\n".formatted(version))) {
      throw new Failure(
          """
          %s is not of version %s
          State: nothing was built.
          Next: set version and appVersion there, and commit\
          """
              .formatted(CHART, version));
    }
  }

  private void requireClean() throws IOException, InterruptedException {
    String changed = git("status", "--porcelain");
    if (!changed.isEmpty()) {
      throw new Failure(
          """
          a release is made of a commit, and these files differ from it:
          %s
          State: nothing was built.
          Next: commit or stash them, and run the same command again\
          """
              .formatted(changed));
    }
  }

  private void requireTag() throws IOException, InterruptedException {
    String tag = version.tag();
    String tagged =
        Programs.attempt(command("rev-parse", "--verify", "--quiet", tag + "^{commit}"))
            .output()
            .strip();
    if (!tagged.isEmpty() && !tagged.equals(commit)) {
      throw new Failure(
          """
          %1$s is the tag of another commit, %2$s
          State: nothing was built.
          Next: git checkout %1$s, or release another version\
          """
              .formatted(tag, tagged));
    }
  }

  private static String git(String... arguments) throws IOException, InterruptedException {
    return Programs.run(command(arguments)).strip();
  }

  private static String[] command(String... arguments) {
    return Stream.concat(Stream.of("git"), Arrays.stream(arguments)).toArray(String[]::new);
  }
}

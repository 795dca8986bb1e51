import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import lib.Failure;
import lib.Programs;
import lib.Programs.Result;
import lib.Tool;

/**
 * Puts the chart's one dependency into charts/learnflow-db/charts. Run in the repository's root:
 *
 * <pre>java tools/Dependencies.java release|stand-in|test [ARCHIVE]</pre>
 *
 * <p>{@code release} takes the archive of the pinned version that is there, else the registry's;
 * {@code stand-in} the chart of e2e/stand-in; {@code test} what is there, else the registry's, else
 * the stand-in; an ARCHIVE is taken in any case. Helm itself accepts an archive of any version
 * without a word, and asks the registry also when the right one is there.
 */
final class Dependencies {
  private static final Path CHART = Path.of("charts/learnflow-db");
  private static final Path ARCHIVES = CHART.resolve("charts");
  private static final Path STAND_IN = Path.of("e2e/stand-in/postgresql");
  private static final Path HELM = Path.of("tools/bin/helm");
  private static final String STAND_IN_SUFFIX = "+standin";

  /** Without a network Helm answers at once; behind a firewall that drops packets it does not. */
  private static final Duration REGISTRY_TIME = Duration.ofSeconds(60);

  private Dependencies() {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> provide(arguments));
  }

  private static void provide(String[] arguments) throws IOException, InterruptedException {
    String mode = arguments.length == 0 ? "" : arguments[0];
    String pinned = pinnedVersion();
    if (arguments.length == 2) {
      use(Path.of(arguments[1]));
    } else if (mode.equals("stand-in")) {
      useStandIn();
    } else if (mode.equals("release")) {
      if (!present("postgresql-" + pinned + ".tgz") && !download()) {
        throw new Failure(
            """
            the chart postgresql %s could not be had, and it is not in %s
            State: nothing was installed.
            Next: copy postgresql-%s.tgz there from a machine that reaches the registry
              (helm pull oci://registry-1.docker.io/bitnamicharts/postgresql --version %s),
              or, to try things out, use the stand-in of the tests: make deps STANDIN=1\
            """
                .formatted(pinned, ARCHIVES, pinned, pinned));
      }
    } else if (mode.equals("test")) {
      if (present("postgresql-" + pinned + STAND_IN_SUFFIX + ".tgz")) {
        useStandIn();
      } else if (!present("postgresql-" + pinned + ".tgz") && !download()) {
        System.err.println("the registry is out of reach: the tests use the chart of " + STAND_IN);
        useStandIn();
      }
    } else {
      throw new Failure("usage: java tools/Dependencies.java release|stand-in|test [ARCHIVE]");
    }
    if (System.getenv().getOrDefault("QUIET", "").isEmpty()) {
      System.err.println("dependency: " + present().getFirst().getFileName());
    }
  }

  private static String pinnedVersion() throws IOException {
    Matcher matcher =
        Pattern.compile("- name: postgresql\\s+version: (\\S+)")
            .matcher(Files.readString(CHART.resolve("Chart.yaml")));
    if (!matcher.find()) {
      throw new Failure(CHART.resolve("Chart.yaml") + " pins no version of postgresql");
    }
    return matcher.group(1);
  }

  /** Whether this archive, and no other, is there. */
  private static boolean present(String archive) throws IOException {
    return present().equals(List.of(ARCHIVES.resolve(archive)));
  }

  private static List<Path> present() throws IOException {
    if (!Files.isDirectory(ARCHIVES)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(ARCHIVES)) {
      return files.toList();
    }
  }

  /** Asks the registry for what Chart.lock says. */
  private static boolean download() throws IOException, InterruptedException {
    System.err.println("asking the registry for the chart postgresql");
    removeArchives();
    try {
      Result helm =
          Programs.attempt(
              new ProcessBuilder(HELM.toString(), "dependency", "build", CHART.toString()),
              REGISTRY_TIME);
      if (!helm.isSuccess()) {
        System.err.println(helm.said().lines().reduce((_, last) -> last).orElse(""));
      }
      return helm.isSuccess();
    } catch (Failure e) {
      System.err.println("no answer from the registry: " + e.getMessage());
      return false;
    }
  }

  /** Packages it, unless that was done since it was changed last. */
  private static void useStandIn() throws IOException, InterruptedException {
    List<Path> present = present();
    if (present.size() == 1
        && present.getFirst().toString().endsWith(STAND_IN_SUFFIX + ".tgz")
        && !isChangedSince(Files.getLastModifiedTime(present.getFirst()))) {
      return;
    }
    removeArchives();
    Programs.run(HELM.toString(), "package", STAND_IN.toString(), "-d", ARCHIVES.toString());
  }

  private static boolean isChangedSince(FileTime time) throws IOException {
    try (Stream<Path> files = Files.walk(STAND_IN)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (Files.getLastModifiedTime(file).compareTo(time) > 0) {
          return true;
        }
      }
    }
    return false;
  }

  private static void use(Path archive) throws IOException {
    if (!Files.isRegularFile(archive)) {
      throw new Failure(archive + " is no archive of a chart; make one with: helm package");
    }
    removeArchives();
    Files.createDirectories(ARCHIVES);
    Files.copy(
        archive, ARCHIVES.resolve(archive.getFileName()), StandardCopyOption.REPLACE_EXISTING);
  }

  /** Two archives of one chart would be rendered both. */
  private static void removeArchives() throws IOException {
    for (Path archive : present()) {
      if (archive.toString().endsWith(".tgz")) {
        Files.delete(archive);
      }
    }
  }
}

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/**
 * Linters that say nothing where they find nothing. Run in the repository's root: {@code java
 * tools/Lint.java chart|migrations}.
 */
final class Lint {
  private static final String CHART = "charts/learnflow-db";
  private static final Path MIGRATIONS = Path.of("migrations");
  private static final Pattern FOUND = Pattern.compile("\\[(CRITICAL|WARNING)].*");

  /**
   * Not followed: user 1001 is Bitnami's and our image's; a tag is never moved, so that an image on
   * the node is right; liveness and readiness are one question to PostgreSQL, with different
   * patience, in Bitnami's chart.
   */
  private static final List<String> NOT_FOLLOWED =
      List.of(
          "container-security-context-user-group-id",
          "container-image-pull-policy",
          "pod-probes-identical");

  private Lint() {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      switch (String.join(" ", arguments)) {
        case "chart" -> chart();
        case "migrations" -> migrations();
        default -> throw new Failure(2, "usage: java tools/Lint.java chart|migrations");
      }
    });
  }

  private static void chart() throws IOException, InterruptedException {
    tool("helm", "lint", "--quiet", "--strict", CHART);
    score();
    tool("actionlint");
    // Without the network: it would ask GitHub, and know no more about what is pinned by commit.
    tool("zizmor", "--offline", "--quiet", ".github/workflows");
    tool(
        "yamllint",
        "--strict",
        "--config-file",
        "tools/yamllint.yaml",
        CHART,
        "examples",
        ".github");
  }

  /** kube-score's exit code knows no warnings. */
  private static String newestKubernetes() throws IOException {
    Properties versions = new Properties();
    try (Reader reader = Files.newBufferedReader(Path.of("tools/versions.properties"))) {
      versions.load(reader);
    }
    return versions.getProperty("kubernetes.newest");
  }

  private static void score() throws IOException, InterruptedException {
    Path manifests = Files.createTempFile("learnflow-db", ".yaml");
    try {
      Files.writeString(
          manifests,
          tool(
                  "helm",
                  "template",
                  "learnflow-db",
                  CHART,
                  "-n",
                  "postgres",
                  "-f",
                  "values-prod.yaml")
              + "\n");
      List<String> command =
          new ArrayList<>(
              List.of("tools/bin/kube-score", "score", "--kubernetes-version", "v" + newestKubernetes()));
      NOT_FOLLOWED.forEach(test -> command.addAll(List.of("--ignore-test", test)));
      command.addAll(List.of("--output-format", "ci", manifests.toString()));
      Programs.Result result = Programs.attempt(new ProcessBuilder(command));
      if (!result.errors().isEmpty()) {
        throw new Failure("kube-score: " + result.errors());
      }
      String found =
          result
              .output()
              .lines()
              .filter(line -> FOUND.matcher(line).matches())
              .collect(Collectors.joining("\n"));
      if (!found.isEmpty()) {
        throw new Failure(found);
      }
    } finally {
      Files.delete(manifests);
    }
  }

  /** V files only: U files take things away on purpose. */
  private static void migrations() throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(List.of("tools/bin/squawk", "--config", "tools/squawk.toml"));
    try (Stream<Path> files = Files.list(MIGRATIONS)) {
      files
          .filter(file -> file.getFileName().toString().matches("V.*\\.sql"))
          .sorted()
          .map(Path::toString)
          .forEach(command::add);
    }
    Programs.run(command);
  }

  private static String tool(String name, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("tools/bin/" + name));
    command.addAll(List.of(arguments));
    return Programs.run(command);
  }
}

package cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import lib.Cached;
import lib.Failure;
import lib.Programs;

/**
 * A program that a Go module pins.
 *
 * @param folder the module is in its folder {@code go/NAME}
 * @param name the module's and the program's
 */
public record GoTool(Path folder, String name) {
  private static final String CLOUDNATIVE_PG = "github.com/cloudnative-pg/cloudnative-pg";

  /**
   * As their own releases do: the chart's hooks go by Helm's, see learnflow-db.hookOutput, and the
   * migrator by CloudNativePG's.
   */
  private static final Map<String, String> LINKER_FLAGS =
      Map.of(
          "helm", "-X helm.sh/helm/v4/internal/version.gitCommit=pinned",
          "helm3", "-X helm.sh/helm/v3/internal/version.gitCommit=pinned",
          "cloudnative-pg", "-s -w -X " + CLOUDNATIVE_PG + "/pkg/versions.buildVersion=1.30.0");

  /** All that are pinned in a folder. */
  public static List<GoTool> all(Path folder) throws IOException {
    try (Stream<Path> modules = Files.list(folder.resolve("go"))) {
      return modules
          .map(module -> new GoTool(folder, module.getFileName().toString()))
          .sorted(Comparator.comparing(GoTool::name))
          .toList();
    }
  }

  /** Where it is in the cache, if it is built. */
  public Path cached() throws IOException {
    List<Path> pins = List.of(module().resolve("go.mod"), module().resolve("go.sum"));
    return Cached.folder("tools")
        .resolve(name)
        .resolve(Cached.digest(6, pins, linkerFlags()))
        .resolve(name);
  }

  /** The program, built where it is not in the cache. */
  public Path build() throws IOException, InterruptedException {
    Path program = cached();
    Cached.build(program.getParent(), this::build);
    return program;
  }

  private void build(Path into) throws IOException, InterruptedException {
    System.err.println("building " + name + ", once");
    // Without cgo it needs no library of the system, so that it runs in an image that has none.
    Programs.run(
        "env",
        "CGO_ENABLED=0",
        go(),
        "build",
        "-C",
        module().toString(),
        "-ldflags",
        linkerFlags(),
        "-trimpath",
        "-buildvcs=false",
        "-o",
        into.resolve(name).toString(),
        "tool");
  }

  private static String go() {
    return Programs.find("go")
        .or(() -> Optional.of(Path.of("/usr/local/go/bin/go")).filter(Files::isExecutable))
        .orElseThrow(() ->
            new Failure(
                "Go 1.26 was not found, which builds the tools: install it"
                    + " (https://go.dev/dl, or apt, brew) and put it on PATH"))
        .toString();
  }

  private Path module() {
    return folder.resolve("go").resolve(name);
  }

  private String linkerFlags() {
    return LINKER_FLAGS.getOrDefault(name, "");
  }
}

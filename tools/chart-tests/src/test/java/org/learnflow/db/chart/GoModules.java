package org.learnflow.db.chart;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Sources of Go modules, which Go downloads once and keeps. */
final class GoModules {
  private GoModules() {}

  /**
   * The directory of a module.
   *
   * @param module with its version, such as {@code k8s.io/kubernetes@v1.36.3}
   */
  static Path directory(String module) {
    String answer =
        Repository.run(Repository.ROOT, List.of(go(), "mod", "download", "-json", module))
            .successful();
    return Path.of(Repository.json(answer).path("Dir").asText());
  }

  private static String go() {
    Path usual = Path.of("/usr/local/go/bin/go");
    boolean onPath =
        List.of(System.getenv("PATH").split(":")).stream()
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, "go")));
    return onPath || Files.notExists(usual) ? "go" : usual.toString();
  }
}

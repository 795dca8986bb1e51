package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Comparator;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.parallel.Isolated;

/** How fast the Makefile answers. Alone, since others would slow it down. */
@ExtendWith(Workspaces.class)
@Isolated
class MakeSpeedTest {
  @Test
  @DisplayName(
      "make verify says healthy in under 3 s, make connection takes under 1 s beside JVM and API; where nothing is, both say not deployed")
  void fast(Workspace workspace) {
    String namespace = workspace.restricted();
    // Make shows the program's exit code: 1 for verify, 3 for the others.
    assertThat(MakeTest.make(workspace, namespace, "verify").failed().output())
        .contains("not deployed\n", "Error 1");
    assertThat(MakeTest.make(workspace, namespace, "connection").failed().output())
        .contains("release learnflow-db is not deployed in namespace " + namespace, "Error 3");

    MakeTest.make(workspace, namespace, "deploy", "ENV=dev").successful();
    // JVM and one answer of the API: that nothing is there.
    Release missing = new Release(workspace, "helm", workspace.unmade(), "values-dev.yaml");
    Duration start = fastest(() -> missing.learnflowDb("connection").failed());
    Duration verify = fastest(() -> MakeTest.make(workspace, namespace, "verify").successful());
    Duration connection =
        fastest(() -> MakeTest.make(workspace, namespace, "connection").successful());
    System.out.printf(
        "e2e      fastest of five: make verify %d ms; make connection %d ms; JVM and one answer of the API alone %d ms%n",
        verify.toMillis(), connection.toMillis(), start.toMillis());
    assertThat(verify).isLessThan(Duration.ofSeconds(3));
    assertThat(connection.minus(start)).isLessThan(Duration.ofSeconds(1));
  }

  /** Something else may run on the machine at the same time. */
  private static Duration fastest(Supplier<Command> command) {
    return Stream.generate(command)
        .limit(5)
        .map(Command::duration)
        .min(Comparator.naturalOrder())
        .orElseThrow();
  }
}

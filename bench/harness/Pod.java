package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Programs;

/**
 * A pod of two containers on the cluster of {@code make cluster}: a PostgreSQL, and one with the
 * image's content, where processes are measured by a script.
 */
public final class Pod implements AutoCloseable {
  private static final Path FILES = Path.of("bench/pod");
  private static final Path NOTHING = Path.of("/dev/null");
  private static final String NAMESPACE = "learnflow-db-bench";

  private Pod() {}

  public static Pod start(Path work, StagedImage image) throws IOException, InterruptedException {
    var pod = new Pod();
    Cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found");
    Cluster.kubectl("apply", "--filename", FILES.resolve("pod.yaml").toString());
    Cluster.kubectl(
        "wait", "pod/bench", "--timeout=60s", "--namespace", NAMESPACE, "--for=condition=Ready");
    var archive = work.resolve("image.tar");
    image.archive(archive);
    pod.exec(archive, "unpack", StagedImage.HOME);
    Files.delete(archive);
    return pod;
  }

  /** The database beside, as the admin. */
  public Database database() {
    return new Database("127.0.0.1", 5432, "postgres", "", "learnflow");
  }

  /** Runs a command in the pod and measures it there. */
  public Outcome measure(List<String> command) throws IOException, InterruptedException {
    var arguments = new ArrayList<>(List.of("time"));
    arguments.addAll(command);
    var lines = exec(NOTHING, arguments.toArray(String[]::new)).lines().toList();
    var figures = lines.getLast().split(" ");
    return figures[0].equals("0")
        ? new Outcome.Done(
            Double.parseDouble(figures[1]),
            Double.parseDouble(figures[2]),
            Double.parseDouble(figures[3]))
        : new Outcome.Failed("exit code " + String.join("\n", lines));
  }

  private String exec(Path input, String... arguments) throws IOException, InterruptedException {
    var command =
        new ArrayList<>(
            List.of("exec", "bench", "--namespace", NAMESPACE, "--container", "client", "--stdin"));
    command.addAll(List.of("--", "python3", "-c", Files.readString(FILES.resolve("stopwatch.py"))));
    command.addAll(List.of(arguments));
    return Programs.run(
        new ProcessBuilder(Cluster.kubectlLine(command)).redirectInput(input.toFile()));
  }

  @Override
  public void close() throws IOException, InterruptedException {
    Cluster.kubectl("delete", "namespace", NAMESPACE);
  }
}

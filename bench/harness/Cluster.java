package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Failure;
import lib.Programs;

/** The cluster of {@code make cluster}, used through kubectl and helm as people use it. */
public final class Cluster {
  public static final String RELEASE = "learnflow-db";

  private static final Path KUBECONFIG = Path.of("e2e/cluster/kubeconfig");
  private static final Path CHART = Path.of("charts/learnflow-db");
  private static final Path IMAGE = Path.of("migrator/target/image.tar");

  private Cluster() {}

  /** Whether there is such a cluster. */
  public static boolean possible() {
    return Files.exists(KUBECONFIG);
  }

  /** Refuses to go on without it. */
  public static void require() throws IOException, InterruptedException {
    Programs.require("kubectl");
    if (!possible()) {
      throw new Failure("run make cluster first");
    }
  }

  /** Runs a statement as the owner in PostgreSQL's pod; rows without titles. */
  public static String sql(String namespace, String statement)
      throws IOException, InterruptedException {
    return sql(namespace, "learnflow_owner", "password", statement);
  }

  /** The same as another role, whose password the pod has under that name. */
  public static String sql(String namespace, String role, String password, String statement)
      throws IOException, InterruptedException {
    return kubectl(
        "-n",
        namespace,
        "exec",
        "postgres-0",
        "--",
        "sh",
        "-c",
        "PGPASSWORD=$(cat /opt/bitnami/postgresql/secrets/$1) exec psql -v ON_ERROR_STOP=1 -qAth"
            + " 127.0.0.1 -U $2 -d learnflow -c \"$0\"",
        statement,
        password,
        role);
  }

  /** The program of this checkout, for the release in a namespace; stderr goes to stdout. */
  public static ProcessBuilder program(String namespace, String... words) {
    var command = new ArrayList<>(List.of("migrator/target/dist/bin/learnflow-db"));
    command.addAll(List.of(words));
    command.addAll(List.of("--release", RELEASE, "--namespace", namespace));
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("KUBECONFIG", KUBECONFIG.toString());
    return builder;
  }

  public static String kubectl(String... arguments) throws IOException, InterruptedException {
    return run(kubectlLine(List.of(arguments)));
  }

  static List<String> kubectlLine(List<String> arguments) {
    return line(List.of("kubectl", "--kubeconfig", KUBECONFIG.toString()), arguments);
  }

  public static String helm(List<String> arguments) throws IOException, InterruptedException {
    return run(line(List.of("tools/bin/helm", "--kubeconfig", KUBECONFIG.toString()), arguments));
  }

  /** The command of the README, with the images that are on the node. */
  public static List<String> upgradeInstall(String namespace, Path values)
      throws IOException, InterruptedException {
    return line(
        List.of("upgrade", "--install", RELEASE, CHART.toString(), "-n", namespace),
        line(List.of("-f", values.toString()), images()));
  }

  /** A new namespace that enforces PSA restricted; one left over from another run goes. */
  public static void createNamespace(String name) throws IOException, InterruptedException {
    deleteNamespace(name);
    kubectl("create", "namespace", name);
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted");
  }

  /** Deletes a namespace, and waits until it is gone. */
  public static void deleteNamespace(String name) throws IOException, InterruptedException {
    kubectl("delete", "namespace", name, "--ignore-not-found");
  }

  /** Such as {@code Kubernetes 1.36.3, Helm 4.3.1}. */
  public static String versions() throws IOException, InterruptedException {
    var kubernetes =
        kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.nodeInfo.kubeletVersion}");
    var helm = helm(List.of("version", "--template", "{{.Version}}"));
    return "Kubernetes %s, Helm %s".formatted(kubernetes.substring(1), helm.substring(1));
  }

  private static List<String> images() throws IOException, InterruptedException {
    var manifest = run(List.of("tar", "-xOf", IMAGE.toString(), "manifest.json"));
    var tag = manifest.replaceAll("(?s).*\"RepoTags\":\\[\"[^\"]*:([^\"]*)\".*", "$1");
    return List.of(
        "--set",
        "migrator.image.tag=" + tag,
        "--set",
        "postgresql.image.registry=learnflow.test,postgresql.image.repository=postgresql",
        "--set-string",
        "postgresql.image.tag=17");
  }

  private static String run(List<String> line) throws IOException, InterruptedException {
    return Programs.run(line);
  }

  private static List<String> line(List<String> first, List<String> rest) {
    var line = new ArrayList<>(first);
    line.addAll(rest);
    return line;
  }
}

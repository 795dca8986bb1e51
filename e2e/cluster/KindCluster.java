import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lib.Failure;
import lib.Programs;
import lib.Waiting;

/** Kubernetes in a container, made by kind. */
final class KindCluster implements Backend {
  private static final String NAME = "learnflow-db";
  private static final String NODE = NAME + "-control-plane";
  private static final String PROVISIONER = "/usr/local/bin/learnflow-provisioner";
  private static final String ADMIN = "--kubeconfig=/etc/kubernetes/admin.conf";

  /** The one that the pinned version of kind was released with. */
  private static final String IMAGE =
      "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5";

  private static final List<String> TEST_IMAGES =
      List.of(
          "learnflow.test/postgresql:17",
          "learnflow.test/postgresql-bitnami:17",
          "learnflow.test/python:3");
  private static final List<String> STATIC_PODS =
      List.of("apiserver", "controller-manager", "scheduler");
  private static final List<String> SERVICES = List.of("kubelet", "containerd");
  private static final String DNS = "coredns";

  static boolean possible() throws IOException, InterruptedException {
    return Programs.find("docker").isPresent() && Programs.succeeds("docker", "info");
  }

  @Override
  public void up() throws IOException, InterruptedException {
    var kind = kind();
    if (exists()) {
      Programs.run("docker", "start", NODE);
      System.err.println("the cluster is already up");
    } else {
      Programs.runLong(
          "kind create cluster",
          new ProcessBuilder(
              kind,
              "create",
              "cluster",
              "--name=" + NAME,
              "--image=" + IMAGE,
              "--wait=120s",
              "--kubeconfig=" + Cluster.KUBECONFIG),
          Files.createDirectories(Cluster.cache()).resolve("kind.log"));
    }
    Cluster.writeKubeconfig(Programs.run(kind, "get", "kubeconfig", "--name=" + NAME));
    loadTestImages();
    startProvisioner();
    var manifest = Cluster.FOLDER.resolve("storage.yaml").toFile();
    var apply =
        new ProcessBuilder("docker", "exec", "-i", NODE, "kubectl", ADMIN, "apply", "--filename=-")
            .redirectInput(manifest);
    await("the API server", () -> Programs.attempt(apply).exit() == 0);
    System.err.println("the cluster is up");
  }

  /** From registries, which answer where Docker is; in tools/images they are of Debian packages. */
  private static void loadTestImages() throws IOException, InterruptedException {
    System.err.println("test images");
    var folder = Cluster.FOLDER.resolve("kind");
    for (var image : TEST_IMAGES) {
      var file = image.replaceFirst(".*/(.*):.*", "$1.Dockerfile");
      Programs.run(
          "docker",
          "build",
          "--quiet",
          "--tag=" + image,
          "--file=" + folder.resolve(file),
          folder.toString());
      Programs.run(kind(), "load", "docker-image", image, "--name=" + NAME);
    }
  }

  /** For the class "tiny" alone; kind has a default class of its own. */
  private static void startProvisioner() throws IOException, InterruptedException {
    if (Programs.succeeds("docker", "exec", NODE, "pgrep", "-f", PROVISIONER)) {
      return;
    }
    var program = Binaries.PROVISIONER.build().resolve("provisioner");
    Programs.run("docker", "cp", program.toString(), NODE + ":" + PROVISIONER);
    Programs.run(
        "docker",
        "exec",
        "--detach",
        NODE,
        PROVISIONER,
        "-kubeconfig=/etc/kubernetes/admin.conf",
        "-directory=/var/learnflow-volumes");
  }

  @Override
  public void prepare() throws IOException, InterruptedException {
    kind();
    Binaries.PROVISIONER.build();
  }

  /** Docker's part; what Docker itself makes, such as kind's network, stays for the next one. */
  @Override
  public List<String> listing() throws IOException, InterruptedException {
    return Programs.run("docker", "ps", "--all", "--format={{.Names}}").lines().sorted().toList();
  }

  @Override
  public void down() throws IOException, InterruptedException {
    if (exists()) {
      Programs.run(
          kind(), "delete", "cluster", "--name=" + NAME, "--kubeconfig=" + Cluster.KUBECONFIG);
    }
  }

  @Override
  public boolean status() throws IOException, InterruptedException {
    if (!exists()) {
      System.out.println("the cluster is down");
      return false;
    }
    var nodes =
        Programs.attempt("docker", "exec", NODE, "kubectl", ADMIN, "get", "nodes,storageclasses");
    System.out.println(nodes.output());
    return nodes.exit() == 0;
  }

  @Override
  public void load(List<Path> archives) throws IOException, InterruptedException {
    for (var archive : archives) {
      Programs.run(kind(), "load", "image-archive", archive.toString(), "--name=" + NAME);
      System.err.println("loaded " + archive);
    }
  }

  /** The kubelet runs a static pod as long as its manifest is in the folder. */
  @Override
  public void control(String action, String part) throws IOException, InterruptedException {
    if (SERVICES.contains(part)) {
      Programs.run("docker", "exec", NODE, "systemctl", action, part);
    } else if (STATIC_PODS.contains(part)) {
      var manifest = "/etc/kubernetes/manifests/kube-%s.yaml".formatted(part);
      var stopped = "/etc/kubernetes/kube-%s.yaml".formatted(part);
      if (!action.equals("start")) {
        Programs.run("docker", "exec", NODE, "mv", manifest, stopped);
        awaitPod(part, false);
      }
      if (!action.equals("stop")) {
        Programs.run("docker", "exec", NODE, "mv", stopped, manifest);
        awaitPod(part, true);
      }
    } else if (part.equals(DNS)) {
      if (!action.equals("start")) {
        scaleDns(0);
      }
      if (!action.equals("stop")) {
        scaleDns(2);
      }
    } else {
      throw new Failure(
          "there is no part %s; there are: %s, %s, %s"
              .formatted(part, String.join(", ", SERVICES), String.join(", ", STATIC_PODS), DNS));
    }
  }

  private static void scaleDns(int replicas) throws IOException, InterruptedException {
    var inSystem = List.of("docker", "exec", NODE, "kubectl", ADMIN, "--namespace=kube-system");
    var scale = new ArrayList<>(inSystem);
    scale.addAll(List.of("scale", "deployment", DNS, "--replicas=" + replicas));
    Programs.run(scale.toArray(String[]::new));
    var wait = new ArrayList<>(inSystem);
    wait.addAll(
        replicas == 0
            ? List.of(
                "wait", "pods", "--selector=k8s-app=kube-dns", "--for=delete", "--timeout=60s")
            : List.of("rollout", "status", "deployment", DNS, "--timeout=60s"));
    Programs.run(wait.toArray(String[]::new));
  }

  private static void awaitPod(String part, boolean running)
      throws IOException, InterruptedException {
    await(
        part + (running ? " to start" : " to stop"),
        () ->
            Programs.succeeds("docker", "exec", NODE, "pgrep", "-x", processName(part)) == running);
  }

  private static void await(String what, Waiting.Condition condition)
      throws IOException, InterruptedException {
    Waiting.until(
        Cluster.LIMIT,
        "%s; docker logs %s may say why; make cluster-down cluster creates a new one"
            .formatted(what, NODE),
        condition);
  }

  /** The kernel keeps 15 characters. */
  private static String processName(String part) {
    var name = "kube-" + part;
    return name.substring(0, Math.min(name.length(), 15));
  }

  private static boolean exists() throws IOException, InterruptedException {
    return Programs.succeeds("docker", "container", "inspect", NODE);
  }

  private static String kind() throws IOException, InterruptedException {
    var installed = Programs.find("kind");
    return (installed.isPresent() ? installed.get() : Binaries.KIND.build().resolve("kind"))
        .toString();
  }
}

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import lib.Cached;
import lib.Failure;
import lib.Programs;
import lib.Tool;

/** Brings up a Kubernetes for tests on this machine, and takes it down without a trace. */
final class Cluster {
  static final Path FOLDER =
      Path.of(System.getProperty("jdk.launcher.sourcefile"))
          .toAbsolutePath()
          .normalize()
          .getParent();
  static final Path KUBECONFIG = FOLDER.resolve("kubeconfig");

  /** How long a part of the cluster may take to do what it is to do. */
  static final Duration LIMIT = Duration.ofSeconds(120);

  private static final String USAGE =
      """
      usage: java e2e/cluster/Cluster.java COMMAND
        prepare                   installs and builds what up needs
        up                        a cluster; its kubeconfig is e2e/cluster/kubeconfig
        down                      takes it down, with all that is in it
        status                    what runs; exit code 1 where nothing answers
        load FILE.tar...          puts images on the node
        stop|start|restart PART   one of the cluster's processes: apiserver, kubelet, ...
        listing                   what a cluster could leave on this machine, to compare
        check                     up and down, and what that changed on this machine\
      """;

  private Cluster() {}

  static void main(String[] arguments) throws Exception {
    Tool.run(() -> {
      try {
        System.exit(run(List.of(arguments)));
      } catch (IOException e) {
        throw new Failure(
            "%s failed: %s; make cluster-down cluster creates a new one".formatted(arguments[0], e));
      }
    });
  }

  private static int run(List<String> arguments) throws IOException, InterruptedException {
    var command = arguments.isEmpty() ? "" : arguments.getFirst();
    var rest = arguments.stream().skip(1).toList();
    boolean fits =
        switch (command) {
          case "prepare", "up", "down", "status", "listing", "check" -> rest.isEmpty();
          case "load" -> !rest.isEmpty();
          case "stop", "start", "restart" -> rest.size() == 1;
          default -> false;
        };
    if (!fits) {
      System.err.println(USAGE);
      return 2;
    }
    switch (command) {
      case "listing" -> backend().listing().forEach(System.out::println);
      case "prepare" -> alone(backend()::prepare);
      case "status" -> {
        return backend().status() ? 0 : 1;
      }
      case "up" -> alone(() -> up(backend()));
      case "down" -> alone(Cluster::down);
      case "check" -> {
        return check(backend());
      }
      case "load" -> backend().load(archives(rest));
      default -> backend().control(command, rest.getFirst());
    }
    return 0;
  }

  private static Backend backend() throws IOException, InterruptedException {
    return KindCluster.possible() ? new KindCluster() : new BareCluster();
  }

  private static void up(Backend backend) throws IOException, InterruptedException {
    backend.up();
    System.out.println("export KUBECONFIG=" + KUBECONFIG);
    if (Programs.find("kubectl").isEmpty() && backend instanceof BareCluster) {
      System.out.println("export PATH=\"" + Binaries.KUBERNETES.build() + ":$PATH\"");
    }
  }

  /** Docker may have come or gone since the cluster was made. */
  private static void down() throws IOException, InterruptedException {
    if (KindCluster.possible()) {
      new KindCluster().down();
    }
    if (BareCluster.leftSomething()) {
      new BareCluster().down();
    }
    Files.deleteIfExists(KUBECONFIG);
    System.err.println("the cluster is down");
  }

  /** Brings a cluster up and down, and prints what is not as it was. */
  private static int check(Backend backend) throws IOException, InterruptedException {
    alone(Cluster::down);
    alone(backend::prepare);
    var before = backend.listing();
    alone(() -> up(backend));
    boolean answers = backend.status();
    alone(Cluster::down);
    var after = backend.listing();
    before.stream().filter(line -> !after.contains(line)).forEach(line -> print("< ", line));
    after.stream().filter(line -> !before.contains(line)).forEach(line -> print("> ", line));
    if (!answers || !Set.copyOf(before).equals(Set.copyOf(after))) {
      return 1;
    }
    System.out.println("the machine is as it was");
    return 0;
  }

  private static void print(String sign, String line) {
    System.out.println(sign + line);
  }

  private static List<Path> archives(List<String> names) {
    var archives = names.stream().map(name -> Path.of(name).toAbsolutePath()).toList();
    for (var archive : archives) {
      if (!Files.isReadable(archive)) {
        throw new Failure(archive + " cannot be read");
      }
    }
    return archives;
  }

  /** For this user only, also where it is root by sudo that writes it. */
  static void writeKubeconfig(String content) throws IOException {
    var fresh = FOLDER.resolve("kubeconfig.new");
    Files.deleteIfExists(fresh);
    Files.createFile(
        fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.writeString(fresh, content);
    Files.setOwner(fresh, Files.getOwner(FOLDER));
    Files.move(fresh, KUBECONFIG, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Outside the checkout, so that a clean one is up quickly. */
  static Path cache() {
    return Cached.folder("cluster");
  }

  /** Archives of the test images, built where they are not cached. */
  static List<Path> testImages() throws IOException, InterruptedException {
    System.err.println("test images");
    var images =
        new ProcessBuilder(
                Programs.jdk("java"),
                FOLDER.resolve("../../tools/images/Images.java").normalize().toString(),
                "pause",
                "postgresql",
                "postgresql-bitnami",
                "python")
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    var output = Programs.run(images);
    return archives(output.lines().toList());
  }

  private interface Action {
    void run() throws IOException, InterruptedException;
  }

  private static void alone(Action action) throws IOException, InterruptedException {
    Files.createDirectories(cache());
    try (var file =
            FileChannel.open(
                cache().resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var lock = file.tryLock()) {
      if (lock == null) {
        throw new Failure("another make cluster or make cluster-down is at work; wait for its end");
      }
      action.run();
    }
  }
}

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import javax.naming.NamingException;
import javax.naming.directory.InitialDirContext;
import lib.Failure;
import lib.Programs;
import lib.Waiting;

/**
 * One node of upstream Kubernetes, its parts as plain processes under runit. They live in mount,
 * network and process namespaces of their own, as the node of a kind cluster does: they meet no
 * port, address or firewall rule of this machine, and what they make is gone when they are.
 */
final class BareCluster implements Backend {
  static final Path STATE = Path.of("/var/lib/learnflow-db-cluster");

  private static final Path SERVICES = STATE.resolve("services");
  private static final Path INIT = STATE.resolve("init");
  private static final Path ADMIN = STATE.resolve("super-admin.conf");

  /** Lines of a file and what to write to it, to have the kernel as it was. */
  private static final Path SETTINGS = STATE.resolve("kernel-settings");

  private static final Path COMPLETE = STATE.resolve("complete");
  private static final String CGROUP = "learnflow-db";

  /**
   * The pair of links between this machine and the node; RFC 2544 keeps the addresses for tests.
   */
  private static final String LINK = "learnflow-db";

  private static final String MACHINE_ADDRESS = "198.18.41.1";
  private static final String NODE_ADDRESS = "198.18.41.2";

  /** Places outside STATE that init covers with its own; they must be there on any machine. */
  private static final List<Path> COVERED =
      List.of(Path.of("/var/lib/cni"), Path.of("/var/lib/kubelet"));

  private static final List<String> UNSHARE =
      List.of(
          "unshare",
          "--mount",
          "--net",
          "--ipc",
          "--pid",
          "--fork",
          "--kill-child",
          "--mount-proc",
          INIT.toString());

  private static final String NO_CONTAINER =
      "start Docker, or use a machine or virtual machine instead of this container";

  static boolean leftSomething() {
    return Files.exists(STATE) || unshare().isPresent();
  }

  @Override
  public void prepare() throws IOException, InterruptedException {
    requireRoot();
    prepared();
  }

  /** The test images. */
  private static List<Path> prepared() throws IOException, InterruptedException {
    requireCgroupsAndNamespaces();
    Debian.installMissing();
    Binaries.COREDNS.build();
    Binaries.KUBERNETES.build();
    Binaries.PROVISIONER.build();
    return Cluster.testImages();
  }

  @Override
  public List<String> listing() throws IOException, InterruptedException {
    return Machine.list();
  }

  @Override
  public void up() throws IOException, InterruptedException {
    requireRoot();
    if (init().isPresent() && Files.exists(COMPLETE)) {
      awaitReady();
      Cluster.writeKubeconfig(Files.readString(ADMIN));
      System.err.println("the cluster is already up");
      return;
    }
    var images = prepared();
    if (init().isEmpty()) {
      clean();
      requireFreeAddress();
      layOut();
      launch();
    }
    connect();
    System.err.println("waiting for containerd, and loading the test images");
    load(images);
    System.err.println("waiting for the API server");
    awaitApiServer();
    apply(STATE.resolve("config/cluster.yaml"));
    apply(Cluster.FOLDER.resolve("storage.yaml"));
    System.err.println("waiting for node, DNS and services");
    awaitReady();
    Cluster.writeKubeconfig(Files.readString(ADMIN));
    Files.createFile(COMPLETE);
    System.err.println("the cluster is up; logs are in " + STATE.resolve("log"));
  }

  @Override
  public void down() throws IOException, InterruptedException {
    requireRoot();
    clean();
  }

  @Override
  public boolean status() throws IOException, InterruptedException {
    if (init().isEmpty()) {
      System.out.println("the cluster is down");
      return false;
    }
    requireRoot();
    for (var part : parts()) {
      System.out.println(
          sv("status", part).said().replace(SERVICES + "/", "").replaceAll("\\(pid.*\\) ", ""));
    }
    var nodes = kubectl("get", "nodes,storageclasses");
    System.out.println(nodes.said());
    return nodes.exit() == 0 && Files.exists(COMPLETE);
  }

  @Override
  public void load(List<Path> archives) throws IOException, InterruptedException {
    requireRoot();
    var node = runningNode();
    await("containerd", () -> ctr(node, Path.of("/dev/null"), "version").exit() == 0);
    for (var archive : archives) {
      var result = ctr(node, archive, "--namespace=k8s.io", "images", "import", "-");
      if (result.exit() != 0) {
        throw new Failure("containerd did not take %s:%n%s".formatted(archive, result.said()));
      }
      System.err.println("loaded " + archive);
    }
  }

  @Override
  public void control(String action, String part) throws IOException, InterruptedException {
    requireRoot();
    runningNode();
    if (!parts().contains(part)) {
      throw new Failure(
          "there is no part %s; there are: %s".formatted(part, String.join(", ", parts())));
    }
    // The API server would go on for a minute to end what it has begun; it is killed after a while.
    var result = action.equals("start") ? sv("start", part) : sv("force-" + action, part);
    // One that had to be killed counts as a failure there, and is down a moment later.
    boolean killed = result.said().startsWith("kill: ");
    if (killed && action.equals("stop")) {
      await(part + " to end", () -> !sv("status", part).said().startsWith("run: "));
    }
    if (result.exit() != 0 && !killed) {
      throw new Failure(
          "%s %s failed: %s; its log is %s"
              .formatted(action, part, result.said(), STATE.resolve("log").resolve(part)));
    }
    if (part.equals("apiserver") && !action.equals("stop")) {
      awaitApiServer();
    }
  }

  // Up

  private static void requireRoot() throws IOException, InterruptedException {
    if (!System.getProperty("os.name").equals("Linux")) {
      throw new Failure("a cluster needs Docker here: install and start it, and try again");
    }
    if (!Programs.run("id", "-u").equals("0")) {
      throw new Failure(
          "a cluster needs Docker, which does not answer, or root: start Docker, or try again with"
              + " sudo");
    }
  }

  private static void requireCgroupsAndNamespaces() throws IOException, InterruptedException {
    if (Machine.cgroupHierarchies().stream().noneMatch(Files::isWritable)) {
      throw new Failure(
          "a cluster without Docker needs cgroups, and /sys/fs/cgroup has none that can be written:"
              + " start Docker, or use a machine or virtual machine instead of this container");
    }
    var namespaces =
        Programs.attempt(
            "unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--mount-proc", "true");
    if (namespaces.exit() != 0) {
      throw new Failure(
          ("a cluster without Docker needs namespaces, and this machine gives none (%s); "
                  + NO_CONTAINER)
              .formatted(namespaces.said()));
    }
  }

  private static void requireFreeAddress() throws IOException, InterruptedException {
    var route = Programs.run("ip", "route", "show", "to", "match", NODE_ADDRESS);
    var specific = route.lines().filter(line -> !line.startsWith("default")).toList();
    if (!specific.isEmpty()) {
      throw new Failure(
          ("the cluster's address %s is in use on this machine (%s); "
                  + "remove that route or link, and try again")
              .formatted(NODE_ADDRESS, specific.getFirst()));
    }
  }

  /** Everything on disk, before anything runs. */
  private static void layOut() throws IOException, InterruptedException {
    Files.createDirectory(
        STATE, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    var settings = new ArrayList<String>();
    for (var setting : Machine.KERNEL_SETTINGS) {
      settings.add(setting + " " + Files.readString(setting).strip());
    }
    for (var hierarchy : Machine.cgroupHierarchies()) {
      for (var controller : Machine.unusedControllers(hierarchy)) {
        settings.add(hierarchy.resolve(Machine.CGROUP_SUBTREE) + " -" + controller);
      }
    }
    Files.write(SETTINGS, settings);
    var covered = new ArrayList<String>();
    for (var place : COVERED) {
      if (!Files.exists(place)) {
        covered.add(place.toString());
      }
    }
    Files.write(STATE.resolve("made-folders"), covered);
    for (var place : COVERED) {
      Files.createDirectories(place);
    }
    for (var folder : List.of("log", "tmp", "volumes")) {
      Files.createDirectory(STATE.resolve(folder));
    }
    copyFilledIn(Cluster.FOLDER.resolve("bare"), STATE);
    makeCgroups();
    System.err.println("certificates");
    var kubeadm = Binaries.KUBERNETES.build().resolve("kubeadm").toString();
    var config = "--config=" + STATE.resolve("config/kubeadm.yaml");
    Programs.run(kubeadm, "init", "phase", "certs", "all", config);
    Programs.run(
        kubeadm, "init", "phase", "kubeconfig", "all", config, "--kubeconfig-dir=" + STATE);
  }

  /** Scripts read these from the environment; in configuration they stand as ${NAME}. */
  private static Map<String, String> variables() throws IOException, InterruptedException {
    return Map.of(
        "STATE", STATE.toString(),
        "NODE_ADDRESS", NODE_ADDRESS,
        "MACHINE_ADDRESS", MACHINE_ADDRESS,
        "KUBERNETES", Binaries.KUBERNETES.build().toString(),
        "KUBERNETES_VERSION", Binaries.KUBERNETES.version(),
        "COREDNS", Binaries.COREDNS.build().toString(),
        "PROVISIONER", Binaries.PROVISIONER.build().toString(),
        "TMPDIR", STATE.resolve("tmp").toString());
  }

  private static void copyFilledIn(Path from, Path to) throws IOException, InterruptedException {
    var variables = variables();
    try (var files = Files.walk(from)) {
      for (var file : files.filter(Files::isRegularFile).toList()) {
        var content = Files.readString(file);
        for (var variable : variables.entrySet()) {
          content = content.replace("${" + variable.getKey() + "}", variable.getValue());
        }
        var copy = to.resolve(from.relativize(file).toString());
        Files.createDirectories(copy.getParent());
        Files.writeString(copy, content);
        Files.setPosixFilePermissions(copy, Files.getPosixFilePermissions(file));
      }
    }
  }

  private static void makeCgroups() throws IOException {
    for (var hierarchy : Machine.cgroupHierarchies()) {
      try {
        for (var controller : Machine.unusedControllers(hierarchy)) {
          Files.writeString(hierarchy.resolve(Machine.CGROUP_SUBTREE), "+" + controller);
        }
        Files.createDirectories(hierarchy.resolve(CGROUP));
      } catch (IOException e) {
        throw new Failure(
            ("a cluster without Docker needs cgroups of its own, and %s gives none (%s); "
                    + NO_CONTAINER)
                .formatted(hierarchy, e.getMessage()));
      }
    }
  }

  /** The processes get a session of their own, so that they outlive the terminal. */
  private static void launch() throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("setsid"));
    command.addAll(UNSHARE);
    var log = STATE.resolve("log/init").toFile();
    var builder = new ProcessBuilder(command).directory(STATE.toFile());
    builder.environment().putAll(variables());
    builder
        .environment()
        .merge("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", (ours, all) -> ours + ":" + all);
    withoutProxy(builder.environment());
    builder.redirectInput(new java.io.File("/dev/null"));
    builder.redirectErrorStream(true).redirectOutput(log).start();
    await("the first process, see " + log, () -> init().isPresent());
  }

  /** The only part of the cluster that this machine sees: one end of a pair of links. */
  private static void connect() throws IOException, InterruptedException {
    if (!Programs.succeeds("ip", "link", "show", LINK)) {
      Programs.run(
          "ip",
          "link",
          "add",
          LINK,
          "type",
          "veth",
          "peer",
          "name",
          "eth0",
          "netns",
          Long.toString(runningNode().pid()));
    }
    Programs.run("ip", "address", "replace", MACHINE_ADDRESS + "/30", "dev", LINK);
    Programs.run("ip", "link", "set", LINK, "up");
  }

  private static void apply(Path manifest) throws IOException, InterruptedException {
    await(
        manifest + " to be accepted", () -> kubectl("apply", "--filename=" + manifest).exit() == 0);
  }

  // Down

  /** From any state, also a half-made one. */
  private static void clean() throws IOException, InterruptedException {
    var unshare = unshare();
    var node = init();
    // The end of the first process of a process namespace is the end of all others in it.
    unshare.ifPresent(ProcessHandle::destroyForcibly);
    node.ifPresent(ProcessHandle::destroyForcibly);
    await(
        "the cluster's processes to end",
        () -> Stream.of(unshare, node).flatMap(Optional::stream).noneMatch(ProcessHandle::isAlive));
    await("the link " + LINK + " to go", () -> !Programs.succeeds("ip", "link", "show", LINK));
    for (var hierarchy : Machine.cgroupHierarchies()) {
      await("cgroups to be empty", () -> removeFolders(hierarchy.resolve(CGROUP)));
    }
    if (Files.exists(SETTINGS)) {
      for (var line : Files.readAllLines(SETTINGS)) {
        var setting = line.split(" ", 2);
        Files.writeString(Path.of(setting[0]), setting[1]);
      }
    }
    var made = STATE.resolve("made-folders");
    if (Files.exists(made)) {
      for (var folder : Files.readAllLines(made)) {
        Files.deleteIfExists(Path.of(folder));
      }
    }
    Programs.run("rm", "-rf", "--one-file-system", STATE.toString());
  }

  /** Whether they are gone; the kernel may need a moment after the last process. */
  private static boolean removeFolders(Path root) {
    if (!Files.exists(root)) {
      return true;
    }
    try (var folders = Files.walk(root)) {
      for (var folder :
          folders.filter(Files::isDirectory).sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(folder);
      }
      return true;
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }

  // What runs

  /** The one process on this machine with just this command line. */
  private static Optional<ProcessHandle> unshare() {
    var arguments = UNSHARE.stream().skip(1).toList();
    return ProcessHandle.allProcesses()
        .filter(process ->
            process.info().arguments().map(List::of).filter(arguments::equals).isPresent())
        .findFirst();
  }

  /** The first process in the node's namespaces. */
  private static Optional<ProcessHandle> init() {
    return unshare().flatMap(unshare -> unshare.children().findFirst());
  }

  private static ProcessHandle runningNode() {
    return init().orElseThrow(() -> new Failure("the cluster is down; make cluster brings it up"));
  }

  private static List<String> parts() throws IOException {
    try (var services = Files.list(SERVICES)) {
      return services.map(service -> service.getFileName().toString()).sorted().toList();
    }
  }

  private static Programs.Result sv(String action, String part)
      throws IOException, InterruptedException {
    return Programs.attempt("sv", "-w", "5", action, SERVICES.resolve(part).toString());
  }

  private static Programs.Result ctr(ProcessHandle node, Path input, String... arguments)
      throws IOException, InterruptedException {
    var command =
        new ArrayList<>(List.of("nsenter", "--target=" + node.pid(), "--mount", "--net", "ctr"));
    command.addAll(List.of(arguments));
    return Programs.attempt(new ProcessBuilder(command).redirectInput(input.toFile()));
  }

  private static Programs.Result kubectl(String... arguments)
      throws IOException, InterruptedException {
    var command =
        new ArrayList<>(
            List.of(
                Binaries.KUBERNETES.build().resolve("kubectl").toString(),
                "--kubeconfig=" + ADMIN));
    command.addAll(List.of(arguments));
    var builder = new ProcessBuilder(command);
    withoutProxy(builder.environment());
    return Programs.attempt(builder);
  }

  /** The cluster is on this machine, where no proxy leads to it. */
  private static void withoutProxy(Map<String, String> environment) {
    environment
        .keySet()
        .removeIf(name -> List.of("http_proxy", "https_proxy").contains(name.toLowerCase()));
  }

  private static void awaitApiServer() throws IOException, InterruptedException {
    await("the API server", () -> kubectl("get", "--raw=/readyz").exit() == 0);
  }

  private static void awaitReady() throws IOException, InterruptedException {
    awaitApiServer();
    await(
        "the kubelet",
        () ->
            kubectl(
                    "get",
                    "node",
                    "node",
                    "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}")
                .output()
                .equals("True"));
    await(
        "the controllers",
        () -> kubectl("get", "serviceaccount", "default", "--output=name").exit() == 0);
    await("kube-proxy", BareCluster::proxyIsHealthy);
    await("CoreDNS", BareCluster::clusterDnsAnswers);
  }

  private static boolean proxyIsHealthy() throws IOException {
    var url = URI.create("http://%s:10256/healthz".formatted(NODE_ADDRESS)).toURL();
    var connection = (HttpURLConnection) url.openConnection(java.net.Proxy.NO_PROXY);
    try {
      return connection.getResponseCode() == 200;
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean clusterDnsAnswers() {
    var settings = new Hashtable<String, String>();
    settings.put("java.naming.factory.initial", "com.sun.jndi.dns.DnsContextFactory");
    settings.put("java.naming.provider.url", "dns://" + NODE_ADDRESS);
    settings.put("com.sun.jndi.dns.timeout.retries", "1");
    try {
      var dns = new InitialDirContext(settings);
      return dns.getAttributes("kubernetes.default.svc.cluster.local", new String[] {"A"}).size()
          > 0;
    } catch (NamingException e) {
      return false;
    }
  }

  private static void await(String what, Waiting.Condition condition)
      throws IOException, InterruptedException {
    Waiting.until(
        Cluster.LIMIT,
        "%s; logs are in %s; make cluster-down cluster creates a new one"
            .formatted(what, STATE.resolve("log")),
        condition);
  }
}

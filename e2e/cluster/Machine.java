import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import lib.Programs;

/** The parts of this machine that a cluster touches. */
final class Machine {
  /** What a kubelet sets for the whole machine. */
  static final List<Path> KERNEL_SETTINGS =
      Stream.of(
              "kernel/keys/root_maxbytes",
              "kernel/keys/root_maxkeys",
              "kernel/panic",
              "kernel/panic_on_oops",
              "vm/overcommit_memory",
              "vm/panic_on_oom")
          .map(Path.of("/proc/sys")::resolve)
          .toList();

  /** Version 2 of cgroups only. */
  static final String CGROUP_SUBTREE = "cgroup.subtree_control";

  private static final List<Path> PLACES =
      Stream.of("/etc", "/etc/cni", "/etc/cni/net.d", "/opt", "/run", "/usr/libexec")
          .map(Path::of)
          .toList();
  private static final List<Path> VARIABLE_PLACES =
      Stream.of("/var/lib", "/var/log", "/var/lib/cni", "/var/lib/kubelet").map(Path::of).toList();

  private Machine() {}

  /**
   * A line for each process, mount, link, address, route, firewall rule, cgroup, kernel setting and
   * place for files. Of processes only those of clusters and containers, since others come and go.
   */
  static List<String> list() throws IOException, InterruptedException {
    var lines = new ArrayList<String>();
    lines.addAll(processes());
    add(lines, "mount", Files.readAllLines(Path.of("/proc/self/mounts")));
    add(lines, "link", output("ip", "-oneline", "link").map(line -> line.split(" ")[1]).toList());
    add(
        lines,
        "address",
        output("ip", "-brief", "address").map(line -> line.replaceAll(" +", " ")).toList());
    add(lines, "route", output("ip", "route", "show", "table", "all").toList());
    add(lines, "nftables", output("nft", "--stateless", "list", "ruleset").toList());
    add(lines, "netns", output("ip", "netns", "list").toList());
    for (var hierarchy : cgroupHierarchies()) {
      add(lines, "cgroup", folders(hierarchy, 3));
    }
    for (var setting : KERNEL_SETTINGS) {
      lines.add("setting " + setting + " " + Files.readString(setting).strip());
    }
    var forwarding = Path.of("/proc/sys/net/ipv4/ip_forward");
    lines.add("setting " + forwarding + " " + Files.readString(forwarding).strip());
    for (var place : Stream.concat(PLACES.stream(), VARIABLE_PLACES.stream()).toList()) {
      add(lines, "folder", folders(place, 1));
    }
    return lines;
  }

  /** Where the kernel's cgroups are mounted: one place for each controller, or one for all. */
  static List<Path> cgroupHierarchies() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/mounts")).stream()
        .map(line -> line.split(" "))
        .filter(mount -> mount[2].equals("cgroup") || mount[2].equals("cgroup2"))
        .map(mount -> Path.of(mount[1]))
        .toList();
  }

  /**
   * What cgroups below the hierarchy's root cannot limit yet, but could. Only for version 2 alone:
   * beside version 1, containers do not use it.
   */
  static List<String> unusedControllers(Path hierarchy) throws IOException {
    if (!hierarchy.equals(Path.of("/sys/fs/cgroup"))) {
      return List.of();
    }
    var used = controllers(hierarchy.resolve(CGROUP_SUBTREE));
    return controllers(hierarchy.resolve("cgroup.controllers")).stream()
        .filter(controller -> !used.contains(controller))
        .toList();
  }

  private static List<String> controllers(Path file) throws IOException {
    return Stream.of(Files.readString(file).strip().split(" "))
        .filter(controller -> !controller.isEmpty())
        .toList();
  }

  /** Everything in a process namespace that is not ours, and what made it. */
  private static List<String> processes() throws IOException {
    var ours = Files.readSymbolicLink(Path.of("/proc/self/ns/pid"));
    try (var processes = Files.list(Path.of("/proc"))) {
      return processes
          .filter(process -> process.getFileName().toString().matches("[0-9]+"))
          .filter(process -> isOfACluster(process, ours))
          .map(process -> "process " + commandLine(process))
          .sorted()
          .toList();
    }
  }

  private static boolean isOfACluster(Path process, Path ourNamespace) {
    try {
      return !Files.readSymbolicLink(process.resolve("ns/pid")).equals(ourNamespace)
          || commandLine(process).contains(BareCluster.STATE.toString());
    } catch (IOException e) {
      return false; // it has ended meanwhile
    }
  }

  private static String commandLine(Path process) {
    try {
      return Files.readString(process.resolve("cmdline")).replace('\0', ' ').strip();
    } catch (IOException e) {
      return "";
    }
  }

  private static Stream<String> output(String... command) throws IOException, InterruptedException {
    return Programs.run(command).lines();
  }

  private static List<String> folders(Path root, int depth) throws IOException {
    if (!Files.isDirectory(root)) {
      return List.of();
    }
    try (var files = Files.walk(root, depth)) {
      return files.filter(Files::isDirectory).map(Path::toString).sorted().toList();
    }
  }

  private static void add(List<String> lines, String kind, List<String> found) {
    found.forEach(line -> lines.add(kind + " " + line.strip()));
  }
}

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import lib.Failure;
import lib.Programs;

/** What the cluster takes from Debian's packages. */
final class Debian {
  private record Needed(String file, String debianPackage) {
    boolean missing() {
      return file.startsWith("/")
          ? !Files.isExecutable(Path.of(file))
          : Programs.find(file).isEmpty();
    }
  }

  private static final List<Needed> NEEDED =
      List.of(
          new Needed("containerd", "containerd"),
          new Needed("runc", "runc"),
          new Needed("etcd", "etcd-server"),
          new Needed("/usr/lib/cni/ptp", "containernetworking-plugins"),
          new Needed("runsvdir", "runit"),
          new Needed("iptables", "iptables"),
          new Needed("nft", "nftables"),
          new Needed("ip", "iproute2"),
          new Needed("nsenter", "util-linux"));

  private Debian() {}

  /** Installs what is missing; a machine that has it all needs no apt. */
  static void installMissing() throws IOException, InterruptedException {
    var missing =
        NEEDED.stream()
            .filter(Needed::missing)
            .map(Needed::debianPackage)
            .collect(Collectors.joining(" "));
    if (missing.isEmpty()) {
      return;
    }
    if (Programs.find("apt-get").isEmpty()) {
      throw new Failure(
          ("missing on this machine: %s; install what is in Debian's packages of these names, "
                  + "and try again")
              .formatted(missing));
    }
    Files.createDirectories(Cluster.cache());
    var install = "apt-get install --yes --no-install-recommends " + missing;
    var builder = new ProcessBuilder("sh", "-c", "apt-get update && " + install);
    builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
    Programs.runLong(install, builder, Cluster.cache().resolve("apt-get.log"));
  }
}

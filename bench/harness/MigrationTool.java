package harness;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A contestant that applies migrations.
 *
 * @param files writes the migrations in its format
 * @param apply the command that applies them all
 * @param repeat the command that finds them all applied
 */
public record MigrationTool(Contestant contestant, Files files, Command apply, Command repeat) {

  /** Writes so many migrations into a folder. */
  public interface Files {
    void write(Path folder, int count) throws IOException;
  }

  /** A command for a database and a folder of migrations. */
  public interface Command {
    List<String> line(Database database, Path folder);
  }

  public static List<MigrationTool> all(Server server, Path work)
      throws IOException, InterruptedException {
    var tools = new ArrayList<MigrationTool>();
    tools.add(
        new MigrationTool(
            new Contestant("psql", server.version(), true),
            MigrationFiles::psql,
            MigrationTool::psqlApply,
            MigrationTool::psqlRepeat));
    LearnflowDb.find(server, work)
        .ifPresent(
            ours ->
                tools.add(
                    always(LearnflowDb.CONTESTANT, MigrationFiles::flyway, ours::migrate)));
    var peers = Peers.build();
    tools.add(
        always(
            new Contestant("Flyway", peers.flywayVersion(), false),
            MigrationFiles::flyway,
            peers::flyway));
    tools.add(
        always(
            new Contestant("Liquibase", peers.liquibaseVersion(), false),
            MigrationFiles::liquibase,
            peers::liquibase));
    tools.add(
        always(
            new Contestant("goose", peers.gooseVersion(), false),
            MigrationFiles::goose,
            peers::goose));
    tools.add(
        always(
            new Contestant("golang-migrate", peers.golangMigrateVersion(), false),
            MigrationFiles::golangMigrate,
            peers::golangMigrate));
    return tools;
  }

  private static MigrationTool always(Contestant contestant, Files files, Command command) {
    return new MigrationTool(contestant, files, command, command);
  }

  private static List<String> psqlApply(Database database, Path folder) {
    return List.of(
        "psql",
        "-Xq",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        database.uri(),
        "-f",
        folder.resolve("apply.sql").toString());
  }

  private static List<String> psqlRepeat(Database database, Path folder) {
    return List.of(
        "psql", "-Xq", "-d", database.uri(), "-c", "SELECT version FROM bench_history");
  }
}

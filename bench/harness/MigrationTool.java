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
    var psql = server.psql();
    var tools = new ArrayList<MigrationTool>();
    tools.add(
        new MigrationTool(
            new Contestant("psql", "", true),
            MigrationFiles::psql,
            (database, folder) -> psql.file(database, folder.resolve("apply.sql")),
            (database, _) -> psql.statement(database, "SELECT version FROM bench_history")));
    LearnflowDb.find(server, work)
        .ifPresent(ours ->
            tools.add(always(LearnflowDb.CONTESTANT, MigrationFiles::flyway, ours::migrate)));
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
}

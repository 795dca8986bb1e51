package harness;

import java.nio.file.Path;
import java.util.List;

/** A contestant that loads seeds, with one or more ways for each case. */
public record SeedTool(List<Way> load, List<Way> skip, List<Way> update) {

  /** One way to do it, which is measured for itself. */
  public record Way(Contestant contestant, Command command) {}

  /** A command for a database, run in the folder of the seed set. */
  public interface Command {
    List<String> line(Database database);
  }

  /** The SQL scripts in bench/seeds. */
  public static SeedTool psql(Server server) {
    var psql = server.psql();
    return new SeedTool(
        List.of(psql(psql, "COPY", "load")),
        List.of(
            psql(psql, "ON CONFLICT", "skip-on-conflict"),
            psql(psql, "anti-join", "skip-anti-join"),
            psql(psql, "keys first", "skip-keys-first")),
        List.of(
            psql(psql, "ON CONFLICT", "update-on-conflict"),
            psql(psql, "MERGE", "update-merge"),
            psql(psql, "differences first", "update-differences-first")));
  }

  private static Way psql(Psql psql, String way, String script) {
    var file = Path.of("bench/seeds", script + ".sql").toAbsolutePath();
    return new Way(new Contestant("psql: " + way, "", true), database -> psql.file(database, file));
  }

  public static SeedTool learnflowDb(LearnflowDb ours, Path seeds) {
    return new SeedTool(
        List.of(way(database -> ours.seed(database, seeds, SeedFile.SET))),
        List.of(way(database -> ours.seed(database, seeds, SeedFile.SET, "--force"))),
        List.of(
            way(database ->
                ours.seed(database, seeds, SeedFile.SET, "--force", "--seed-mode", "update"))));
  }

  private static Way way(Command command) {
    return new Way(LearnflowDb.CONTESTANT, command);
  }
}

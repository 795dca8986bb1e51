package harness;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The psql program: the baseline, and the harness's own way to the server. */
public final class Psql {
  private final Path program = Postgres.program("psql");

  Psql() throws IOException {}

  /** Runs a file. */
  public List<String> file(Database database, Path file) {
    return command(database, "-f", file.toString());
  }

  List<String> statement(Database database, String sql) {
    return command(database, "-At", "-c", sql);
  }

  private List<String> command(Database database, String... arguments) {
    var command =
        new ArrayList<>(
            List.of(program.toString(), "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database.uri()));
    command.addAll(List.of(arguments));
    return command;
  }
}

package org.learnflow.db.verify;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.learnflow.db.WholeFile;
import org.learnflow.db.postgres.HistoryTable;

/**
 * The tables and views that a directory's migrations create, as its generated file {@code
 * objects.txt} lists them: {@code table public.users} or {@code view compat.users}, one per line,
 * {@code #} before a comment.
 *
 * @param lines the lines without comments, sorted
 */
public record ExpectedObjects(List<String> lines) {
  /** The file's name, next to the migrations. */
  public static final String FILE = "objects.txt";

  private static final String PRESENT =
      """
      SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'table ' END
             || n.nspname || '.' || c.relname
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'learnflow_db')
        AND n.nspname NOT LIKE 'pg\\_%' AND
      """
          + HistoryTable.isNot("n.nspname", "c.relname")
          + """

            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
          ORDER BY 1
          """;

  /** Reads the list; empty if the directory has none. */
  static Optional<ExpectedObjects> in(Path migrations) {
    Path file = migrations.resolve(FILE);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new ExpectedObjects(
              WholeFile.OBJECTS
                  .text(file)
                  .lines()
                  .map(String::strip)
                  .filter(line -> !line.isEmpty() && !line.startsWith("#"))
                  .toList()));
    } catch (IOException e) {
      throw new UncheckedIOException("reading " + file, e);
    }
  }

  /** The tables and views that a database holds. */
  public static List<String> present(Connection connection) throws SQLException {
    List<String> present = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(PRESENT)) {
      while (rows.next()) {
        present.add(rows.getString(1));
      }
    }
    return present;
  }

  /** What is expected, but missing. */
  List<String> missing(Connection connection) throws SQLException {
    TreeSet<String> missing = new TreeSet<>(lines);
    present(connection).forEach(missing::remove);
    return List.copyOf(missing);
  }
}

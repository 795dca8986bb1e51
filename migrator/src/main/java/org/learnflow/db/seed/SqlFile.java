package org.learnflow.db.seed;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.learnflow.db.WholeFile;
import org.learnflow.db.postgres.SqlScript;

/** An SQL seed file, read statement by statement: one is in memory at a time. */
final class SqlFile implements AutoCloseable {
  private final Path path;
  private final SqlScript script;

  /**
   * A file.
   *
   * @param path its name, for messages
   * @param content normalised; closed with this
   */
  SqlFile(Path path, InputStream content) {
    this.path = path;
    this.script =
        new SqlScript(
            String.valueOf(path.getFileName()),
            new InputStreamReader(content, StandardCharsets.UTF_8));
  }

  /**
   * One statement.
   *
   * @param path its file
   * @param line where it begins, after comments
   * @param sql without the semicolon
   */
  record Statement(Path path, long line, String sql) {
    /**
     * File and line.
     *
     * @param position of a character in the statement, counted from 1; 0 for the statement itself
     */
    String place(int position) {
      return path + ", line " + SqlScript.Statement.lineOf((int) line, sql, position);
    }
  }

  /**
   * The next statement.
   *
   * @throws org.learnflow.db.Failure 8 if it begins or ends a transaction, because a later failure
   *     could then not undo the set
   */
  Optional<Statement> next() throws IOException {
    try {
      if (!script.hasNext()) {
        return Optional.empty();
      }
    } catch (SqlScript.TooLongException e) {
      throw SeedFailures.at(path + ", after line " + e.line(), String.valueOf(e.getMessage()))
          .next(
              "split the rows into several statements, move them to a CSV file, or "
                  + WholeFile.MORE_MEMORY)
          .causedBy(e);
    } catch (SqlScript.PsqlCommandException e) {
      throw SeedFailures.at(path + ", line " + e.line(), String.valueOf(e.getMessage()))
          .next(e.next() + ", and " + SeedFailures.AGAIN)
          .causedBy(e);
    }
    SqlScript.Statement next = script.next();
    Statement statement = new Statement(path, next.line(), next.sql());
    if (next.words().copyFromStdin()) {
      throw SeedFailures.at(
              statement.place(0), "only psql can read the rows after COPY ... FROM STDIN")
          .next(
              "write them as a CSV file (docs/reference/seeds.md), or create the file with pg_dump --inserts, and "
                  + SeedFailures.AGAIN);
    }
    next.transactionControl()
        .ifPresent(words -> {
          throw SeedFailures.at(
              statement.place(0),
              "\"%s\" is not allowed in a seed file: a set is one transaction".formatted(words));
        });
    return Optional.of(statement);
  }

  @Override
  public void close() {
    script.close();
  }
}

package org.learnflow.db.schema;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.WholeFile;
import org.learnflow.db.postgres.SqlScript;

/** The text of a migration or an undo script, checked as far as possible before it is run. */
final class MigrationText {
  private static final String STATE = "none of it was run";

  private MigrationText() {}

  /**
   * Reads a text.
   *
   * @throws Failure 6 if it is too large, not in UTF-8, has a statement that is too long, or
   *     commands of psql
   */
  static String read(Path file) {
    String sql = MigrationFile.sql(file);
    if (sql.length() > SqlScript.longestStatement() || sql.indexOf('\\') >= 0) {
      look(file, sql);
    }
    return sql;
  }

  private static void look(Path file, String sql) {
    try (SqlScript script = new SqlScript(file.toString(), new StringReader(sql))) {
      while (script.hasNext()) {
        script.next();
      }
    } catch (SqlScript.TooLongException e) {
      throw refused(file + ", after line " + e.line(), file.getFileName() + ": " + e.getMessage())
          .next(
              "split the rows into several statements, move them to a seed (docs/reference/seeds.md), or "
                  + WholeFile.MORE_MEMORY)
          .causedBy(e);
    } catch (SqlScript.PsqlCommandException e) {
      throw refused(file + ", line " + e.line(), String.valueOf(e.getMessage()))
          .next(e.next() + ", and run the same command again")
          .causedBy(e);
    } catch (IOException e) {
      throw new IllegalStateException("a string can always be read", e);
    }
  }

  private static Failure refused(String where, String what) {
    return Failure.of(ExitCode.MIGRATION_FAILED, what).where(where).state(STATE);
  }
}

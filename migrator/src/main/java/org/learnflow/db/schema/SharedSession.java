package org.learnflow.db.schema;

import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.regex.Pattern;
import org.learnflow.db.SqlScript;

/**
 * Which migrations may follow each other in a session. A session remembers: settings, temporary
 * tables, prepared statements, cursors, locks, {@code currval}, and that a setting of an
 * application was ever made, which nothing but its end undoes. So that a migration does the same
 * whether the one before it was applied just now or last year, a session goes on only after plain
 * ones: statements that evaluate nothing, so that no function, default, trigger or rule can have
 * changed it. All others are the last of their session.
 */
final class SharedSession {
  /** Flyway's work for each file grows with the number of files that it sees. */
  private static final int MOST = 100;

  /** Bytes; a longer file gains nothing by sharing. */
  private static final long LONGEST = 1 << 16;

  /** What stands for nothing but itself: {@code ''} for a text, {@code q} for a quoted name. */
  private static final Pattern TEXT = Pattern.compile("'(?:[^']++|'')*+'");

  private static final Pattern QUOTED_NAME = Pattern.compile("\"(?:[^\"]++|\"\")++\"");
  private static final Pattern COMMENT = Pattern.compile("--[^\\n]*+");

  /** Escapes, dollar quotes, block comments, and a table of the session's own. */
  private static final Pattern IN_NO_PLAIN_FILE =
      Pattern.compile("[\\\\$]|/\\*|pg_temp", Pattern.CASE_INSENSITIVE);

  /**
   * AS begins a query, or an expression of a generated column, whose parts that are constant are
   * evaluated; so are those of a table that is copied or of an index behind EXCLUDE.
   */
  private static final Pattern PLAIN =
      Pattern.compile(
          """
          CREATE TABLE (?:IF NOT EXISTS )?[\\w.]++ ?\\((?!.*\\b(?:AS(?! IDENTITY\\b)|LIKE|EXCLUDE)\\b).*\\)\
          |CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\\b)(?:IF NOT EXISTS )?(?:\\w++ )?ON [\\w.]++ ?\\([\\w, ]*\\)\
          |CREATE (?:OR REPLACE )?VIEW [\\w.]++ AS .*\
          |CREATE TYPE [\\w.]++ AS ENUM ?\\([', ]*\\)\
          |CREATE SCHEMA (?:IF NOT EXISTS )?\\w++\
          |COMMENT ON .* IS (?:''|NULL)\
          |(?:GRANT|REVOKE) .*\
          """,
          Pattern.CASE_INSENSITIVE);

  private SharedSession() {}

  /**
   * The migrations, first of {@code pending}, that are applied in one session.
   *
   * @param connection a session in the database, which tells whether it has event triggers: to them
   *     no statement is plain
   * @param pending at least one
   */
  static List<MigrationFile> first(Connection connection, List<MigrationFile> pending)
      throws SQLException {
    int count = 1;
    if (!hasEventTriggers(connection)) {
      while (count < Math.min(pending.size(), MOST)
          && isPlain(pending.get(count - 1))
          && isShort(pending.get(count))) {
        count++;
      }
    }
    return pending.subList(0, count);
  }

  private static boolean hasEventTriggers(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("SELECT EXISTS (SELECT FROM pg_catalog.pg_event_trigger)")) {
      return row.next() && row.getBoolean(1);
    }
  }

  /** Flyway reads all files of a session first; a long one may be refused, by itself. */
  private static boolean isShort(MigrationFile file) {
    try {
      return Files.size(file.path()) <= LONGEST;
    } catch (IOException e) {
      throw new UncheckedIOException("reading migration " + file.path(), e);
    }
  }

  /** Whether a migration leaves its session as it was. */
  static boolean isPlain(MigrationFile file) {
    if (!isShort(file)) {
      return false;
    }
    String sql = file.sql();
    if (IN_NO_PLAIN_FILE.matcher(sql).find()) {
      return false;
    }
    try (SqlScript script = new SqlScript(file.name(), new StringReader(sql))) {
      while (script.hasNext()) {
        if (!isPlain(script.next().sql())) {
          return false;
        }
      }
      return true;
    } catch (IOException e) {
      throw new IllegalStateException("a string can always be read", e);
    }
  }

  private static boolean isPlain(String statement) {
    String masked = TEXT.matcher(statement).replaceAll("''");
    masked = QUOTED_NAME.matcher(masked).replaceAll("q");
    masked = COMMENT.matcher(masked).replaceAll(" ");
    // A semicolon that is left would mean that the statement is not what it was taken for.
    return !masked.contains(";")
        && PLAIN.matcher(masked.strip().replaceAll("\\s++", " ")).matches();
  }
}

package org.learnflow.db.schema;

import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlScript;
import org.learnflow.db.postgres.SqlWords;

/**
 * Which migrations can follow each other in a session. A session remembers settings, temporary
 * tables, prepared statements, cursors, locks, {@code currval}, and that a custom setting was ever
 * set, which only its end undoes. So that a migration does the same whether the one before it was
 * applied just now or last year, a session continues only after plain migrations: their statements
 * evaluate nothing, or insert constants into a bare table that they created, so no function,
 * default, trigger or rule can have changed the session. All others are the last of their session.
 */
public final class SharedSession {
  /** Flyway's work for each file grows with the number of files that it sees. */
  private static final int MOST = 100;

  /** Bytes; a longer file gains nothing by sharing. */
  private static final long LONGEST = 1 << 13;

  /**
   * AS begins a query, or an expression of a generated column, whose constant parts are evaluated;
   * so are those of a table that is copied with LIKE or of an index behind EXCLUDE.
   */
  private static final Pattern PLAIN =
      Pattern.compile(
          """
          CREATE TABLE (?:IF NOT EXISTS )?%1$s ?\\((?!.*\\b(?:AS(?! IDENTITY\\b)|LIKE|EXCLUDE)\\b).*\\)\
          |CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\\b)(?:IF NOT EXISTS )?(?:%1$s )?ON %1$s ?\\([\\w", ]*\\)\
          |CREATE (?:OR REPLACE )?VIEW %1$s AS .*\
          |CREATE TYPE %1$s AS ENUM ?\\([', ]*\\)\
          |CREATE SCHEMA (?:IF NOT EXISTS )?%1$s\
          |COMMENT ON .* IS (?:''|NULL)\
          |(?:GRANT|REVOKE) .*\
          """
              .formatted("[\\w.\"]++"),
          Pattern.CASE_INSENSITIVE);

  /** A table without anything that an insertion would evaluate; the types are PostgreSQL's own. */
  private static final Pattern BARE_TABLE =
      Pattern.compile(
          "CREATE TABLE ([\\w.]++) ?\\( ?%1$s(?: ?, ?%1$s)*+ ?\\)"
              .formatted(
                  "\\w++ (?:int|integer|bigint|smallint|text|varchar ?\\( ?\\d+ ?\\)|boolean|uuid|date"
                      + "|timestamptz|numeric ?\\([\\d, ]+\\))(?: NOT NULL| PRIMARY KEY| UNIQUE)*+"),
          Pattern.CASE_INSENSITIVE);

  private static final Pattern CONSTANTS =
      Pattern.compile(
          "INSERT INTO ([\\w.]++)(?: ?\\([\\w, ]+\\))? VALUES ?%1$s(?: ?, ?%1$s)*+"
              .formatted("\\((?: ?(?:''|[-\\d. ]++|NULL|TRUE|FALSE) ?,?)++\\)"),
          Pattern.CASE_INSENSITIVE);

  /** The schema of the session's temporary tables. */
  private static final String TEMPORARY = "pg_temp";

  private SharedSession() {}

  /**
   * The migrations, first of {@code pending}, that are applied in one session.
   *
   * @param connection a session in the database, to find out whether it has event triggers: with
   *     them, no statement is plain
   * @param pending at least one
   */
  public static List<MigrationFile> first(Connection connection, List<MigrationFile> pending)
      throws SQLException {
    int count = 1;
    if (!hasEventTriggers(connection)) {
      while (count < Math.min(pending.size(), MOST)
          && isPlain(pending.get(count - 1))
          && canBeRead(pending.get(count))) {
        count++;
      }
    }
    return pending.subList(0, count);
  }

  private static boolean hasEventTriggers(Connection connection) throws SQLException {
    return Sql.isTrue(connection, "SELECT EXISTS (SELECT FROM pg_catalog.pg_event_trigger)");
  }

  /**
   * Flyway reads all files of a session first; a file that is refused gets a session of its own.
   */
  private static boolean canBeRead(MigrationFile file) {
    try {
      return isShort(file) && !MigrationText.read(file.path()).isEmpty();
    } catch (Failure e) {
      return false;
    }
  }

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
    if (ScriptConfiguration.of(file).isPresent()) {
      return false;
    }
    Set<String> bareTables = new HashSet<>();
    try (SqlScript script = new SqlScript(file.name(), new StringReader(file.sql()))) {
      while (script.hasNext()) {
        SqlWords words = script.next().words();
        if (!words.whole() || !isPlain(masked(words), bareTables)) {
          return false;
        }
      }
      return true;
    } catch (IOException e) {
      throw new IllegalStateException("a string can always be read", e);
    }
  }

  /**
   * Whether a statement evaluates nothing.
   *
   * @param bareTables those that the file has created so far; they have no triggers or rules yet
   */
  private static boolean isPlain(String statement, Set<String> bareTables) {
    if (statement.contains(TEMPORARY)) {
      return false;
    }
    Matcher bareTable = BARE_TABLE.matcher(statement);
    if (bareTable.matches()) {
      bareTables.add(bareTable.group(1).toLowerCase(Locale.ROOT));
    }
    Matcher constants = CONSTANTS.matcher(statement);
    return PLAIN.matcher(statement).matches()
        || (constants.matches()
            && bareTables.contains(constants.group(1).toLowerCase(Locale.ROOT)));
  }

  /**
   * The words, with {@code ''} for a text, {@code ""} for a quoted name, and {@code pg_temp} for a
   * name with that in it.
   */
  private static String masked(SqlWords words) {
    return words.words().stream().map(SharedSession::masked).collect(Collectors.joining(" "));
  }

  private static String masked(String word) {
    if (word.toLowerCase(Locale.ROOT).contains(TEMPORARY)) {
      return TEMPORARY;
    }
    char first = word.charAt(0);
    boolean text = first == '\'' || first == '$' || (word.endsWith("'") && word.indexOf('\'') > 0);
    return text ? "''" : first == '"' && word.indexOf('"', 1) == word.length() - 1 ? "\"\"" : word;
  }
}

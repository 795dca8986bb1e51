package org.learnflow.db.postgres;

import java.io.FilterReader;
import java.io.IOException;
import java.io.Reader;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.resource.LoadableResource;
import org.flywaydb.core.internal.parser.ParsingContext;
import org.flywaydb.core.internal.sqlscript.SqlStatement;
import org.flywaydb.core.internal.sqlscript.SqlStatementIterator;
import org.learnflow.db.WholeFile;

/**
 * An SQL text, read statement by statement with Flyway's parser: only one is in memory at a time.
 */
public final class SqlScript implements AutoCloseable {
  private final SqlStatementIterator statements;
  private final Measured measured;

  /** The last line of the statement that was read last. */
  private int lastLine = 1;

  /**
   * A text.
   *
   * @param name of its file, for Flyway's log
   * @param text closed with this
   */
  public SqlScript(String name, Reader text) {
    FluentConfiguration configuration =
        new FluentConfiguration(SqlScript.class.getClassLoader()).placeholderReplacement(false);
    this.measured = new Measured(text);
    this.statements =
        new SqlParser(configuration, new ParsingContext(), SqlParser.EndOfData.LINE_OR_TEXT)
            .parse(new Text(name, measured));
  }

  /** A statement that is too long. */
  public static final class TooLongException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int line;

    TooLongException(int line) {
      super(
          "a statement is longer than the maximum of %.1f MiB"
              .formatted(longestStatement() / (double) (1 << 20)));
      this.line = line;
    }

    /** Where the statement before it ends. */
    public int line() {
      return line;
    }
  }

  /** A psql command where SQL is expected: no SQL operator contains a backslash. */
  public static final class PsqlCommandException extends IOException {
    private static final long serialVersionUID = 1L;
    private final String command;
    private final int line;

    PsqlCommandException(String command, int line) {
      super("\"%s\" is a psql command, not SQL".formatted(command));
      this.command = command;
      this.line = line;
    }

    /** Where it is. */
    public int line() {
      return line;
    }

    /** What to do instead. */
    public String next() {
      return switch (command) {
        case "\\restrict", "\\unrestrict" ->
            "delete the lines that begin with \\restrict and \\unrestrict, which pg_dump writes"
                + " into every plain file";
        case "\\c", "\\connect" ->
            "delete it, or omit --create when you create the file with pg_dump";
        case "\\i", "\\ir", "\\include", "\\include_relative" ->
            "put the statements of that file here";
        case "\\set" -> "write the value in place of the variable, and delete this line";
        case "\\copy" -> "load the rows from a CSV file of a seed set (docs/reference/seeds.md)";
        case "\\." -> "delete the rows above it, and load them as a seed (docs/reference/seeds.md)";
        default -> "delete it, or write SQL in its place";
      };
    }
  }

  /** Maximum number of characters in a statement; Flyway holds it in many pieces. */
  public static long longestStatement() {
    return WholeFile.room() / 32;
  }

  /**
   * A statement.
   *
   * @param line where it begins, after comments
   * @param sql without the comments before it and the semicolon
   * @param words its words, which determine what it is
   */
  public record Statement(int line, String sql, SqlWords words) {
    /** Its first words, if it begins or ends a transaction. */
    public Optional<String> transactionControl() {
      return words.transactionControl();
    }

    /** Whether it can be run in a transaction. */
    public boolean transactional() {
      return !words.forbidTransaction();
    }

    /**
     * A line within it.
     *
     * @param position of a character as the server counts them, from 1; 0 for the statement itself
     */
    public int lineOf(int position) {
      return lineOf(line, sql, position);
    }

    /**
     * A line within a statement.
     *
     * @param line where it begins
     */
    public static int lineOf(int line, String sql, int position) {
      int within =
          sql.offsetByCodePoints(
              0, Math.clamp(position - 1L, 0, sql.codePointCount(0, sql.length())));
      return line + (int) sql.chars().limit(within).filter(c -> c == '\n').count();
    }
  }

  /**
   * Whether {@link #next} has a statement to give.
   *
   * @throws TooLongException if it is too long
   * @throws PsqlCommandException if it contains a psql command
   */
  public boolean hasNext() throws IOException {
    try {
      return statements.hasNext();
    } catch (FlywayException e) {
      if (e.getCause() instanceof TooLongException) {
        throw new TooLongException(lastLine);
      }
      if (e.getCause() instanceof IOException reading) {
        throw reading;
      }
      throw e;
    }
  }

  /** The next statement. */
  public Statement next() throws IOException {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    SqlStatement next = statements.next();
    measured.count = 0;
    SqlParser.Parsed parsed = (SqlParser.Parsed) next;
    Statement statement =
        new Statement(
            next.getLineNumber(), next.getSql().substring(parsed.begin()), parsed.words());
    lastLine = statement.lineOf(Integer.MAX_VALUE);
    return statement;
  }

  @Override
  public void close() {
    statements.close();
  }

  /** Stops reading in a statement that is too long. */
  private static final class Measured extends FilterReader {
    private long count;

    Measured(Reader text) {
      super(text);
    }

    @Override
    public int read(char[] target, int offset, int length) throws IOException {
      int n = super.read(target, offset, length);
      count += n;
      if (count > longestStatement()) {
        throw new TooLongException(0);
      }
      return n;
    }
  }

  /** A text as Flyway's resource. */
  private static final class Text extends LoadableResource {
    private final String name;
    private final Reader text;

    Text(String name, Reader text) {
      this.name = name;
      this.text = text;
    }

    @Override
    public Reader read() {
      return text;
    }

    @Override
    public String getAbsolutePath() {
      return name;
    }

    @Override
    public String getAbsolutePathOnDisk() {
      return name;
    }

    @Override
    public String getFilename() {
      return name;
    }

    @Override
    public String getRelativePath() {
      return name;
    }
  }
}

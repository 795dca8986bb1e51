package org.learnflow.db;

import java.io.FilterReader;
import java.io.IOException;
import java.io.Reader;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.resource.LoadableResource;
import org.flywaydb.core.internal.parser.ParserContext;
import org.flywaydb.core.internal.parser.ParsingContext;
import org.flywaydb.core.internal.parser.PeekingReader;
import org.flywaydb.core.internal.parser.Recorder;
import org.flywaydb.core.internal.parser.StatementType;
import org.flywaydb.core.internal.parser.Token;
import org.flywaydb.core.internal.parser.TokenType;
import org.flywaydb.core.internal.sqlscript.Delimiter;
import org.flywaydb.core.internal.sqlscript.ParsedSqlStatement;
import org.flywaydb.core.internal.sqlscript.SqlStatement;
import org.flywaydb.core.internal.sqlscript.SqlStatementIterator;
import org.flywaydb.database.postgresql.PostgreSQLParser;

/** An SQL text, read statement by statement with Flyway's parser: one is in memory at a time. */
public final class SqlScript implements AutoCloseable {
  /** First words of statements that begin or end a transaction. */
  private static final Set<String> TRANSACTION_CONTROL =
      Set.of("ABORT", "BEGIN", "COMMIT", "END", "PREPARE TRANSACTION", "ROLLBACK", "START");

  private static final Pattern FIRST_WORDS = Pattern.compile("\\w+(?:\\s+\\w+)?");

  private static final Pattern COPY_FROM_STDIN =
      Pattern.compile(
          "COPY\\s[^'(]*(?:\\([^)]*\\))?\\s*FROM\\s+STDIN\\b", Pattern.CASE_INSENSITIVE);

  private final SqlStatementIterator statements;
  private final Measured measured;

  /** Of the statement that was read last. */
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
    this.statements = new StatementParser(configuration).parse(new Text(name, measured));
  }

  /** A statement that is longer than may be. */
  public static final class TooLongException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int line;

    TooLongException(int line) {
      super(
          "a statement is longer than the %.1f MiB that one can have"
              .formatted(longestStatement() / (double) (1 << 20)));
      this.line = line;
    }

    /** Where the statement before it ends. */
    public int line() {
      return line;
    }
  }

  /** A command of psql where SQL is expected: no operator of SQL holds a backslash. */
  public static final class PsqlCommandException extends IOException {
    private static final long serialVersionUID = 1L;
    private final String command;
    private final int line;

    PsqlCommandException(String command, int line) {
      super("\"%s\" is a command of psql, not SQL".formatted(command));
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
            "delete the lines that begin with \\restrict and \\unrestrict, which pg_dump writes into"
                + " every plain file";
        case "\\c", "\\connect" ->
            "delete it, or leave out --create when you make the file with pg_dump";
        case "\\i", "\\ir", "\\include", "\\include_relative" ->
            "put the statements of that file here";
        case "\\set" -> "write the value where the variable stands, and delete it";
        case "\\copy" -> "load the rows from a CSV file of a seed set (docs/seeds.md)";
        case "\\." -> "delete the rows above it, and load them as a seed (docs/seeds.md)";
        default -> "delete it, or write SQL in its place";
      };
    }
  }

  /** Characters that a statement may have; Flyway holds it in many pieces. */
  public static long longestStatement() {
    return WholeFile.room() / 32;
  }

  /**
   * A statement.
   *
   * @param line where it begins, behind comments
   * @param sql without the comments before it and the semicolon
   * @param transactional whether it can be run in a transaction
   * @param words its words in order, as far as it is not very long: keywords, and names that could
   *     be some, in upper case; other names, without their quotes, in lower case; no values
   */
  public record Statement(int line, String sql, boolean transactional, List<String> words) {
    /** A copy. */
    public Statement {
      words = List.copyOf(words);
    }

    /** Its first words, if it begins or ends a transaction. */
    public Optional<String> transactionControl() {
      Matcher first = FIRST_WORDS.matcher(sql);
      String words = first.lookingAt() ? first.group() : "";
      String control = words.toUpperCase(Locale.ROOT).replaceAll("\\s+", " ");
      return TRANSACTION_CONTROL.contains(control)
              || TRANSACTION_CONTROL.contains(control.replaceFirst(" .*", ""))
          ? Optional.of(words)
          : Optional.empty();
    }

    /** Whether its rows follow it, as psql sends them. */
    public boolean isCopyFromStdin() {
      return COPY_FROM_STDIN.matcher(sql).lookingAt();
    }

    /**
     * A line within it.
     *
     * @param position of a character as the server counts them, from 1; 0 for the statement itself
     */
    public int lineOf(int position) {
      int within =
          sql.offsetByCodePoints(
              0, Math.clamp(position - 1L, 0, sql.codePointCount(0, sql.length())));
      return line + (int) sql.chars().limit(within).filter(c -> c == '\n').count();
    }
  }

  /**
   * Whether {@link #next} has a statement to give.
   *
   * @throws TooLongException if it is longer than may be
   * @throws PsqlCommandException if psql would have to be asked
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
    String sql = next.getSql();
    Statement statement =
        new Statement(
            next.getLineNumber(),
            sql.substring(endOfComments(sql)),
            next.canExecuteInTransaction(),
            next instanceof Parsed parsed ? parsed.words : List.of());
    lastLine = statement.lineOf(Integer.MAX_VALUE);
    return statement;
  }

  /** Flyway leaves the comments before a statement in its text, but not in its line. */
  private static int endOfComments(String sql) {
    int i = 0;
    while (i < sql.length()) {
      if (Character.isWhitespace(sql.charAt(i))) {
        i++;
      } else if (sql.startsWith("--", i)) {
        int end = sql.indexOf('\n', i);
        i = end < 0 ? sql.length() : end;
      } else if (sql.startsWith("/*", i)) {
        i = endOfBlockComment(sql, i);
      } else {
        return i;
      }
    }
    return i;
  }

  private static int endOfBlockComment(String sql, int begin) {
    int depth = 0;
    int i = begin;
    do {
      if (sql.startsWith("/*", i)) {
        depth++;
        i += 2;
      } else if (sql.startsWith("*/", i)) {
        depth--;
        i += 2;
      } else {
        i++;
      }
    } while (depth > 0 && i < sql.length());
    return i;
  }

  @Override
  public void close() {
    statements.close();
  }

  /** A statement that remembers its words. */
  private static final class Parsed extends ParsedSqlStatement {
    private final List<String> words;

    Parsed(
        ParsedSqlStatement statement, Delimiter delimiter, boolean transactional, List<Token> all) {
      super(
          statement.getPos(),
          statement.getLine(),
          statement.getCol(),
          statement.getSql(),
          delimiter,
          transactional,
          statement.isBatchable());
      this.words =
          all.stream()
              .filter(token ->
                  token.getType() == TokenType.KEYWORD || token.getType() == TokenType.IDENTIFIER)
              .map(token ->
                  token.getType() == TokenType.KEYWORD
                      ? token.getText()
                      : token.getText().toLowerCase(Locale.ROOT))
              .toList();
    }
  }

  /** Flyway's parser, corrected where PostgreSQL reads a legal text in another way. */
  private static final class StatementParser extends PostgreSQLParser {
    private static final Pattern DOLLAR_QUOTE =
        Pattern.compile("\\$(?:\\$|_|\\p{L}).*", Pattern.DOTALL);

    /** Only the first and the last ones are ever looked at. */
    private static final int MOST_TOKENS = 1_000;

    private static final int LAST_TOKENS = 10;

    StatementParser(FluentConfiguration configuration) {
      super(configuration, new ParsingContext());
    }

    @Override
    protected ParsedSqlStatement createStatement(
        PeekingReader reader,
        Recorder recorder,
        int pos,
        int line,
        int col,
        int nonCommentPos,
        int nonCommentLine,
        int nonCommentCol,
        StatementType type,
        boolean transactional,
        Delimiter delimiter,
        String sql,
        List<Token> tokens,
        boolean batchable)
        throws IOException {
      return new Parsed(
          super.createStatement(
              reader,
              recorder,
              pos,
              line,
              col,
              nonCommentPos,
              nonCommentLine,
              nonCommentCol,
              type,
              transactional,
              delimiter,
              sql,
              tokens,
              batchable),
          delimiter,
          transactional,
          tokens);
    }

    /**
     * Data that follow COPY are psql's matter; without {@code \.} Flyway would never find their
     * end.
     */
    @Override
    protected StatementType detectStatementType(
        String simplifiedStatement, ParserContext context, PeekingReader reader) {
      return StatementType.UNKNOWN;
    }

    /**
     * A parameter such as {@code $1} is none; a statement would lose a parenthesis at its begin.
     */
    @Override
    protected boolean isAlternativeStringLiteral(String peek) {
      return peek.charAt(0) == '('
          || peek.charAt(0) == '\\'
          || DOLLAR_QUOTE.matcher(peek).matches();
    }

    @Override
    protected Token handleAlternativeStringLiteral(
        PeekingReader reader, ParserContext context, int pos, int line, int col)
        throws IOException {
      if (reader.peek('\\')) {
        String rest = reader.readUntilExcluding('\n', '\r');
        throw new PsqlCommandException(rest.replaceFirst("\\s.*|(?<=.)\\\\.*", ""), line);
      }
      if (!reader.peek('(')) {
        return super.handleAlternativeStringLiteral(reader, context, pos, line, col);
      }
      context.increaseParensDepth();
      reader.swallow();
      return new Token(TokenType.SYMBOL, pos, line, col, "(", "(", context.getParensDepth());
    }

    /** {@code e'\''}; Flyway knows the capital letter only. */
    @Override
    protected Token handleKeyword(
        PeekingReader reader, ParserContext context, int pos, int line, int col, String keyword)
        throws IOException {
      if (!keyword.equals("e") || !reader.peek('\'')) {
        return super.handleKeyword(reader, context, pos, line, col, keyword);
      }
      reader.swallow();
      reader.swallowUntilIncludingWithEscape('\'', true, '\\');
      return new Token(
          TokenType.STRING, pos, line, col, keyword, keyword, context.getParensDepth());
    }

    @Override
    protected boolean shouldAdjustBlockDepth(
        ParserContext context, List<Token> tokens, Token token) {
      if (tokens.size() > MOST_TOKENS) {
        tokens.subList(1, tokens.size() - LAST_TOKENS).clear();
      }
      if (token.getType() == TokenType.EOF) { // what is not complete is the server's to refuse
        while (context.getBlockDepth() > 0) {
          context.decreaseBlockDepth();
        }
      }
      return super.shouldAdjustBlockDepth(context, tokens, token);
    }

    /** {@code BEGIN ATOMIC ... END}, with CASE in CASE and columns named {@code end}. */
    @Override
    protected void adjustBlockDepth(
        ParserContext context, List<Token> tokens, Token keyword, PeekingReader reader) {
      int parens = context.getParensDepth();
      switch (keyword.getText()) {
        case "ATOMIC" -> {
          if (context.getBlockDepth() == 0 && lastTokenIs(tokens, parens, "BEGIN")) {
            context.increaseBlockDepth("ATOMIC");
          }
        }
        case "CASE" -> {
          if (context.getBlockDepth() > 0) {
            context.increaseBlockDepth("CASE");
          }
        }
        case "END" -> {
          if (context.getBlockDepth() > 0 && !lastTokenIs(tokens, parens, "AS")) {
            context.decreaseBlockDepth();
          }
        }
        default -> {}
      }
    }
  }

  /** Refuses to go on in a statement that is too long. */
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

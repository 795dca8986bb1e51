package org.learnflow.db.postgres;

import java.io.IOException;
import java.io.StringReader;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.flywaydb.core.api.configuration.Configuration;
import org.flywaydb.core.internal.jdbc.JdbcTemplate;
import org.flywaydb.core.internal.jdbc.Result;
import org.flywaydb.core.internal.jdbc.Results;
import org.flywaydb.core.internal.parser.ParserContext;
import org.flywaydb.core.internal.parser.ParsingContext;
import org.flywaydb.core.internal.parser.PeekingReader;
import org.flywaydb.core.internal.parser.Recorder;
import org.flywaydb.core.internal.parser.StatementType;
import org.flywaydb.core.internal.parser.Token;
import org.flywaydb.core.internal.parser.TokenType;
import org.flywaydb.core.internal.sqlscript.Delimiter;
import org.flywaydb.core.internal.sqlscript.ParsedSqlStatement;
import org.flywaydb.core.internal.sqlscript.SqlScriptExecutor;
import org.flywaydb.database.postgresql.PostgreSQLParser;
import org.postgresql.PGConnection;

/**
 * Flyway's parser, corrected where PostgreSQL reads valid text differently. It is the only parser
 * for SQL: of migrations, which Flyway itself reads with it, of undo scripts and of seeds.
 */
public final class SqlParser extends PostgreSQLParser {
  /** Flyway only uses the first and the last ones. */
  private static final int MOST_TOKENS = 1_000;

  private static final int LAST_TOKENS = 10;

  /** No byte below this starts a character outside ASCII. */
  private static final char FIRST_BEYOND_ASCII = 0x80;

  private final EndOfData endOfData;

  /** Tokens of the statement that is being read, with comments. */
  private final List<Token> seen = new ArrayList<>();

  /**
   * A parser.
   *
   * @param endOfData what must follow the rows of {@code COPY ... FROM STDIN}
   */
  public SqlParser(
      Configuration configuration, ParsingContext parsingContext, EndOfData endOfData) {
    super(configuration, parsingContext);
    this.endOfData = endOfData;
  }

  /** What ends the rows of {@code COPY ... FROM STDIN}. */
  public enum EndOfData {
    /** A line {@code \.}. */
    LINE,
    /** That line, or the end of the text. */
    LINE_OR_TEXT
  }

  /** A statement with its words. */
  interface Parsed {
    /** Its first words. */
    SqlWords words();

    /** Where they begin in its text, after comments. */
    int begin();
  }

  private static final class Plain extends ParsedSqlStatement implements Parsed {
    private final SqlWords words;
    private final int begin;

    Plain(
        int pos,
        int line,
        int col,
        String sql,
        Delimiter delimiter,
        boolean batchable,
        SqlWords words,
        int begin) {
      super(pos, line, col, sql, delimiter, !words.forbidTransaction(), batchable);
      this.words = words;
      this.begin = begin;
    }

    /**
     * A statement that waits for every older transaction, and blocks nothing meanwhile, can wait
     * for a long time.
     */
    @Override
    public Results execute(
        JdbcTemplate jdbcTemplate, SqlScriptExecutor executor, Configuration configuration) {
      if (!words.concurrently()) {
        return super.execute(jdbcTemplate, executor, configuration);
      }
      try {
        String before = jdbcTemplate.queryForString("SHOW lock_timeout");
        jdbcTemplate.execute("SET lock_timeout = 0");
        Results results = super.execute(jdbcTemplate, executor, configuration);
        if (results.getException() == null) {
          jdbcTemplate.execute("SELECT set_config('lock_timeout', ?, false)", before);
        }
        return results;
      } catch (SQLException e) {
        Results results = new Results();
        jdbcTemplate.extractErrors(results, e);
        return results;
      }
    }

    @Override
    public SqlWords words() {
      return words;
    }

    @Override
    public int begin() {
      return begin;
    }
  }

  /** Like Flyway's own, but keeps the server's error. */
  private static final class Copy extends ParsedSqlStatement implements Parsed {
    private static final Delimiter END = new Delimiter("\\.", true, null);

    private final SqlWords words;
    private final String data;

    Copy(int pos, int line, int col, String sql, String data, SqlWords words) {
      super(pos, line, col, sql, END, true, false);
      this.words = words;
      this.data = data;
    }

    @Override
    public Results execute(
        JdbcTemplate jdbcTemplate, SqlScriptExecutor executor, Configuration configuration) {
      Results results = new Results();
      try {
        long rows =
            jdbcTemplate
                .getConnection()
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn(getSql(), new StringReader(data));
        results.addResult(new Result(rows, null, null, getSql()));
      } catch (SQLException e) {
        jdbcTemplate.extractErrors(results, e);
      } catch (IOException e) {
        throw new IllegalStateException("a string can always be read", e);
      }
      return results;
    }

    @Override
    public SqlWords words() {
      return words;
    }

    @Override
    public int begin() {
      return 0;
    }
  }

  @Override
  protected ParsedSqlStatement createStatement(
      PeekingReader reader,
      Recorder recorder,
      int statementPos,
      int statementLine,
      int statementCol,
      int nonCommentPartPos,
      int nonCommentPartLine,
      int nonCommentPartCol,
      StatementType statementType,
      boolean canExecuteInTransaction,
      Delimiter delimiter,
      String sql,
      List<Token> tokens,
      boolean batchable)
      throws IOException {
    int first = 0;
    while (seen.get(first).getType() == TokenType.BLANK_LINES) {
      first++;
    }
    int textBegin = seen.get(first).getPos();
    SqlWords words = SqlWords.of(sql, textBegin, seen);
    int begin = nonCommentPartPos - textBegin;
    if (words.copyFromStdin()) {
      return new Copy(
          nonCommentPartPos,
          nonCommentPartLine,
          nonCommentPartCol,
          sql.substring(begin),
          data(reader, nonCommentPartLine),
          words);
    }
    return new Plain(
        statementPos, statementLine, statementCol, sql, delimiter, batchable, words, begin);
  }

  private String data(PeekingReader reader, int line) throws IOException {
    reader.readUntilIncluding('\n');
    StringBuilder data = new StringBuilder();
    while (true) {
      String row = reader.readUntilIncluding('\n');
      if (row.isEmpty() && endOfData == EndOfData.LINE) {
        throw new NoEndOfDataException(line);
      }
      if (row.isEmpty() || row.strip().equals("\\.")) {
        return data.toString();
      }
      data.append(row);
    }
  }

  /** The rows of {@code COPY ... FROM STDIN} do not end. */
  public static final class NoEndOfDataException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int line;

    NoEndOfDataException(int line) {
      super("the rows after COPY ... FROM STDIN do not end: the line \\. is missing");
      this.line = line;
    }

    /** Where COPY begins. */
    public int line() {
      return line;
    }
  }

  /** Determined by the words, when all of them are known. */
  @Override
  protected StatementType detectStatementType(
      String simplifiedStatement, ParserContext context, PeekingReader reader) {
    return StatementType.UNKNOWN;
  }

  /** The same. */
  @Override
  protected Boolean detectCanExecuteInTransaction(
      String simplifiedStatement, List<Token> keywords) {
    return true;
  }

  /** PostgreSQL treats every character beyond ASCII as a letter. */
  @Override
  protected boolean isLetter(char c, ParserContext context) {
    return c >= FIRST_BEYOND_ASCII || super.isLetter(c, context);
  }

  @Override
  protected String readKeyword(PeekingReader reader, Delimiter delimiter, ParserContext context)
      throws IOException {
    StringBuilder keyword = new StringBuilder(super.readKeyword(reader, delimiter, context));
    for (String next = reader.peek(1);
        next != null && next.charAt(0) >= FIRST_BEYOND_ASCII;
        next = reader.peek(1)) {
      keyword.append(super.readKeyword(reader, delimiter, context));
    }
    return keyword.toString();
  }

  /**
   * A parameter such as {@code $1} is not one; a statement would lose a parenthesis at its
   * beginning.
   */
  @Override
  protected boolean isAlternativeStringLiteral(String peek) {
    return peek.charAt(0) == '(' || peek.charAt(0) == '\\' || beginsDollarQuote(peek);
  }

  private static boolean beginsDollarQuote(String peek) {
    if (peek.length() < 2 || peek.charAt(0) != '$') {
      return false;
    }
    char next = peek.charAt(1);
    return next == '$' || next == '_' || next >= FIRST_BEYOND_ASCII || Character.isLetter(next);
  }

  @Override
  protected Token handleAlternativeStringLiteral(
      PeekingReader reader, ParserContext context, int pos, int line, int col) throws IOException {
    if (reader.peek('\\')) {
      String rest = reader.readUntilExcluding('\n', '\r');
      throw new SqlScript.PsqlCommandException(rest.replaceFirst("\\s.*|(?<=.)\\\\.*", ""), line);
    }
    if (!reader.peek('(')) {
      return super.handleAlternativeStringLiteral(reader, context, pos, line, col);
    }
    context.increaseParensDepth();
    reader.swallow();
    return new Token(TokenType.SYMBOL, pos, line, col, "(", "(", context.getParensDepth());
  }

  /** {@code e'\''}; Flyway only knows the capital letter. */
  @Override
  protected Token handleKeyword(
      PeekingReader reader, ParserContext context, int pos, int line, int col, String keyword)
      throws IOException {
    if (!keyword.equals("e") || !reader.peek('\'')) {
      return super.handleKeyword(reader, context, pos, line, col, keyword);
    }
    reader.swallow();
    reader.swallowUntilIncludingWithEscape('\'', true, '\\');
    return new Token(TokenType.STRING, pos, line, col, keyword, keyword, context.getParensDepth());
  }

  @Override
  protected boolean shouldAdjustBlockDepth(ParserContext context, List<Token> tokens, Token token) {
    if (tokens.isEmpty()) {
      seen.clear();
    }
    if (seen.size() <= SqlWords.MOST) {
      seen.add(token);
    }
    if (tokens.size() > MOST_TOKENS) {
      tokens.subList(1, tokens.size() - LAST_TOKENS).clear();
    }
    if (token.getType() == TokenType.EOF) { // the server rejects an incomplete statement
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

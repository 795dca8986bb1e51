package org.learnflow.db.seed;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.postgresql.core.Parser;

/** An SQL seed file, read statement by statement: one is in memory at a time. */
final class SqlFile implements AutoCloseable {
  /** First words of statements that would end the transaction of the set, or look as if. */
  private static final Set<String> TRANSACTION_CONTROL =
      Set.of("ABORT", "BEGIN", "COMMIT", "END", "PREPARE TRANSACTION", "ROLLBACK", "START");

  private static final Pattern FIRST_WORDS = Pattern.compile("\\w+(?:\\s+\\w+)?");

  /** How many characters are read at once; a longer statement makes it more. */
  private static final int WINDOW = 1 << 16;

  /** How far the server's parser looks back from a quote: {@code E'} behind a word's end. */
  private static final int LOOK_BACK = 2;

  /**
   * One statement.
   *
   * @param path its file
   * @param line where it begins, behind comments
   * @param sql without the semicolon
   */
  record Statement(Path path, long line, String sql) {
    /**
     * File and line.
     *
     * @param position of a character in the statement, counted from 1; 0 for the statement itself
     */
    String place(int position) {
      int within =
          sql.offsetByCodePoints(
              0, Math.clamp(position - 1L, 0, sql.codePointCount(0, sql.length())));
      return path + ", line " + (line + sql.chars().limit(within).filter(c -> c == '\n').count());
    }

    private void refuseTransactionControl() {
      Matcher first = FIRST_WORDS.matcher(sql);
      String words = first.lookingAt() ? first.group() : "";
      String control = words.toUpperCase(Locale.ROOT).replaceAll("\\s+", " ");
      if (TRANSACTION_CONTROL.contains(control)
          || TRANSACTION_CONTROL.contains(control.replaceFirst(" .*", ""))) {
        throw SeedFailures.at(
            place(0),
            "\"%s\" is not possible in a seed file: a set is one transaction".formatted(words));
      }
    }
  }

  private final Path path;
  private final Reader reader;

  /** What was read and is still needed; always full, since pgjdbc's parser goes by its length. */
  private char[] window = new char[0];

  private boolean ended;
  private int position;
  private int counted;
  private long line = 1;

  /**
   * A file.
   *
   * @param path its name, for messages
   * @param content normalised; closed with this
   */
  SqlFile(Path path, InputStream content) {
    this.path = path;
    this.reader = new InputStreamReader(content, StandardCharsets.UTF_8);
  }

  /**
   * The next statement.
   *
   * @throws org.learnflow.db.Failure 8 if it begins or ends a transaction, for then a later failure
   *     could not undo the set
   */
  Optional<Statement> next() throws IOException {
    int begin = -1; // of the statement, once something but space and comments was seen
    while (position < window.length || !ended) {
      if (begin >= 0) {
        skipPlain();
      }
      int end = position < window.length ? endOfToken() : position;
      if (!ended && mayGoOn(end)) {
        begin -= readMore(begin < 0 ? position : begin);
        continue;
      }
      int start = position;
      boolean comment = end > start && (window[start] == '-' || window[start] == '/');
      position = Math.min(end, window.length - 1) + 1;
      if (window[start] == ';') {
        if (begin >= 0) {
          return Optional.of(statement(begin, start));
        }
      } else if (begin < 0 && !comment && !Character.isWhitespace(window[start])) {
        begin = start;
      }
    }
    return begin < 0 ? Optional.empty() : Optional.of(statement(begin, window.length));
  }

  private Statement statement(int begin, int end) {
    countLines(begin);
    Statement statement = new Statement(path, line, new String(window, begin, end - begin));
    statement.refuseTransactionControl();
    return statement;
  }

  /** Goes on to what means something, or to the last character; nearly all characters do not. */
  private void skipPlain() {
    char[] chars = window;
    int i = position;
    for (; i < chars.length - 1; i++) {
      char c = chars[i];
      if (c == '\'' || c == ';' || c == '"' || c == '$' || c == '-' || c == '/') {
        break;
      }
    }
    position = i;
  }

  /** Index of the last character of the string, quoted name or comment that begins here. */
  private int endOfToken() {
    return switch (window[position]) {
      case '\'' -> Parser.parseSingleQuotes(window, position, true);
      case '"' -> Parser.parseDoubleQuotes(window, position);
      case '$' -> Parser.parseDollarQuotes(window, position);
      case '-' -> Parser.parseLineComment(window, position);
      case '/' -> Parser.parseBlockComment(window, position);
      default -> position;
    };
  }

  /** Whether the token may be longer than what was read of it. */
  private boolean mayGoOn(int end) {
    if (end >= window.length - 1) {
      return true;
    }
    if (window[position] != '$' || end > position) {
      return false;
    }
    int tag = position + 1;
    while (tag < window.length && Parser.isDollarQuoteContChar(window[tag])) {
      tag++;
    }
    return tag == window.length;
  }

  /**
   * Reads at least as much as is kept.
   *
   * @param needed index of the first character that is
   * @return by how much indexes have become smaller; 0 for one that is not set
   */
  private int readMore(int needed) throws IOException {
    countLines(needed);
    int from = Math.max(needed - LOOK_BACK, 0);
    int kept = window.length - from;
    char[] more = new char[Math.max(WINDOW, Math.multiplyExact(kept, 2))];
    System.arraycopy(window, from, more, 0, kept);
    int limit = kept;
    while (limit < more.length && !ended) {
      int n = reader.read(more, limit, more.length - limit);
      ended = n < 0;
      limit += Math.max(n, 0);
    }
    window = limit < more.length ? Arrays.copyOf(more, limit) : more;
    position -= from;
    counted -= from;
    return from;
  }

  private void countLines(int end) {
    for (; counted < end; counted++) {
      if (window[counted] == '\n') {
        line++;
      }
    }
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}

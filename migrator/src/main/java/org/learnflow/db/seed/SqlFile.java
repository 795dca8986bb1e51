package org.learnflow.db.seed;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.postgresql.core.Parser;

/**
 * An SQL seed file as statements.
 *
 * @param path the file
 * @param text all of it
 * @param statements in order
 */
record SqlFile(Path path, String text, List<Statement> statements) {
  /** First words of statements that would end the transaction of the set, or look as if. */
  private static final Set<String> TRANSACTION_CONTROL =
      Set.of("ABORT", "BEGIN", "COMMIT", "END", "PREPARE TRANSACTION", "ROLLBACK", "START");

  /**
   * One statement.
   *
   * @param offset where it begins in the file's text, behind comments
   * @param sql without the semicolon
   */
  record Statement(int offset, String sql) {}

  /** Reads and sums a file, normalised. */
  static SqlFile read(Path path, SeedChecksum checksum) {
    try (InputStream content = new NormalizedInput(Files.newInputStream(path))) {
      byte[] bytes = content.readAllBytes();
      checksum.update(bytes, 0, bytes.length);
      return parse(path, new String(bytes, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException("reading seed file " + path, e);
    }
  }

  /**
   * Finds the statements in {@code text}.
   *
   * @throws org.learnflow.db.Failure 8 if one of them begins or ends a transaction, for then a
   *     later failure could not undo the set
   */
  static SqlFile parse(Path path, String text) {
    SqlFile file = new SqlFile(path, text, statements(text));
    for (Statement statement : file.statements) {
      String words = statement.sql.replaceFirst("(?s)^(\\w+(?:\\s+\\w+)?).*", "$1");
      String control = words.toUpperCase(Locale.ROOT).replaceAll("\\s+", " ");
      if (TRANSACTION_CONTROL.contains(control)
          || TRANSACTION_CONTROL.contains(control.replaceFirst(" .*", ""))) {
        throw SeedFailures.at(
            file.place(statement, 0),
            "\"%s\" is not possible in a seed file: a set is one transaction".formatted(words));
      }
    }
    return file;
  }

  private static List<Statement> statements(String text) {
    List<Statement> statements = new ArrayList<>();
    char[] chars = text.toCharArray();
    int begin = -1; // of the current statement, once something but space and comments was seen
    for (int i = 0; i < chars.length; i++) {
      int start = i;
      i = endOfToken(chars, i);
      boolean comment = i > start && (chars[start] == '-' || chars[start] == '/');
      if (chars[start] == ';') {
        if (begin >= 0) {
          statements.add(new Statement(begin, text.substring(begin, start)));
        }
        begin = -1;
      } else if (begin < 0 && !comment && !Character.isWhitespace(chars[start])) {
        begin = start;
      }
    }
    if (begin >= 0) {
      statements.add(new Statement(begin, text.substring(begin)));
    }
    return List.copyOf(statements);
  }

  /** Index of the last character of the string, quoted name or comment that begins at {@code i}. */
  private static int endOfToken(char[] chars, int i) {
    int end =
        switch (chars[i]) {
          case '\'' -> Parser.parseSingleQuotes(chars, i, true);
          case '"' -> Parser.parseDoubleQuotes(chars, i);
          case '$' -> Parser.parseDollarQuotes(chars, i);
          case '-' -> Parser.parseLineComment(chars, i);
          case '/' -> Parser.parseBlockComment(chars, i);
          default -> i;
        };
    return Math.min(end, chars.length - 1);
  }

  /**
   * File and line.
   *
   * @param position of a character in the statement, counted from 1; 0 for the statement itself
   */
  String place(Statement statement, int position) {
    int within =
        statement.sql.offsetByCodePoints(
            0,
            Math.clamp(position - 1L, 0, statement.sql.codePointCount(0, statement.sql.length())));
    String before = text.substring(0, statement.offset + within);
    return path + ", line " + (1 + before.chars().filter(c -> c == '\n').count());
  }
}

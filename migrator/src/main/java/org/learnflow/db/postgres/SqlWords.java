package org.learnflow.db.postgres;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.flywaydb.core.internal.parser.Token;
import org.flywaydb.core.internal.parser.TokenType;

/**
 * The words of a statement as they are written, without comments: names, numbers, strings, {@code
 * (}, {@code )} and other symbols. The kind of a statement is determined from them, so that no
 * comment, string, function body or quoted name is mistaken for it.
 *
 * @param words the first ones
 * @param whole whether these are all
 */
public record SqlWords(List<String> words, boolean whole) {
  /** How many words of a statement are kept. */
  static final int MOST = 4_000;

  /** First words of statements that begin or end a transaction. */
  private static final Set<String> TRANSACTION_CONTROL =
      Set.of("ABORT", "BEGIN", "COMMIT", "END", "ROLLBACK", "START");

  private static final Pattern KEYWORD = Pattern.compile("[A-Za-z_]+");

  /**
   * The words of a text.
   *
   * @param textBegin where it begins, in positions of the tokens
   */
  static SqlWords of(String sql, int textBegin, List<Token> tokens) {
    List<String> words = new ArrayList<>();
    int depth = 0;
    int last = tokens.size() - 1;
    for (int i = 0; i < last; i++) {
      Token token = tokens.get(i);
      boolean delimiter = token.getType() == TokenType.DELIMITER;
      int nowDepth = Math.max(0, token.getParensDepth());
      boolean opens = "(".equals(token.getText()) && token.getType() == TokenType.SYMBOL;
      for (int before = opens ? nowDepth - 1 : nowDepth; depth > before; depth--) {
        words.add(")");
      }
      depth = nowDepth;
      if (token.getType() == TokenType.COMMENT || token.getType() == TokenType.BLANK_LINES) {
        continue;
      }
      int begin = Math.min(token.getPos() - textBegin, sql.length());
      int end = Math.min(tokens.get(i + 1).getPos() - textBegin, sql.length());
      words.add(delimiter || opens ? String.valueOf(token.getText()) : trimmed(sql, begin, end));
    }
    TokenType end = tokens.get(last).getType();
    boolean whole = end == TokenType.DELIMITER || end == TokenType.EOF;
    for (; whole && depth > 0; depth--) {
      words.add(")");
    }
    return new SqlWords(List.copyOf(words), whole);
  }

  /** Flyway has no tokens for closing parentheses. */
  private static String trimmed(String sql, int begin, int tokenEnd) {
    int end = tokenEnd;
    while (end > begin + 1
        && (sql.charAt(end - 1) == ')' || Character.isWhitespace(sql.charAt(end - 1)))) {
      end--;
    }
    return sql.substring(begin, end);
  }

  /**
   * Its keywords and names: keywords, and names that could be keywords, in upper case; other names,
   * without their quotes, in lower case; no values.
   */
  public List<String> names() {
    return words.stream()
        .filter(word -> word.indexOf('\'') < 0 && !word.startsWith("$"))
        .filter(word ->
            word.startsWith("\"") || Character.isLetter(word.charAt(0)) || word.startsWith("_"))
        .map(word ->
            KEYWORD.matcher(word).matches()
                ? word.toUpperCase(Locale.ROOT)
                : word.replace("\"", "").toLowerCase(Locale.ROOT))
        .toList();
  }

  /** Whether the words from a position on are these keywords. */
  public boolean are(int from, String... keywords) {
    if (words.size() < from + keywords.length) {
      return false;
    }
    for (int i = 0; i < keywords.length; i++) {
      if (!words.get(from + i).equalsIgnoreCase(keywords[i])) {
        return false;
      }
    }
    return true;
  }

  /** Whether it begins with these keywords. */
  public boolean begin(String... keywords) {
    return are(0, keywords);
  }

  /** Whether these keywords follow each other in it, outside of parentheses. */
  private boolean contain(String... keywords) {
    int depth = 0;
    for (int i = 0; i < words.size(); i++) {
      depth += words.get(i).equals("(") ? 1 : words.get(i).equals(")") ? -1 : 0;
      if (depth == 0 && are(i, keywords)) {
        return true;
      }
    }
    return false;
  }

  /** Its first words, if it begins or ends a transaction. */
  public Optional<String> transactionControl() {
    if (begin("PREPARE", "TRANSACTION")) {
      return Optional.of(words.get(0) + " " + words.get(1));
    }
    return words.stream()
        .findFirst()
        .filter(word -> TRANSACTION_CONTROL.stream().anyMatch(word::equalsIgnoreCase));
  }

  /** Whether rows for it follow in the text. */
  public boolean copyFromStdin() {
    return begin("COPY") && contain("FROM", "STDIN");
  }

  /** Whether it runs alongside other sessions' transactions, and waits for those that are older. */
  public boolean concurrently() {
    return concurrentIndex("CREATE")
        || concurrentIndex("DROP")
        || (begin("REINDEX") && (reindexOption("CONCURRENTLY") || contain("CONCURRENTLY")))
        || (begin("ALTER", "TABLE") && contain("DETACH", "PARTITION") && ends("CONCURRENTLY"));
  }

  private boolean concurrentIndex(String first) {
    int index = are(1, "UNIQUE") ? 2 : 1;
    return begin(first) && are(index, "INDEX", "CONCURRENTLY");
  }

  /**
   * An index that is built concurrently; both names as they are written.
   *
   * @param index empty if it has no name, or none that is understood
   */
  public record IndexBuild(Optional<String> index, String table) {}

  /** The index that it builds, if it is {@code CREATE INDEX CONCURRENTLY}. */
  public Optional<IndexBuild> indexBuild() {
    if (!concurrentIndex("CREATE")) {
      return Optional.empty();
    }
    int i = are(1, "UNIQUE") ? 4 : 3;
    i += are(i, "IF", "NOT", "EXISTS") ? 3 : 0;
    Optional<String> index =
        !are(i, "ON") && are(i + 1, "ON") ? Optional.of(words.get(i)) : Optional.empty();
    while (i < words.size() && !are(i, "ON")) {
      i++;
    }
    i += are(i + 1, "ONLY") ? 2 : 1;
    StringBuilder table = new StringBuilder(i < words.size() ? words.get(i) : "");
    while (are(i + 1, ".") && i + 2 < words.size()) {
      table.append('.').append(words.get(i + 2));
      i += 2;
    }
    return Optional.of(new IndexBuild(index, table.toString()));
  }

  private boolean ends(String keyword) {
    return whole && words.getLast().equalsIgnoreCase(keyword);
  }

  /** {@code REINDEX (VERBOSE, CONCURRENTLY true) ...}. */
  private boolean reindexOption(String option) {
    for (int i = 1; are(1, "(") && i < words.size() && !are(i, ")"); i++) {
      if (are(i, option)) {
        String value = i + 1 < words.size() ? words.get(i + 1) : "";
        return Set.of("off", "false", "0", "'off'", "'false'", "'0'").stream()
            .noneMatch(value::equalsIgnoreCase);
      }
    }
    return false;
  }

  /**
   * Whether PostgreSQL rejects it in a transaction, as far as this can be determined without the
   * database: not what a procedure does, nor whether a table is partitioned. Source: its callers of
   * PreventInTransactionBlock, 15 to 18.
   */
  public boolean forbidTransaction() {
    return concurrently()
        || begin("VACUUM")
        || begin("ALTER", "SYSTEM")
        || begin("DISCARD", "ALL")
        || begin("COMMIT", "PREPARED")
        || begin("ROLLBACK", "PREPARED")
        || (begin("ALTER", "DATABASE") && contain("SET", "TABLESPACE"))
        || ((begin("CREATE") || begin("DROP")) && (are(1, "DATABASE") || are(1, "TABLESPACE")))
        || begin("DROP", "SUBSCRIPTION")
        || (begin("CREATE", "SUBSCRIPTION") && !off("create_slot") && !off("connect"))
        || (begin("ALTER", "SUBSCRIPTION") && refreshesSubscription())
        || (begin("CLUSTER") && words.size() == afterOptions())
        || (begin("REINDEX") && reindexesMany());
  }

  private boolean refreshesSubscription() {
    return contain("REFRESH", "PUBLICATION") || (contain("PUBLICATION") && !off("refresh"));
  }

  private boolean reindexesMany() {
    int kind = afterOptions();
    return are(kind, "SCHEMA") || are(kind, "DATABASE") || are(kind, "SYSTEM");
  }

  /** After {@code CLUSTER (VERBOSE)} or {@code REINDEX VERBOSE}. */
  private int afterOptions() {
    int i = 1;
    if (are(i, "(")) {
      i = words.indexOf(")") + 1;
    }
    return are(i, "VERBOSE") ? i + 1 : i;
  }

  /** Whether {@code WITH (option = false)} is in it. */
  private boolean off(String option) {
    for (int i = 0; i < words.size(); i++) {
      if (are(i, option, "=")) {
        return are(i + 2, "false")
            || are(i + 2, "off")
            || are(i + 2, "'false'")
            || are(i + 2, "'off'")
            || are(i + 2, "0");
      }
    }
    return false;
  }
}

package org.learnflow.db.schema;

import java.io.IOException;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.learnflow.db.postgres.SqlScript;

/**
 * Migrations as they are tried in a database other than the one that they are for. Statements that
 * concern the whole server, such as {@code ALTER DATABASE} and {@code CREATE ROLE}, are left out:
 * they would affect the real one. {@link Confinement} finds statements of that kind in a DO block
 * or a function.
 *
 * @param files to apply there
 * @param leftOut statements that were removed from them, in order
 */
public record Trial(MigrationFiles files, List<LeftOut> leftOut) {
  /** Objects that all databases of a server share, or that reach another server. */
  private static final Set<String> SHARED =
      Set.of("DATABASE", "GROUP", "ROLE", "SUBSCRIPTION", "TABLESPACE", "USER");

  /** Objects outside a database that privileges can be granted on. */
  private static final Set<String> GRANTED_ON = Set.of("DATABASE", "PARAMETER", "TABLESPACE");

  private static final Set<String> ROLES = Set.of("GROUP", "ROLE", "USER");

  private static final int SHOWN_WORDS = 6;

  /** A copy. */
  public Trial {
    leftOut = List.copyOf(leftOut);
  }

  /**
   * A statement that is not tried.
   *
   * @param file that has it
   * @param line where it begins
   * @param sql the statement; may hold a password
   * @param words its first words, without values
   */
  public record LeftOut(MigrationFile file, int line, String sql, String words) {
    /** Where it is and how it begins, such as {@code V2__a.sql, line 3: ALTER ROLE "app"}. */
    public String text() {
      return "%s, line %d: %s".formatted(file.name(), line, words);
    }
  }

  /** The files without what concerns the whole server. */
  public static Trial of(MigrationFiles files) {
    List<MigrationFile> tried = new ArrayList<>();
    List<LeftOut> leftOut = new ArrayList<>();
    Set<String> roles = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    for (MigrationFile file : files.files()) {
      tried.add(tried(file, roles, leftOut));
    }
    return new Trial(files.only(tried), leftOut);
  }

  private static MigrationFile tried(MigrationFile file, Set<String> roles, List<LeftOut> leftOut) {
    StringBuilder text = new StringBuilder();
    List<LeftOut> here = new ArrayList<>();
    int line = 1;
    try (SqlScript script = new SqlScript(file.name(), new StringReader(file.sql()))) {
      while (script.hasNext()) {
        SqlScript.Statement statement = script.next();
        List<String> words = statement.words().names();
        if (statement.words().copyFromStdin()) {
          return file; // rows of COPY are not statements, so nothing can be cut out of such a file
        }
        if (isOutside(words) || isRightOf(words, roles)) {
          here.add(
              new LeftOut(
                  file,
                  statement.line(),
                  statement.sql(),
                  words.stream().limit(SHOWN_WORDS).collect(Collectors.joining(" "))));
          madeRole(words, roles);
          continue;
        }
        // Line numbers stay the same, because the server reports them in errors.
        text.repeat("\n", Math.max(0, statement.line() - line)).append(statement.sql()).append(";");
        line = statement.lineOf(Integer.MAX_VALUE);
      }
    } catch (IOException e) {
      return file; // a statement that is too long is refused when it is applied
    }
    leftOut.addAll(here);
    return here.isEmpty() ? file : file.tried(text.append("\n").toString());
  }

  /** Whether a statement concerns something outside the database that it runs in. */
  static boolean isOutside(List<String> words) {
    if (words.size() < 2) {
      return false;
    }
    String second = words.get(1);
    return switch (words.getFirst()) {
      case "CREATE", "ALTER" ->
          second.equals("SYSTEM") || (isShared(second) && !isUserMapping(words));
      case "DROP" -> second.equals("OWNED") || (isShared(second) && !isUserMapping(words));
      case "REASSIGN" -> second.equals("OWNED");
      case "COMMENT", "SECURITY" -> {
        int on = words.indexOf("ON");
        yield on > 0 && on + 1 < words.size() && isShared(words.get(on + 1));
      }
      case "GRANT", "REVOKE" -> {
        int on = words.indexOf("ON");
        yield on < 0 || (on + 1 < words.size() && GRANTED_ON.contains(words.get(on + 1)));
      }
      default -> false;
    };
  }

  private static boolean isShared(String word) {
    return SHARED.contains(word);
  }

  private static boolean isUserMapping(List<String> words) {
    return words.size() > 2 && words.get(1).equals("USER") && words.get(2).equals("MAPPING");
  }

  /** Remembers a role that is not created, because nothing can be granted to it. */
  private static void madeRole(List<String> words, Set<String> roles) {
    if (words.size() > 2 && words.getFirst().equals("CREATE") && ROLES.contains(words.get(1))) {
      roles.add(words.get(2).toLowerCase(Locale.ROOT));
    }
  }

  /** Whether a statement grants something to a role that is left out. */
  private static boolean isRightOf(List<String> words, Set<String> roles) {
    if (roles.isEmpty() || words.isEmpty() || words.stream().noneMatch(roles::contains)) {
      return false;
    }
    return switch (words.getFirst()) {
      case "GRANT", "REVOKE" -> true;
      case "ALTER" ->
          words.contains("OWNER") || (words.size() > 1 && words.get(1).equals("DEFAULT"));
      default -> false;
    };
  }

  /**
   * Corrects the checksums in the history to those of the complete files.
   *
   * @param connection a session of the owner in the database that they were applied to
   */
  public void correctHistory(Connection connection) throws SQLException {
    try (PreparedStatement update =
        connection.prepareStatement(
            "UPDATE %s SET checksum = ? WHERE version = ?".formatted(SchemaState.HISTORY))) {
      for (MigrationFile file : files.files()) {
        if (file.tried().isPresent()) {
          update.setInt(1, file.checksum());
          update.setString(2, file.version().toString());
          update.executeUpdate();
        }
      }
    }
  }
}

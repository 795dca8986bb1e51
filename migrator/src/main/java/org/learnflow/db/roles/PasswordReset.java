package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.stream.Collectors;
import org.learnflow.db.Password;

/** Setting passwords that nobody knows, by SQL that is run inside the server's own container. */
public final class PasswordReset {
  /** Also names the rule for it, see repair.sh. */
  private static final String MAP = "learnflow-db-repair";

  /** What a line of the answer begins with; the role's name follows. */
  public static final String SET = "set the password of ";

  private PasswordReset() {}

  /**
   * SQL for psql, as superuser: sets passwords of roles that are there, of which only verifiers are
   * sent; and lets the owner see the server's rules, so that it can tell whether one was left.
   * Answers a line for each role.
   *
   * @param passwords by role
   */
  public static String sql(String owner, Map<String, Password> passwords) {
    String verifiers =
        passwords.entrySet().stream()
            .map(entry ->
                "(%s, %s)"
                    .formatted(
                        literal(entry.getKey()),
                        literal(RoleManager.verifier(entry.getKey(), entry.getValue()))))
            .collect(Collectors.joining(", "));
    // Nobody's password is wrong where only a rule is to be taken away.
    String rows = verifiers.isEmpty() ? "('', '')" : verifiers;
    return """
    SELECT format('GRANT SELECT ON pg_hba_file_rules TO %%I', rolname),
           format('GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO %%I', rolname)
    FROM pg_roles WHERE rolname = %s \\gexec
    CREATE TEMPORARY TABLE wanted (role, verifier) AS VALUES %s;
    SELECT format('ALTER ROLE %%I LOGIN PASSWORD %%L', role, verifier)
    FROM wanted JOIN pg_roles ON rolname = role \\gexec
    SELECT '%s' || role FROM wanted JOIN pg_roles ON rolname = role;
    """
        .formatted(literal(owner), rows, SET);
  }

  private static String literal(String text) {
    return "'" + text.replace("'", "''") + "'";
  }

  /** Whether the rule is still there; false where this session may not know. */
  public static boolean isRuleLeft(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      try (ResultSet row =
          statement.executeQuery(
              "SELECT has_table_privilege('pg_hba_file_rules', 'SELECT')"
                  + " AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE')")) {
        row.next();
        if (!row.getBoolean(1)) {
          return false;
        }
      }
      try (ResultSet row =
          statement.executeQuery(
              "SELECT EXISTS (SELECT FROM pg_hba_file_rules WHERE 'map=%s' = ANY (options))"
                  .formatted(MAP))) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }
}

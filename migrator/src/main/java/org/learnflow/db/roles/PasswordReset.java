package org.learnflow.db.roles;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import org.learnflow.db.Password;
import org.learnflow.db.connect.DatabaseAddress;
import org.learnflow.db.postgres.Sql;

/** Sets passwords that nobody knows, with SQL that runs inside the server's own container. */
public final class PasswordReset {
  /** Also names the rule for it, see repair.sh. */
  private static final String MAP = "learnflow-db-repair";

  /** Start of a line of the answer; the role's name follows. */
  public static final String SET = "set the password of ";

  private PasswordReset() {}

  /**
   * SQL for psql, as superuser in the maintenance database: sets passwords of existing roles, of
   * which only verifiers are sent; and lets the owner read the server's rules, so that it can check
   * whether one was left behind. Answers a line for each role. Every name is inserted into the
   * statements here; the server composes none.
   *
   * @param owner of {@code database}, in which it can read the rules
   * @param passwords by role
   */
  public static String sql(String owner, String database, Map<String, Password> passwords) {
    StringBuilder sql = new StringBuilder();
    passwords.forEach((role, password) ->
        sql.append(
            where(
                "pg_roles WHERE rolname",
                role,
                """
                ALTER ROLE %s LOGIN PASSWORD %s;
                SELECT %s;
                """
                    .formatted(
                        Sql.identifier(role),
                        Sql.literal(RoleManager.verifier(role, password)),
                        Sql.literal(SET + role)))));
    String grants =
        """
        GRANT SELECT ON pg_catalog.pg_hba_file_rules TO %1$s;
        GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO %1$s;
        """
            .formatted(Sql.identifier(owner));
    sql.append(
        where(
            "pg_database WHERE datname",
            database,
            "\\connect -reuse-previous=on %s\n".formatted(connection(database))
                + where("pg_roles WHERE rolname", owner, grants)));
    return sql.toString();
  }

  /** A statement that runs only if a row of the catalog has that name. */
  private static String where(String column, String name, String then) {
    return """
    SELECT EXISTS (SELECT FROM pg_catalog.%s OPERATOR(pg_catalog.=) %s::pg_catalog.name) AS found \\gset
    \\if :found
    %s\\endif
    """
        .formatted(column, Sql.literal(name), then);
  }

  /** An argument of psql's connect, whatever the database's name is. */
  private static String connection(String database) {
    return "'"
        + DatabaseAddress.parameter(database).replace("\\", "\\\\").replace("'", "\\'")
        + "'";
  }

  /** Whether the rule still exists; false if this session cannot read the rules. */
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

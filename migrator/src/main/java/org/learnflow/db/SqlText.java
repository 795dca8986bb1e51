package org.learnflow.db;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.postgresql.PGConnection;

/** Names and values as SQL writes them, and a text that only has to be run. */
public final class SqlText {
  private SqlText() {}

  /** A name in double quotes, whatever is in it. */
  public static String identifier(String name) {
    if (name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("a name with a zero byte");
    }
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  /** A value in single quotes, as the session's standard_conforming_strings wants it. */
  public static String literal(Connection connection, String value) throws SQLException {
    return "'" + connection.unwrap(PGConnection.class).escapeLiteral(value) + "'";
  }

  /** Runs a text; its rows are of no account. */
  public static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}

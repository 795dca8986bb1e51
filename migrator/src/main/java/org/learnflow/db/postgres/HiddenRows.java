package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.learnflow.db.Resource;

/**
 * Which tables do not show all their rows to the role of a session: the one place that checks this.
 * Row level security hides rows silently, also from a table's owner if it is forced.
 */
public final class HiddenRows {
  private static final String QUERY = Resource.text(HiddenRows.class, "hidden-rows.sql");

  private HiddenRows() {}

  /** What can hide rows. */
  public enum By {
    /** The role cannot read the table at all. */
    RIGHTS,
    /** Policies of row level security. */
    POLICIES,
    /** Row level security applies to the role, but a policy shows it every row. */
    NOTHING
  }

  /**
   * A table that one of these applies to.
   *
   * @param name with schema, quoted if necessary
   * @param partitioned whether its rows are in other tables
   * @param state of its policies, which differs after each change
   */
  public record Table(String name, boolean partitioned, By by, String state) {}

  /** All such tables of a database; does not change the session and its transaction. */
  public static List<Table> in(Connection connection) throws SQLException {
    List<Table> tables = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery(QUERY)) {
      while (row.next()) {
        tables.add(
            new Table(
                row.getString(1),
                row.getString(2).equals("p"),
                switch (row.getString(3)) {
                  case "rights" -> By.RIGHTS;
                  case "policies" -> By.POLICIES;
                  default -> By.NOTHING;
                },
                row.getString(4)));
      }
    }
    return tables;
  }

  /**
   * What applies to one table.
   *
   * @param table with schema, quoted if necessary
   */
  public static Optional<By> of(Connection connection, String table) throws SQLException {
    return in(connection).stream()
        .filter(found -> found.name().equals(table))
        .map(Table::by)
        .findFirst();
  }

  /** Whether some rows of a table are hidden. */
  public static boolean hides(Connection connection, String table) throws SQLException {
    return of(connection, table).filter(by -> by != By.NOTHING).isPresent();
  }

  /** {@code row level security hides rows of public.notes from learnflow_owner}. */
  public static String what(List<String> tables, String role) {
    return "row level security hides rows of %s from %s".formatted(String.join(", ", tables), role);
  }

  /** The statements of a migration that let a role see and change all rows. */
  public static String policies(List<String> tables, String role) {
    return tables.stream()
        .map(table ->
            "CREATE POLICY owner_sees_all ON %s TO %s USING (true);"
                .formatted(table, Sql.identifier(role)))
        .collect(Collectors.joining(" "));
  }
}

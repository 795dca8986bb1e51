package org.learnflow.db.seed;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Set;
import org.learnflow.db.postgres.HiddenRows;
import org.learnflow.db.postgres.Sql;

/** The tables that a CSV file names. */
final class SeedReferences {
  private SeedReferences() {}

  /**
   * A table all of whose rows can be seen.
   *
   * @param where it is named
   */
  static SeedTable visibleTable(Connection connection, String where, String name)
      throws SQLException {
    SeedTable table =
        SeedTable.find(connection, name)
            .orElseThrow(() -> SeedFailures.at(where, "table %s does not exist".formatted(name)));
    refuseHidden(connection, where, table);
    return table;
  }

  /** A row that cannot be seen would seem to be missing every time. */
  private static void refuseHidden(Connection connection, String where, SeedTable table)
      throws SQLException {
    if (HiddenRows.of(connection, table.name())
        .filter(HiddenRows.By.POLICIES::equals)
        .isPresent()) {
      String role = Sql.value(connection, "SELECT current_user").orElse("");
      List<String> tables = List.of(table.name());
      throw SeedFailures.at(where, HiddenRows.what(tables, role))
          .next(
              "let it see all rows, in a migration: %s then run: learnflow-db run; docs/reference/seeds.md"
                  .formatted(HiddenRows.policies(tables, role)));
    }
  }

  /** The referenced table; its key must be unique, and a foreign key determines what is stored. */
  static SeedMerge.ReferencedRow lookup(
      Connection connection,
      SeedCsv csv,
      SeedTable table,
      SeedColumn column,
      SeedColumn.Reference reference)
      throws SQLException {
    String where = csv.path() + ", line 1, column " + column.name();
    SeedTable parent = visibleTable(connection, where, reference.table());
    SeedTable.Column key =
        parent
            .column(reference.column())
            .filter(found -> parent.isUnique(Set.of(found.name())))
            .orElseThrow(() ->
                SeedFailures.at(
                    where,
                    "%s is not a unique column of %s"
                        .formatted(reference.column(), reference.table())));
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT pa.attname
            FROM pg_constraint c
            JOIN pg_attribute ca ON ca.attrelid = c.conrelid AND ca.attnum = c.conkey[1]
            JOIN pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = c.confkey[1]
            WHERE c.contype = 'f' AND c.conrelid = ?::regclass AND c.confrelid = ?::regclass
              AND cardinality(c.conkey) = 1 AND ca.attname = ?
            """)) {
      statement.setString(1, table.name());
      statement.setString(2, parent.name());
      statement.setString(3, column.name());
      try (ResultSet row = statement.executeQuery()) {
        if (!row.next()) {
          throw SeedFailures.at(
              where, "%s is not a foreign key to %s".formatted(column.name(), reference.table()));
        }
        return new SeedMerge.ReferencedRow(parent, key, row.getString(1));
      }
    }
  }
}

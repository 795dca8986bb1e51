package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.postgres.RunLedger;
import org.learnflow.db.postgres.StateSchema;

/**
 * A dump that was restored beside the running database, and dropped again.
 *
 * @param dump name of the file
 * @param schemaVersion newest migration after the restore
 * @param migrated versions that were applied on top of the dump
 * @param seconds from reading the dump to its verification
 * @param rows in all tables
 * @param tables by name
 */
public record Drill(
    String dump,
    String schemaVersion,
    List<String> migrated,
    double seconds,
    long rows,
    List<Rows> tables) {
  /**
   * Rows of a table.
   *
   * @param table with schema, quoted if necessary
   * @param dumped in the dump
   * @param now in the running database; null if it has no such table, or does not show all its rows
   */
  public record Rows(String table, long dumped, @Nullable Long now) {}

  static Drill of(String dump, Loaded loaded, double seconds, Map<String, Long> now) {
    List<Rows> tables = new ArrayList<>();
    loaded.rows().forEach((table, rows) -> tables.add(new Rows(table, rows, now.get(table))));
    return new Drill(
        dump,
        loaded.schemaVersion(),
        loaded.migrated(),
        seconds,
        loaded.rows().values().stream().mapToLong(Long::longValue).sum(),
        List.copyOf(tables));
  }

  /** What whoever compares the two would look at first: a table that is empty in the dump alone. */
  List<String> empty() {
    return tables.stream()
        .filter(table -> table.dumped() == 0 && Optional.ofNullable(table.now()).orElse(0L) > 0)
        .map(table ->
            "%s has no rows in the dump, and %d in the database"
                .formatted(table.table(), table.now()))
        .toList();
  }

  /** One line. */
  public String text() {
    return String.format(
        Locale.ROOT,
        "%s can be restored: schema %s, %,d rows in %d tables, %.1f s",
        dump,
        schemaVersion,
        rows,
        tables.size(),
        seconds);
  }

  /**
   * Records a drill in the running database.
   *
   * @param owner a session of the owner
   */
  void record(Connection owner) throws SQLException {
    record(owner, dump, seconds, schemaVersion, tables.size(), rows, "");
  }

  /** Records a dump that could not be restored. */
  static void recordFailure(Connection owner, String dump, double seconds, String why)
      throws SQLException {
    record(owner, dump, seconds, "", 0, 0, why);
  }

  private static void record(
      Connection owner,
      String dump,
      double seconds,
      String schemaVersion,
      int tables,
      long rows,
      String failure)
      throws SQLException {
    StateSchema.ensure(owner);
    try (PreparedStatement insert =
        owner.prepareStatement(
            """
            INSERT INTO learnflow_db.drills (dump, seconds, schema_version, table_count, row_count, failure)
            VALUES (?, ?, ?, ?, ?, ?)
            """)) {
      insert.setString(1, dump);
      insert.setDouble(2, seconds);
      insert.setString(3, schemaVersion);
      insert.setInt(4, tables);
      insert.setLong(5, rows);
      insert.setString(6, failure);
      insert.executeUpdate();
    }
    RunLedger.tell(owner);
  }
}

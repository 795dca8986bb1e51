package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.flywaydb.core.api.MigrationVersion;
import org.learnflow.db.postgres.SqlStates;

/** The undo scripts that are stored in the database, so that an older image can run them too. */
public final class UndoScripts {
  private static final String UPSERT =
      """
      INSERT INTO learnflow_db.undo_scripts (version, script, checksum, undo_script, undo_sql, undo_checksum)
      VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (version) DO UPDATE SET script = excluded.script, checksum = excluded.checksum,
          undo_script = excluded.undo_script, undo_sql = excluded.undo_sql, undo_checksum = excluded.undo_checksum
      """;

  private UndoScripts() {}

  /**
   * Stores the undo scripts of {@code applied}; deletes one that belongs to another file of that
   * version.
   */
  static void store(Connection connection, MigrationFiles files, List<MigrationFile> applied)
      throws SQLException {
    try (PreparedStatement upsert = connection.prepareStatement(UPSERT)) {
      for (MigrationFile file : applied) {
        Optional<UndoScript> undo = files.undo(file);
        if (undo.isEmpty()) {
          delete(connection, file.version());
          continue;
        }
        UndoScript script = undo.get();
        upsert.setString(1, script.version().toString());
        upsert.setString(2, script.script());
        upsert.setInt(3, script.checksum());
        upsert.setString(4, script.undoScript());
        upsert.setString(5, script.undoSql());
        upsert.setInt(6, script.undoChecksum());
        upsert.addBatch();
      }
      upsert.executeBatch();
    }
  }

  public static void delete(Connection connection, MigrationVersion version) throws SQLException {
    try (PreparedStatement delete =
        connection.prepareStatement("DELETE FROM learnflow_db.undo_scripts WHERE version = ?")) {
      delete.setString(1, version.toString());
      delete.executeUpdate();
    }
  }

  /** Applied files with an undo script that is not stored. */
  static List<MigrationFile> missing(Connection connection, SchemaState state, MigrationFiles files)
      throws SQLException {
    NavigableMap<MigrationVersion, String> stored = new TreeMap<>();
    query(
        connection,
        "SELECT version FROM learnflow_db.undo_scripts",
        row -> stored.put(MigrationVersion.fromVersion(row.getString(1)), ""));
    return files.files().stream()
        .filter(file -> !stored.containsKey(file.version()))
        .filter(file -> files.undoFiles().containsKey(file.version()))
        .filter(file ->
            Optional.ofNullable(state.applied().get(file.version()))
                .filter(row -> Objects.equals(row.checksum(), file.checksum()))
                .isPresent())
        .toList();
  }

  /** All that are stored. */
  public static NavigableMap<MigrationVersion, UndoScript> read(Connection connection)
      throws SQLException {
    NavigableMap<MigrationVersion, UndoScript> scripts = new TreeMap<>();
    query(
        connection,
        "SELECT version, script, checksum, undo_script, undo_sql, undo_checksum"
            + " FROM learnflow_db.undo_scripts",
        row -> {
          MigrationVersion version = MigrationVersion.fromVersion(row.getString(1));
          scripts.put(
              version,
              new UndoScript(
                  version,
                  row.getString(2),
                  row.getInt(3),
                  row.getString(4),
                  row.getString(5),
                  row.getInt(6)));
        });
    return scripts;
  }

  /** Takes a row of a query. */
  @FunctionalInterface
  private interface Row {
    void take(ResultSet row) throws SQLException;
  }

  /** Runs a query; no rows if the table does not exist yet. */
  private static void query(Connection connection, String sql, Row row) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        row.take(rows);
      }
    } catch (SQLException e) {
      if (!SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())) {
        throw e;
      }
    }
  }
}

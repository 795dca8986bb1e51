package org.learnflow.db.seed;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.learnflow.db.postgres.SqlStates;

/** Which sets were loaded, with which content and how. */
public final class SeedLedger {
  private SeedLedger() {}

  /**
   * A loaded set.
   *
   * @param checksum of its files, see {@link SeedSet#checksum()}
   * @param mode how it was loaded
   */
  public record Entry(String checksum, SeedMode mode) {
    /** Whether loading the same content in {@code wanted} mode could change nothing. */
    boolean covers(SeedMode wanted) {
      return mode == SeedMode.UPDATE || wanted == SeedMode.SKIP;
    }
  }

  /** All loaded sets by name; one query. Also empty if the role cannot see them. */
  public static Map<String, Entry> read(Connection connection) throws SQLException {
    Map<String, Entry> entries = new TreeMap<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows =
            statement.executeQuery("SELECT name, checksum, mode FROM learnflow_db.seed_sets")) {
      while (rows.next()) {
        entries.put(
            rows.getString(1),
            new Entry(
                rows.getString(2), SeedMode.valueOf(rows.getString(3).toUpperCase(Locale.ROOT))));
      }
    } catch (SQLException e) {
      if (!SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())
          && !SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        throw e;
      }
    }
    return entries;
  }

  /** Records a set, in the transaction that loads it. */
  static void write(Connection connection, String set, String checksum, SeedMode mode)
      throws SQLException {
    try (PreparedStatement upsert =
        connection.prepareStatement(
            """
            INSERT INTO learnflow_db.seed_sets (name, checksum, mode) VALUES (?, ?, ?)
            ON CONFLICT (name) DO UPDATE
            SET checksum = EXCLUDED.checksum, mode = EXCLUDED.mode, loaded_at = now()
            """)) {
      upsert.setString(1, set);
      upsert.setString(2, checksum);
      upsert.setString(3, mode.name().toLowerCase(Locale.ROOT));
      upsert.executeUpdate();
    }
  }
}

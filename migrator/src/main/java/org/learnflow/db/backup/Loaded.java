package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.learnflow.db.Progress;
import org.learnflow.db.drift.CatalogLedger;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.schema.Trial;

/**
 * What was loaded, and what remains to be done once it is in place.
 *
 * @param schemaVersion newest applied migration
 * @param migrated versions that were applied on top of the dump
 * @param once statements
 * @param later statements of migrations that concern the whole server
 * @param recorded whether the dump contained the expected state for a server of this version
 * @param rows by table, see {@link Contents#rows}; empty unless they were counted
 */
record Loaded(
    String schemaVersion,
    List<String> migrated,
    List<String> once,
    List<Trial.LeftOut> later,
    boolean recorded,
    Map<String, Long> rows) {
  private static final String STEP = "restore";

  /**
   * Does what remains to be done.
   *
   * @param owner a guarded session of the owner in the database, which is in place
   */
  boolean settle(Connection owner, Progress progress) throws SQLException {
    for (String sql : once) {
      Sql.execute(owner, sql);
    }
    for (Trial.LeftOut one : later) {
      catchUp(owner, one, progress);
    }
    // What was recorded during the load lacks what the owner received since.
    if (recorded) {
      CatalogLedger.settleRestored(owner, progress);
    } else {
      CatalogLedger.takeAsExpected(owner, progress);
    }
    return true;
  }

  /** Reports what fails now and remains to be done. */
  private static void catchUp(Connection owner, Trial.LeftOut one, Progress progress)
      throws SQLException {
    try {
      Sql.execute(owner, one.sql());
    } catch (SQLException e) {
      if (SqlStates.connectionLost(e)) {
        throw e;
      }
      progress.line(
          STEP,
          "warning: %s was refused (%s); if it is still needed, run it manually, as the owner or an admin"
              .formatted(one.text(), e.getMessage()));
    }
  }
}

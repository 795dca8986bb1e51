package org.learnflow.db.schema;

import java.nio.file.Path;
import org.flywaydb.core.api.MigrationVersion;

/**
 * The undo script of a migration.
 *
 * @param version of the migration
 * @param script name of the migration's file
 * @param checksum of the migration
 * @param undoScript name of the undo script's file
 * @param undoSql its text
 * @param undoChecksum its checksum when it was stored
 */
public record UndoScript(
    MigrationVersion version,
    String script,
    int checksum,
    String undoScript,
    String undoSql,
    int undoChecksum) {

  /** Reads the undo script of {@code file}. */
  static UndoScript read(MigrationFile file, Path undo) {
    String sql = MigrationText.read(undo);
    return new UndoScript(
        file.version(),
        file.name(),
        file.checksum(),
        String.valueOf(undo.getFileName()),
        sql,
        MigrationFile.checksum(sql));
  }

  /** Whether the text is no longer the one that was stored. */
  public boolean altered() {
    return MigrationFile.checksum(undoSql) != undoChecksum;
  }
}

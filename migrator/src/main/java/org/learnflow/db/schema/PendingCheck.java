package org.learnflow.db.schema;

import java.util.List;
import org.learnflow.db.Failure;

/** Checks files before any of them is applied, so that nothing fails later that could fail now. */
public final class PendingCheck {
  private PendingCheck() {}

  /**
   * Continues only if the migrations have a valid configuration, and undo scripts that a rollback
   * does not refuse.
   *
   * @throws Failure 2 or 10; nothing is changed
   */
  public static void require(MigrationFiles files, List<MigrationFile> pending) {
    for (MigrationFile file : pending) {
      ScriptConfiguration.of(file);
      files.undo(file).ifPresent(PendingCheck::require);
    }
  }

  private static void require(UndoScript script) {
    try {
      UndoStep.of(script);
    } catch (Failure refused) {
      throw refused.next(
          "correct it (%s) and run the same command again; docs/how-to/migrations.md"
              .formatted(UndoStep.POSSIBLE));
    }
  }
}

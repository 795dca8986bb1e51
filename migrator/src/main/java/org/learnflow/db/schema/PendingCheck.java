package org.learnflow.db.schema;

import java.util.List;
import org.learnflow.db.Failure;

/** Looks at files before any of them is applied, so that no other moment is the first to ask. */
public final class PendingCheck {
  private PendingCheck() {}

  /**
   * Goes on only with migrations that can be configured so, and with ways back that a rollback will
   * not refuse.
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

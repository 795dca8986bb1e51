package org.learnflow.db.verify;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.learnflow.db.schema.CollationChange;

/**
 * Whether the operating system, or ICU, still sorts as it did when the indexes on text were built.
 * If another image sorts differently, such an index misses rows and admits duplicates.
 */
final class CollationVersions {
  private CollationVersions() {}

  /** Reports something only if you have to do something. */
  static List<StageResult> look(Connection connection) throws SQLException {
    CollationChange change = CollationChange.read(connection);
    return change.changed().stream()
        .map(changed ->
            StageResult.warning(
                "collation",
                "%s: %s; next: %s"
                    .formatted(
                        changed.text(), consequence(change.indexes().size()), next(changed))))
        .toList();
  }

  private static String consequence(int indexes) {
    return indexes == 0
        ? "no index depends on it"
        : "text may sort differently than in %d index%s, which may miss rows and allow duplicates"
            .formatted(indexes, indexes == 1 ? "" : "es");
  }

  private static String next(CollationChange.Changed changed) {
    return changed.refreshable()
        ? "learnflow-db reindex"
            + (changed.own() ? "" : "; then as an admin: " + changed.refresh() + ";")
        : "PostgreSQL cannot record this change, so go back to the image that was used before, or move"
            + " the data with a dump: docs/how-to/official-image.md";
  }
}

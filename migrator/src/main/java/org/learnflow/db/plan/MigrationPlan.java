package org.learnflow.db.plan;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.schema.MigrationFile;

/**
 * What pending migrations will do to the existing tables.
 *
 * @param from newest applied version, or "none"
 * @param steps pending migrations in order
 * @param notTried their statements that concern the whole server: where each is, and how it begins
 * @param notes why a dump of the database could not be restored afterwards, one sentence each
 */
public record MigrationPlan(
    String from, List<Step> steps, List<String> notTried, List<String> notes) {
  /**
   * One pending migration.
   *
   * @param file the migration
   * @param transaction whether it runs in one; outside, each statement releases its locks
   * @param tables existing tables that it locks
   */
  public record Step(MigrationFile file, boolean transaction, List<TableEffect> tables) {}

  /**
   * What a migration does to a table.
   *
   * @param table name, with its schema if that is not public
   * @param lock the strongest lock on it or its indexes
   * @param rewritten whether the whole table is rewritten
   * @param rebuiltIndexes its indexes that are rewritten
   * @param size of the real table
   */
  public record TableEffect(
      String table, LockMode lock, boolean rewritten, List<String> rebuiltIndexes, Size size) {
    /** Whether the table or one of its indexes is rewritten. */
    public boolean rewrites() {
      return rewritten || !rebuiltIndexes.isEmpty();
    }
  }

  /**
   * How large a table is, according to the server's statistics.
   *
   * @param bytes with indexes, as of its last VACUUM or ANALYZE; null if there was none
   * @param rows estimated
   */
  public record Size(@Nullable Long bytes, long rows) {
    /** Whether the table has no rows according to the statistics. */
    public boolean isEmpty() {
      return rows == 0;
    }
  }

  /** What happens to tables with rows although it must not, one sentence each. */
  public List<String> refused(Collection<FailOn> failOn) {
    List<String> refused = new ArrayList<>();
    for (Step step : steps) {
      for (TableEffect table : step.tables()) {
        failOn.stream()
            .distinct()
            .filter(what -> !table.size().isEmpty() && what.happensTo(table))
            .forEach(what ->
                refused.add("%s: %s on %s".formatted(step.file().name(), what, table.table())));
      }
    }
    return List.copyOf(refused);
  }
}

package org.learnflow.db.plan;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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
  /** What no plan can show. */
  public static final String NOT_SEEN =
      "Not visible, because the scratch database is empty: how long scans take (validating"
          + " constraints, SET NOT NULL, building indexes), and errors that depend on the data.";

  /** Before each of {@link #notTried}. */
  public static final String NOT_TRIED =
      "Not tried, because it would reach outside the scratch database: ";

  /** Before each of {@link #notes}. */
  public static final String NOTE = "a dump made afterwards cannot be restored: ";

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

    /** What is rewritten, for people: {@code table, note_learner}, or {@code nothing}. */
    public String rewritesText() {
      return rewrites()
          ? Stream.concat(rewritten ? Stream.of("table") : Stream.of(), rebuiltIndexes.stream())
              .collect(Collectors.joining(", "))
          : "nothing";
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

    /** For people, such as {@code 488.3 MiB}. */
    public String text() {
      return bytes == null ? "unknown" : String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
    }

    /** The number of rows for people, such as {@code 5,000,000}. */
    public String rowsText() {
      return String.format(Locale.ROOT, "%,d", rows);
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

package org.learnflow.db.schema;

import java.util.List;
import java.util.Optional;

/**
 * What a rollback would do.
 *
 * @param from version now
 * @param to version afterwards, "none" for none
 * @param undo migrations that would be undone, by file name, newest first
 * @param failed migrations that failed outside a transaction, whose remains would be removed
 * @param lost what would be lost
 * @param unseen why it is not known what would be lost
 */
public record RollbackPlan(
    String from,
    String to,
    List<String> undo,
    List<String> failed,
    List<Loss> lost,
    Optional<String> unseen) {

  /**
   * A table, or a column of a table that stays, that an undo script drops.
   *
   * @param table with its schema
   * @param column empty for a whole table
   * @param rows that it has, or that have a value in this column
   * @param estimated whether rows is an estimate, of all rows of a large table
   */
  public record Loss(String table, String column, long rows, boolean estimated) {
    /** {@code table public.users, 3 rows}. */
    public String text() {
      return "%s, %s%d %s"
          .formatted(
              column.isEmpty() ? "table " + table : "column %s.%s".formatted(table, column),
              estimated ? "about " : "",
              rows,
              column.isEmpty() || estimated ? "rows" : "values");
    }
  }

  /** Whether there is nothing to do. */
  public boolean isEmpty() {
    return undo.isEmpty() && failed.isEmpty();
  }
}

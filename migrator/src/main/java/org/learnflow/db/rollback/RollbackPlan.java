package org.learnflow.db.rollback;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a rollback would do.
 *
 * @param from version now
 * @param to version afterwards, "none" if no migration is left
 * @param undo migrations that would be undone, by file name, newest first
 * @param failed migrations that failed outside a transaction, whose remains would be removed
 * @param lost what would be lost
 * @param unseen why what would be lost is unknown
 */
public record RollbackPlan(
    String from,
    String to,
    List<String> undo,
    List<String> failed,
    List<Loss> lost,
    Optional<String> unseen) {

  /**
   * A table, or a column or rows of a table that stays, that an undo script drops or changes.
   *
   * @param table with its schema
   * @param column empty for a whole table, and for rows
   * @param how what the script does
   * @param rows that are deleted or changed; that a dropped table has, or that have a value in this
   *     column; null if the owner cannot see them all
   * @param estimated whether {@code rows} is an estimate of all rows of a large table
   */
  public record Loss(String table, String column, How how, @Nullable Long rows, boolean estimated) {
    /** What happens to it. */
    public enum How {
      /** A table or column that is dropped. */
      @JsonProperty("dropped")
      DROPPED,
      /** Rows that are deleted, by DELETE or TRUNCATE. */
      @JsonProperty("deleted")
      DELETED,
      /** Rows that are overwritten, by UPDATE. */
      @JsonProperty("changed")
      CHANGED,
      /** A column that gets another type, which may hold less. */
      @JsonProperty("converted")
      CONVERTED
    }

    /** {@code table public.users, 3 rows}. */
    public String text() {
      if (rows == null) {
        return unknownText();
      }
      String many = (estimated ? "about " : "") + rows;
      return switch (how) {
        case DROPPED ->
            column.isEmpty()
                ? "table %s, %s rows".formatted(table, many)
                : "column %s.%s, %s %s"
                    .formatted(table, column, many, estimated ? "rows" : "values");
        case DELETED -> "rows of %s, %s deleted".formatted(table, many);
        case CHANGED -> "rows of %s, %s changed".formatted(table, many);
        case CONVERTED ->
            "column %s.%s, another type, %s %s"
                .formatted(table, column, many, estimated ? "rows" : "values");
      };
    }

    private String unknownText() {
      String what = column.isEmpty() ? table : table + "." + column;
      return switch (how) {
        case DROPPED ->
            column.isEmpty()
                ? "table %s, an unknown number of rows".formatted(what)
                : "column %s, an unknown number of values".formatted(what);
        case DELETED -> "rows of %s, an unknown number, perhaps none, deleted".formatted(what);
        case CHANGED -> "rows of %s, an unknown number changed".formatted(what);
        case CONVERTED -> "column %s, another type, an unknown number of values".formatted(what);
      };
    }
  }

  /** Whether there is nothing to do. */
  public boolean isEmpty() {
    return undo.isEmpty() && failed.isEmpty();
  }
}

package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.learnflow.db.Resource;

/**
 * Something that a dump of a database lacks, or that a restore of it leaves out or fails on.
 * Reading the dump back does not show this.
 *
 * @param name of the object; for what is excluded, as a pattern for pg_dump
 * @param text a sentence with what to do; for what is refused, a statement
 */
public record NotRestorable(Effect effect, String name, String text) {
  private static final String QUERY = Resource.text(NotRestorable.class, "not-restorable.sql");

  /** What happens to it. */
  public enum Effect {
    /** A schema that is not dumped. */
    EXCLUDED_SCHEMA,
    /** A table that is not dumped. */
    EXCLUDED_TABLE,
    /** A dump without it is refused. */
    REFUSED,
    /** Restore leaves it out. */
    LEFT_OUT,
    /** It belongs to another role after a restore. */
    CHANGES,
    /** Restore fails on it. */
    BREAKS
  }

  /**
   * All such objects of a database.
   *
   * @param connection as the role that dumps it, in autocommit mode
   */
  public static List<NotRestorable> in(Connection connection) throws SQLException {
    return CatalogQuery.rows(
        connection,
        QUERY,
        row ->
            new NotRestorable(
                switch (row.getString(1)) {
                  case "excluded schema" -> Effect.EXCLUDED_SCHEMA;
                  case "excluded table" -> Effect.EXCLUDED_TABLE;
                  case "refused" -> Effect.REFUSED;
                  case "left out" -> Effect.LEFT_OUT;
                  case "changes" -> Effect.CHANGES;
                  default -> Effect.BREAKS;
                },
                row.getString(2),
                row.getString(3)));
  }

  /** What a restore would fail on, one sentence each. */
  public static List<String> breaking(Connection connection) throws SQLException {
    return in(connection).stream()
        .filter(found -> found.effect == Effect.BREAKS)
        .map(NotRestorable::text)
        .toList();
  }
}

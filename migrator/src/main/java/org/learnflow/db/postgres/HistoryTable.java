package org.learnflow.db.postgres;

/** The table in which Flyway keeps what was applied. */
public final class HistoryTable {
  /** Its name, with schema. */
  public static final String NAME = "public.flyway_schema_history";

  private HistoryTable() {}

  /**
   * An SQL condition that leaves it out.
   *
   * @param schema an expression, such as {@code n.nspname}
   * @param relation an expression, such as {@code c.relname}
   */
  public static String isNot(String schema, String relation) {
    return "(%s, %s) <> ('public', 'flyway_schema_history')".formatted(schema, relation);
  }
}

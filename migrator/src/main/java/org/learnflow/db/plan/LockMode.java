package org.learnflow.db.plan;

import java.util.Locale;

/** Table locks of PostgreSQL, the weakest first. */
public enum LockMode {
  /** SELECT. */
  ACCESS_SHARE("nothing"),
  /** SELECT FOR UPDATE. */
  ROW_SHARE("changes of the same rows"),
  /** INSERT, UPDATE, DELETE. */
  ROW_EXCLUSIVE("changes of the same rows"),
  /** CREATE INDEX CONCURRENTLY, VALIDATE CONSTRAINT. */
  SHARE_UPDATE_EXCLUSIVE("nothing"),
  /** CREATE INDEX. */
  SHARE("writes"),
  /** ADD FOREIGN KEY, CREATE TRIGGER. */
  SHARE_ROW_EXCLUSIVE("writes"),
  /** REFRESH MATERIALIZED VIEW CONCURRENTLY. */
  EXCLUSIVE("writes"),
  /** Most of ALTER TABLE. */
  ACCESS_EXCLUSIVE("reads and writes");

  private final String blocks;

  LockMode(String blocks) {
    this.blocks = blocks;
  }

  /** The mode that pg_locks calls {@code name}, such as AccessShareLock. */
  static LockMode named(String name) {
    return valueOf(
        name.replaceFirst("Lock$", "")
            .replaceAll("(?<=[a-z])(?=[A-Z])", "_")
            .toUpperCase(Locale.ROOT));
  }

  /** What services cannot do on the table in the meantime. */
  public String blocks() {
    return blocks;
  }

  /** As PostgreSQL's documentation writes it, such as ACCESS SHARE. */
  @Override
  public String toString() {
    return name().replace('_', ' ');
  }
}

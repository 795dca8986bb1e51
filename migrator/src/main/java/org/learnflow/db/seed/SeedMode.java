package org.learnflow.db.seed;

/** What happens to existing rows; neither mode deletes. */
public enum SeedMode {
  /** Only inserts what is missing. */
  SKIP,
  /** Also changes what differs. */
  UPDATE
}

package org.learnflow.db.postgres;

import java.sql.SQLException;

/**
 * Repeats changes of privileges that collided with a change of the same object by another session.
 * PostgreSQL does not wait in this case, but reports "tuple concurrently updated" (XX000).
 */
public final class CatalogConflict {
  private static final int ATTEMPTS = 20;
  private static final String INTERNAL_ERROR = "XX000";

  private CatalogConflict() {}

  /** A change that reads the catalog first, so that it can be repeated. */
  @FunctionalInterface
  public interface Change<T> {
    /** Reads and changes. */
    T apply() throws SQLException;
  }

  /** The result of the first attempt without a conflict; in autocommit mode only. */
  public static <T> T retry(Change<T> change) throws SQLException {
    for (int attempt = 1; ; attempt++) {
      try {
        return change.apply();
      } catch (SQLException e) {
        boolean conflict =
            INTERNAL_ERROR.equals(e.getSQLState())
                && String.valueOf(e.getMessage()).contains("concurrently");
        if (!conflict || attempt == ATTEMPTS) {
          throw e;
        }
      }
    }
  }
}

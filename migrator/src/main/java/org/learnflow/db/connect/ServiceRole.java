package org.learnflow.db.connect;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A role that a service, or all of them, logs in as.
 *
 * @param service its name; empty for the one role of all services
 * @param role in PostgreSQL
 * @param rights everything that it may do; empty if it may read and write all rows
 * @param connectionLimit how many connections it may have at once; empty leaves it as it is
 * @param settings of its sessions in the database, by name (letters and underscores); others are
 *     left as they are
 */
public record ServiceRole(
    String service,
    String role,
    Optional<List<Right>> rights,
    OptionalInt connectionLimit,
    Map<String, String> settings) {
  /** The one role of all services. */
  public static ServiceRole ofAll(String role) {
    return new ServiceRole("", role, Optional.empty(), OptionalInt.empty(), Map.of());
  }

  /** Whether it may read and write all rows. */
  public boolean hasAllRights() {
    return rights.isEmpty();
  }

  /**
   * A privilege on a table or view.
   *
   * @param relation schema and name, each quoted if necessary
   * @param privilege such as SELECT
   * @param column empty for all columns
   */
  public record Right(String relation, String privilege, Optional<String> column) {}
}

package org.learnflow.db;

/** How a command ended, as the process reports it; the numbers are part of the contract. */
public enum ExitCode {
  /** Done, or healthy. */
  OK(0),
  /** Failed for a reason without a code of its own, or unhealthy. */
  FAILED(1),
  /** The command line or an environment variable is invalid. */
  USAGE(2),
  /** The database does not exist (yet). */
  NOT_DEPLOYED(3),
  /** The database did not answer in time. */
  NOT_REACHED(4),
  /** The server rejected user or password. */
  CREDENTIALS_REFUSED(5),
  /** A migration failed. */
  MIGRATION_FAILED(6),
  /** Applied migrations and migration files differ. */
  HISTORY_DIFFERS(7),
  /** Seeds could not be loaded. */
  SEEDING_FAILED(8),
  /** The connection could not be published. */
  PUBLISHING_FAILED(9),
  /** Refused for safety, nothing was changed. */
  REFUSED(10);

  private final int value;

  ExitCode(int value) {
    this.value = value;
  }

  /** The number that the process exits with. */
  public int value() {
    return value;
  }
}

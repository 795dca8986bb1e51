package org.learnflow.db.postgres;

/**
 * What kind of error a server reports, and what helps. Source: PostgreSQL documentation, appendix A
 * "PostgreSQL Error Codes", by class, and by code where a class holds several kinds.
 */
public enum SqlErrorKind {
  /** The text is wrong. */
  STATEMENT("correct the file and %s"),
  /** The text does not fit existing rows, or the rows that it loads. */
  ROWS("correct the file and %s; or correct the rows that cause the error"),
  /** Code in the database raised the error. */
  CODE("correct the file and %s; a function or trigger raised the error: follow its message"),
  /** Other objects are in the way. */
  DEPENDENTS(
      "correct the file and %s; drop what depends on it first, or add CASCADE, which drops that too"),
  /** A statement is in a transaction and must not be, or the other way round. */
  TRANSACTION(
      "correct the file and %s; a statement that cannot run in a transaction needs a separate"
          + " file"),
  /** An enum's value in the transaction that added it. */
  NEW_ENUM_VALUE(
      "correct the file and %s; use the new value in a later file than the one that adds it"),
  /** A foreign data wrapper. */
  FOREIGN_SERVER(
      "check that the foreign server answers and that its options and user mapping are right, and"
          + " %s"),
  /** The role lacks a privilege. */
  PERMISSION(
      "the role cannot do this: let an admin grant the privilege or do it, or remove it from the"
          + " file, and %s"),
  /** No connection is left, for this role, this database, or at all. */
  CONNECTIONS(
      "make room for three connections at once (as an admin: SELECT usename, count(*) FROM"
          + " pg_stat_activity GROUP BY 1; ALTER ROLE or DATABASE ... CONNECTION LIMIT, or"
          + " max_connections) and %s"),
  /** No space is left. */
  DISK("make room on the server's disk, or grow the volume (docs/how-to/volume.md), and %s"),
  /** No memory is left. */
  MEMORY(
      "give the server more memory, or let it use less (work_mem, max_locks_per_transaction), and %s"),
  /** Other resources. */
  RESOURCES("check the server's resources and their limits (temp_file_limit), and %s"),
  /** More columns, nesting or arguments than the server allows. */
  LIMITS("correct the file and %s; one statement exceeds the server's limits: split it"),
  /** Another session uses it. */
  IN_USE("another session uses it, or it is not ready: wait for it or end that session, and %s"),
  /** Repeating it is enough. */
  AGAIN("nothing is wrong with the file; %s"),
  /** The server went away. */
  CONNECTION("find out why the server went away, for example in its log, and %s"),
  /** The server itself, or what it runs on. */
  SERVER("see the server's log for details, and %s"),
  /** Files of the server are damaged. */
  DAMAGE("the server's files are damaged: restore a dump (docs/how-to/restore.md), and %s"),
  /** No known code. */
  OTHER("correct what the server reports and %s");

  private final String next;

  SqlErrorKind(String next) {
    this.next = next;
  }

  /** Whether the file is what can be corrected. */
  public boolean isOfFile() {
    return next.startsWith("correct the file");
  }

  /**
   * What to do.
   *
   * @param again how to try it again, such as {@code run: learnflow-db migrate}
   */
  public String next(String again) {
    return next.formatted(again);
  }

  /** The kind of the first SQLException in the chain of causes. */
  public static SqlErrorKind of(Throwable thrown) {
    return ofState(SqlStates.of(thrown));
  }

  /** The kind of an SQLSTATE. */
  public static SqlErrorKind ofState(String state) {
    return switch (state) {
      case SqlStates.INSUFFICIENT_PRIVILEGE -> PERMISSION;
      case SqlStates.TOO_MANY_CONNECTIONS -> CONNECTIONS;
      case SqlStates.DISK_FULL -> DISK;
      case "53200" -> MEMORY;
      case "55P04" -> NEW_ENUM_VALUE;
      case SqlStates.QUERY_CANCELED, "57000" -> AGAIN;
      case "XX001", "XX002" -> DAMAGE;
      default -> ofClass(state.substring(0, Math.min(2, state.length())));
    };
  }

  private static SqlErrorKind ofClass(String stateClass) {
    return switch (stateClass) {
      case "01", "02", "03", "0A", "0F", "10", "20", "24", "26", "34", "3D", "3F", "42" ->
          STATEMENT;
      case "21", "22", "23", "27", "44" -> ROWS;
      case "09", "0Z", "2F", "38", "39", "P0" -> CODE;
      case "2B" -> DEPENDENTS;
      case "0B", "25", "2D", "3B" -> TRANSACTION;
      case "0L", "0P", "28" -> PERMISSION;
      case "53" -> RESOURCES;
      case "54" -> LIMITS;
      case "55" -> IN_USE;
      case SqlStates.TRANSACTION_ROLLBACK, "72" -> AGAIN;
      case "08", "57" -> CONNECTION;
      case "58", "F0", "XX" -> SERVER;
      case "HV" -> FOREIGN_SERVER;
      default -> OTHER;
    };
  }
}

package org.learnflow.db.postgres;

import java.sql.SQLException;
import java.util.Optional;
import java.util.Set;
import org.postgresql.util.PSQLException;

/**
 * SQLSTATE values and when the server sends them. Source: PostgreSQL documentation, appendix A
 * "PostgreSQL Error Codes".
 */
public final class SqlStates {
  /** Wrong password. */
  public static final String INVALID_PASSWORD = "28P01";

  /** No such role, or no matching pg_hba.conf entry. */
  public static final String INVALID_AUTHORIZATION = "28000";

  /** pgjdbc: the server requires a password or TLS, and we have none. */
  public static final String CONNECTION_REJECTED = "08004";

  /** pgjdbc: the connection broke, or the server's certificate is not valid. */
  public static final String CONNECTION_FAILURE = "08006";

  /**
   * The other side's answer is not PostgreSQL's protocol; or a pooler rejects a startup setting.
   */
  public static final String PROTOCOL_VIOLATION = "08P01";

  /** No such database. */
  public static final String INVALID_CATALOG_NAME = "3D000";

  /** No space is left where the server keeps its data. */
  public static final String DISK_FULL = "53100";

  /** A statement wrote more temporary files than temp_file_limit allows. */
  public static final String CONFIGURATION_LIMIT_EXCEEDED = "53400";

  /** The server ended the session: it did nothing for too long inside a transaction. */
  public static final String IDLE_IN_TRANSACTION_TIMEOUT = "25P03";

  /** The server ended the session: its transaction took too long; from PostgreSQL 17 on. */
  public static final String TRANSACTION_TIMEOUT = "25P04";

  /** The server ended the session: it did nothing for too long. */
  public static final String IDLE_SESSION_TIMEOUT = "57P05";

  /** A setting that only superusers can change. */
  public static final String TEMP_FILE_LIMIT = "temp_file_limit";

  /** All connection slots are in use. */
  public static final String TOO_MANY_CONNECTIONS = "53300";

  /** Starting up, shutting down, or recovering without hot standby. */
  public static final String CANNOT_CONNECT_NOW = "57P03";

  /** Class of errors because of other sessions, such as a deadlock; repeating is enough. */
  public static final String TRANSACTION_ROLLBACK = "40";

  /** lock_timeout ran out. */
  public static final String LOCK_NOT_AVAILABLE = "55P03";

  /** statement_timeout ran out, or the statement was cancelled. */
  public static final String QUERY_CANCELED = "57014";

  /** The server ended a deadlock by aborting this transaction. */
  public static final String DEADLOCK_DETECTED = "40P01";

  /** A value that was added to the enum in the same transaction. */
  public static final String UNSAFE_NEW_ENUM_VALUE = "55P04";

  /** No such table or view. */
  public static final String UNDEFINED_TABLE = "42P01";

  /** No such schema. */
  public static final String INVALID_SCHEMA_NAME = "3F000";

  /** A privilege is missing. */
  public static final String INSUFFICIENT_PRIVILEGE = "42501";

  /** The row already exists. */
  public static final String UNIQUE_VIOLATION = "23505";

  /** A row that an exclusion constraint does not allow beside another one. */
  public static final String EXCLUSION_VIOLATION = "23P01";

  /** A referenced row is missing. */
  public static final String FOREIGN_KEY_VIOLATION = "23503";

  /** A startup setting that this server does not know. */
  public static final String UNDEFINED_OBJECT = "42704";

  /** The transaction, or the whole server, is read-only. */
  public static final String READ_ONLY = "25006";

  private static final Set<String> CONNECTION_LOST =
      Set.of("57P01", "57P02", CANNOT_CONNECT_NOW, "57P04", READ_ONLY);

  /** Settings that pgjdbc depends on; it closes a connection that changes them. */
  private static final Set<String> OF_THE_DRIVER =
      Set.of("DateStyle", "client_encoding", "standard_conforming_strings");

  private SqlStates() {}

  /** The first SQLException in the chain of causes. */
  public static Optional<SQLException> sqlException(Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql) {
        return Optional.of(sql);
      }
    }
    return Optional.empty();
  }

  /** The SQLSTATE of the first SQLException in the chain of causes, or an empty string. */
  public static String of(Throwable thrown) {
    return sqlException(thrown).map(SQLException::getSQLState).orElse("");
  }

  /**
   * If the server's disk is full: a message that says so and what to do. When it rejects a session,
   * the server may report it only in its message, with another state.
   */
  public static Optional<String> diskFull(String state, String message) {
    return DISK_FULL.equals(state)
            || message.contains("No space left on device")
            || message.contains("could not write init file")
        ? Optional.of(
            "the server's disk is full: %s (SQLSTATE %s); next: make room, or grow the volume: docs/how-to/volume.md"
                .formatted(message, state))
        : Optional.empty();
  }

  /** Name of the setting because of which the server ended the session or the statement, if any. */
  public static Optional<String> endedBySetting(Throwable thrown) {
    return Optional.ofNullable(
        switch (of(thrown)) {
          case IDLE_IN_TRANSACTION_TIMEOUT -> "idle_in_transaction_session_timeout";
          case TRANSACTION_TIMEOUT -> "transaction_timeout";
          case IDLE_SESSION_TIMEOUT -> "idle_session_timeout";
          case CONFIGURATION_LIMIT_EXCEEDED -> TEMP_FILE_LIMIT;
          default -> null;
        });
  }

  /** Whether a lock was not obtained in time, or because of a deadlock. */
  public static boolean lockProblem(Throwable thrown) {
    String state = of(thrown);
    return state.equals(LOCK_NOT_AVAILABLE) || state.equals(DEADLOCK_DETECTED);
  }

  /** Whether a row cannot be beside another one. */
  public static boolean isDuplicate(Throwable thrown) {
    String state = of(thrown);
    return state.equals(UNIQUE_VIOLATION) || state.equals(EXCLUSION_VIOLATION);
  }

  /**
   * Whether the work failed because the server went away (08xxx, 57P01 to 57P04) or came back as a
   * read-only standby (25006), so that repeating it makes sense when it answers again.
   */
  public static boolean connectionLost(Throwable thrown) {
    String state = of(thrown);
    return (state.startsWith("08") || CONNECTION_LOST.contains(state))
        && closedForSetting(thrown).isEmpty();
  }

  /**
   * Name of the setting that a statement gave a value which pgjdbc does not support, so that it
   * closed the connection. It reports this in its own words, in the language of the machine, with
   * {@link #CONNECTION_FAILURE}.
   */
  public static Optional<String> closedForSetting(Throwable thrown) {
    return sqlException(thrown)
        .filter(e -> CONNECTION_FAILURE.equals(e.getSQLState()))
        .filter(e -> e instanceof PSQLException own && own.getServerErrorMessage() == null)
        .flatMap(e ->
            OF_THE_DRIVER.stream().filter(String.valueOf(e.getMessage())::contains).findFirst());
  }
}

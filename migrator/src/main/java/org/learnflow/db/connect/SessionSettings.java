package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.Sql;
import org.learnflow.db.postgres.SqlStates;

/**
 * What every session sets for itself, so that {@code ALTER ROLE ... SET} and {@code ALTER DATABASE
 * ... SET} neither end it nor change the meaning of its statements. Their settings for storage and
 * speed (tablespaces, memory, planner) and for locale (money, text search) stay in force.
 *
 * <p>Settings that the client names when it connects override those of roles and databases. Source:
 * PostgreSQL documentation, "Server Configuration", everything that a role can set for itself.
 */
public final class SessionSettings {
  /** The first major version that has transaction_timeout. */
  private static final int TRANSACTION_TIMEOUT_SINCE = 17;

  /**
   * Parallel workers start with the settings of the role, and may end before they take over ours.
   */
  private static final String NO_TRANSACTION_TIMEOUT =
      " -c transaction_timeout=0 -c max_parallel_workers_per_gather=0";

  /** The same for sessions that also create indexes. */
  static final String WITHOUT_TRANSACTION_TIMEOUT =
      NO_TRANSACTION_TIMEOUT + " -c max_parallel_maintenance_workers=0";

  /** Settings that end a session, or keep it from starting. */
  private static final List<String> LASTING =
      List.of(
          "statement_timeout=0",
          "idle_in_transaction_session_timeout=0",
          "idle_session_timeout=0",
          "tcp_user_timeout=0",
          "exit_on_error=off",
          "local_preload_libraries=");

  /** Settings that change the meaning of a statement, of its values, or of its result. */
  private static final List<String> MEANING =
      List.of(
          "role=none",
          "default_transaction_isolation=read\\ committed",
          "default_transaction_deferrable=off",
          "row_security=on",
          "check_function_bodies=on",
          "DateStyle=ISO,MDY",
          "IntervalStyle=postgres",
          "timezone_abbreviations=Default",
          "bytea_output=hex",
          "extra_float_digits=1",
          "xmlbinary=base64",
          "xmloption=content",
          "standard_conforming_strings=on",
          "backslash_quote=safe_encoding",
          "array_nulls=on",
          "transform_null_equals=off",
          "quote_all_identifiers=off",
          "gin_fuzzy_search_limit=0",
          "plpgsql.extra_errors=none");

  /**
   * With another value neither triggers nor foreign keys work; only roles with the privilege can
   * set it.
   */
  private static final String REPLICATION_ROLE = "session_replication_role";

  /**
   * What cannot be an option: a name that not every release knows (with that kind of relations
   * restricted, views cannot be used), one that not every role can set, and a value that is only a
   * minimum. With less memory, reading the catalog would need temporary files, which may be
   * forbidden.
   */
  private static final String SETTLE =
      """
      SELECT pg_catalog.set_config(s.name, s.value, false)
      FROM (VALUES ('restrict_nonsystem_relation_kind', ''), ('%s', 'origin')) s (name, value)
      WHERE pg_catalog.current_setting(s.name, true) OPERATOR(pg_catalog.<>) s.value
      UNION ALL
      SELECT pg_catalog.set_config('work_mem', '4MB', false)
      WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')) OPERATOR(pg_catalog.<) 4194304::pg_catalog.int8\
      """
          .formatted(REPLICATION_ROLE);

  /** For sessions that create nothing large. */
  static final String ENOUGH_MEMORY = " -c work_mem=16MB";

  private SessionSettings() {}

  /** As the options of a connection, with a space before each. */
  static String options() {
    return Stream.concat(LASTING.stream(), MEANING.stream())
        .map(setting -> " -c " + setting)
        .collect(Collectors.joining());
  }

  /**
   * The same for PostgreSQL's own programs, which set nearly all of it after they connect, but not
   * the settings that would keep them from connecting.
   *
   * @param serverMajor major version of the server
   */
  public static String programOptions(int serverMajor) {
    return (options()
            + ENOUGH_MEMORY
            + (serverMajor < TRANSACTION_TIMEOUT_SINCE ? "" : NO_TRANSACTION_TIMEOUT))
        .strip();
  }

  /**
   * Whether transaction_timeout is set for a session; if the server does not have it, it is not
   * asked.
   */
  static boolean hasTransactionTimeout(Connection connection) throws SQLException {
    if (connection.getMetaData().getDatabaseMajorVersion() < TRANSACTION_TIMEOUT_SINCE) {
      return false;
    }
    return Sql.value(connection, "SHOW transaction_timeout")
        .filter(timeout -> !timeout.equals("0"))
        .isPresent();
  }

  /**
   * Settings that a new session that changes tables still needs.
   *
   * @throws Failure 10 if a superuser has switched off triggers and foreign keys for its role
   */
  static void settle(Connection connection) throws SQLException {
    try {
      Sql.execute(connection, SETTLE);
    } catch (SQLException e) {
      if (!SqlStates.INSUFFICIENT_PRIVILEGE.equals(e.getSQLState())) {
        throw e;
      }
      throw switchedOff(connection, e);
    }
  }

  private static Failure switchedOff(Connection connection, SQLException e) throws SQLException {
    Failure failure =
        Failure.of(
                ExitCode.REFUSED, "the server rejected this session's settings: " + e.getMessage())
            .where("SQLSTATE " + e.getSQLState())
            .state("nothing was changed")
            .next(
                "see them: SELECT name, setting, source FROM pg_settings WHERE source <> 'default'")
            .causedBy(e);
    return SettingSource.of(connection, REPLICATION_ROLE).stream()
        .findFirst()
        .map(source ->
            failure
                .what(
                    "triggers and foreign keys would not work: %s, %s, and a superuser has not granted the privilege to change that"
                        .formatted(source.setting(), source.place()))
                .next(
                    "as a superuser: %s; then run the same command again"
                        .formatted(source.reset())))
        .orElse(failure);
  }

  /**
   * Resets what a file has set for the session that it shares with the next file, so that each runs
   * as if it were alone.
   */
  public static void reset(Connection connection) throws SQLException {
    Sql.execute(connection, "SET SESSION AUTHORIZATION DEFAULT; RESET ALL; " + SETTLE);
  }

  /**
   * The same, and everything else that a session can forget in the middle of a transaction. What
   * its transaction has locked or deferred stays, and so do the names of custom settings.
   */
  public static void forget(Connection connection) throws SQLException {
    reset(connection);
    Sql.execute(
        connection, "CLOSE ALL; DEALLOCATE ALL; DISCARD TEMP; DISCARD SEQUENCES; UNLISTEN *");
  }
}

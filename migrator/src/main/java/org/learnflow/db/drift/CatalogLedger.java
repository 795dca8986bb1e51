package org.learnflow.db.drift;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.AdvisoryLock;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.SqlStates;
import org.learnflow.db.postgres.StateSchema;

/**
 * Records in {@code learnflow_db.catalogs} the expected state of the database: for each major
 * version of the server, because each writes definitions in its own way.
 *
 * <p>What a run changes between {@link #begin} and {@link #finish} is expected from then on; what
 * was changed outside runs stays drift. A run that is killed in between leaves the catalog that it
 * started with, and the next run finishes it: what somebody changed by hand in the meantime cannot
 * be distinguished from what the killed run did, and is attributed to it.
 */
public final class CatalogLedger {
  private static final String STEP = "drift";

  private static final String MAJOR = "current_setting('server_version_num')::integer / 10000";

  private static final String STORED = "FROM learnflow_db.catalogs WHERE server_major = " + MAJOR;

  private static final String BEGIN =
      """
      INSERT INTO learnflow_db.catalogs AS c (server_major, expected, before_changes)
      SELECT %s, now.catalog, now.catalog
      FROM (SELECT coalesce(jsonb_object_agg(object, definition), '{}') FROM (%s) q) now (catalog)
      ON CONFLICT (server_major) DO UPDATE SET before_changes = EXCLUDED.before_changes
      """
          .formatted(MAJOR, Catalog.QUERY);

  /**
   * What is expected, as it would be recorded today: for a ledger that an earlier version of this
   * program wrote, what that version did not cover is expected as it is now.
   */
  private static final String EXPECTED =
      """
      SELECT object, definition
      FROM (SELECT object,
                   CASE WHEN s.same_format THEN e.definition
                        WHEN e.definition IS NULL AND object !~ '%s' THEN now.definition
                        WHEN starts_with(now.definition, e.definition)
                          AND substr(now.definition, length(e.definition) + 1) ~ '%s' THEN now.definition
                        ELSE e.definition END AS definition
            FROM (SELECT expected ->> 'ledger format' IS NOT DISTINCT FROM '%d' AS same_format %s) s,
                 (SELECT key AS object, value AS definition FROM jsonb_each_text((SELECT expected %s))) e
                   FULL JOIN now USING (object)) m
      WHERE definition IS NOT NULL
      """
          .formatted(Catalog.FIRST_KINDS, Catalog.ADDED, Catalog.FORMAT, STORED, STORED);

  /**
   * If nothing changed since the run started, what was expected before still is. An index that a
   * run left invalid is not expected.
   */
  private static final String FINISH =
      """
      WITH now AS MATERIALIZED (%s),
           before AS (SELECT key AS object, value AS definition
                      FROM jsonb_each_text((SELECT before_changes %s))),
           expected AS (%s),
           merged AS (SELECT object,
                             CASE WHEN now.definition IS DISTINCT FROM before.definition
                                    AND (object NOT LIKE 'index %%' OR now.definition IS NULL
                                         OR now.definition !~ ' INVALID( tablespace .*)?$' OR now.definition LIKE '%% ON ONLY %%')
                                  THEN now.definition
                                  ELSE expected.definition END AS definition
                      FROM now FULL JOIN before USING (object) FULL JOIN expected USING (object))
      UPDATE learnflow_db.catalogs
      SET expected = (SELECT coalesce(jsonb_object_agg(object, definition), '{}')
                      FROM merged WHERE definition IS NOT NULL),
          before_changes = NULL, recorded_at = now()
      WHERE server_major = %s AND before_changes IS NOT NULL
      """
          .formatted(Catalog.QUERY, STORED, EXPECTED, MAJOR);

  /**
   * While a run is in progress, or after it was killed, what has changed since it started was done
   * by it.
   */
  private static final String DRIFT =
      """
      WITH now AS MATERIALIZED (%s),
           stored AS MATERIALIZED (SELECT before_changes %s),
           before AS (SELECT e.key AS object, e.value AS definition FROM stored, jsonb_each_text(before_changes) e),
           expected AS (%s)
      SELECT object, expected.definition, now.definition
      FROM now FULL JOIN expected USING (object) LEFT JOIN before USING (object)
      WHERE now.definition IS DISTINCT FROM expected.definition
        AND object NOT LIKE 'ledger %%'
        AND (now.definition IS NOT DISTINCT FROM before.definition
             OR (SELECT before_changes IS NULL FROM stored))
      ORDER BY object COLLATE "C"
      """
          .formatted(Catalog.QUERY, STORED, EXPECTED);

  /** Objects that had drift when the dump that this database comes from was made; a JSON list. */
  private static final String DUMPED = "ledger drift in the dump";

  /** A dump does not wait for this: definitions of views cannot be read while a table is locked. */
  private static final String NOTE =
      """
      SELECT set_config('lock_timeout', '1ms', true);
      UPDATE learnflow_db.catalogs
      SET expected = expected || jsonb_build_object('%s', (
        SELECT coalesce(jsonb_agg(d.object), '[]')::text FROM (%s) d (object, expected, found)))
      WHERE server_major = %s
      """
          .formatted(DUMPED, DRIFT, MAJOR);

  private static final String FORGET =
      "UPDATE learnflow_db.catalogs SET expected = expected - '%s' WHERE jsonb_exists(expected, '%s')"
          .formatted(DUMPED, DUMPED);

  private static final String NOTED =
      """
      SELECT jsonb_exists(s.expected, '%1$s'), d.object
      FROM (SELECT expected %2$s) s
           LEFT JOIN LATERAL jsonb_array_elements_text((s.expected ->> '%1$s')::jsonb) d (object) ON true
      """
          .formatted(DUMPED, STORED);

  private CatalogLedger() {}

  private enum State {
    MISSING,
    UNFINISHED,
    /** Written by an earlier version of this program. */
    OUTDATED,
    COMPLETE
  }

  /** Whether {@link #bringUpToDate} has something to do; one cheap query. */
  public static boolean isIncomplete(Connection connection) throws SQLException {
    return state(connection) != State.COMPLETE;
  }

  /** Whether the expected state is recorded for this server. */
  public static boolean isRecorded(Connection connection) throws SQLException {
    return state(connection) != State.MISSING;
  }

  private static State state(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT before_changes IS NULL, expected ->> 'ledger format' IS NOT DISTINCT FROM '%d' %s"
                    .formatted(Catalog.FORMAT, STORED))) {
      return !row.next()
          ? State.MISSING
          : !row.getBoolean(1)
              ? State.UNFINISHED
              : row.getBoolean(2) ? State.COMPLETE : State.OUTDATED;
    } catch (SQLException e) {
      if (SqlStates.UNDEFINED_TABLE.equals(e.getSQLState())) {
        return State.MISSING;
      }
      throw e;
    }
  }

  /**
   * Called before a run changes anything; first finishes what a killed run left.
   *
   * @param connection of the owner in autocommit mode, which holds the lock MIGRATE
   */
  public static void begin(Connection connection) throws SQLException {
    StateSchema.ensure(connection);
    finish(connection);
    try (Statement statement = connection.createStatement()) {
      statement.execute(CatalogQuery.FIXED_PATH + BEGIN);
    }
  }

  /**
   * Called when a run has changed what it wanted, also if it failed halfway; does nothing if none
   * was started.
   *
   * @param connection as for {@link #begin}
   */
  public static void finish(Connection connection) throws SQLException {
    if (state(connection) != State.UNFINISHED) {
      return;
    }
    try (Statement statement = connection.createStatement()) {
      statement.execute(CatalogQuery.FIXED_PATH + FINISH);
    }
  }

  /**
   * For a run that has nothing to change: finishes what a killed run left. Accepts the current
   * state as expected if nothing is recorded for this server yet, or not all that this version
   * covers.
   *
   * @param connection as for {@link #begin}
   */
  public static void bringUpToDate(Connection connection, Progress progress) throws SQLException {
    State state = state(connection);
    boolean missing = state == State.MISSING;
    if (missing || state == State.OUTDATED) {
      begin(connection);
    }
    finish(connection);
    if (missing) {
      tellFirst(connection, progress);
    }
  }

  /**
   * Accepts the current state as expected on this server, whatever was expected before.
   *
   * @param connection of the owner in autocommit mode
   */
  public static void takeAsExpected(Connection connection, Progress progress) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress);
        Statement statement = connection.createStatement()) {
      statement.execute(CatalogQuery.FIXED_PATH + "DELETE " + STORED);
      begin(connection);
      finish(connection);
    }
  }

  private static void tellFirst(Connection connection, Progress progress) throws SQLException {
    progress.line(
        STEP,
        "nothing was recorded for PostgreSQL %d yet: the current state is now the expected state"
            .formatted(connection.getMetaData().getDatabaseMajorVersion()));
  }

  /**
   * What was changed outside migrations, by object; empty if no catalog is recorded yet.
   *
   * @param connection of the owner in autocommit mode
   */
  public static Optional<Drift> drift(Connection connection) throws SQLException {
    if (!isRecorded(connection)) {
      return Optional.empty();
    }
    List<CatalogDifference> differences =
        CatalogQuery.rows(
            connection,
            DRIFT,
            row -> new CatalogDifference(row.getString(1), row.getString(2), row.getString(3)));
    return Optional.of(new Drift(differences));
  }

  /**
   * Call this before a dump is made: records in what is dumped which objects have drift.
   *
   * @param connection of the owner in autocommit mode
   */
  public static void noteDrift(Connection connection) throws SQLException {
    if (isRecorded(connection)) {
      try (Statement statement = connection.createStatement()) {
        statement.execute(CatalogQuery.FIXED_PATH + NOTE);
      }
    }
  }

  /**
   * Call this when the dump is finished.
   *
   * @param connection as for {@link #noteDrift}
   */
  public static void forgetNote(Connection connection) throws SQLException {
    if (isRecorded(connection)) {
      try (Statement statement = connection.createStatement()) {
        statement.execute(CatalogQuery.FIXED_PATH + FORGET);
      }
    }
  }

  /**
   * For a database that was restored: PostgreSQL may print differently what a dump created, and the
   * service role is granted privileges that the dump does not contain. What had drift when it was
   * dumped still has it; everything else is accepted as expected. If the dump does not say what had
   * drift, only privileges and what was printed differently are accepted.
   *
   * @param connection of the owner in autocommit mode
   */
  public static void settleRestored(Connection connection, Progress progress) throws SQLException {
    try (var _ = AdvisoryLock.acquire(connection, AdvisoryLock.Purpose.MIGRATE, progress)) {
      finish(connection);
      List<CatalogDifference> differences = drift(connection).map(Drift::all).orElse(List.of());
      Set<String> drifted = new HashSet<>();
      boolean known =
          CatalogQuery.rows(
                  connection,
                  NOTED,
                  row -> {
                    drifted.add(Objects.toString(row.getString(2), ""));
                    return row.getBoolean(1);
                  })
              .contains(true);
      accept(
          connection,
          differences.stream()
              .filter(
                  known
                      ? one -> !drifted.contains(one.object())
                      : CatalogDifference::canComeFromRestoring)
              .toList());
      forgetNote(connection);
    }
  }

  /**
   * Accepts drift as expected, exactly as it was found.
   *
   * @param connection as for {@link #begin}
   */
  static void accept(Connection connection, List<CatalogDifference> accepted) throws SQLException {
    try (PreparedStatement update =
        connection.prepareStatement(
            """
            UPDATE learnflow_db.catalogs
            SET expected = (expected - ?)
                || coalesce((SELECT jsonb_object_agg(object, definition)
                             FROM unnest(?, ?) a (object, definition)
                             WHERE definition IS NOT NULL), '{}')
            WHERE server_major = %s
            """
                .formatted(MAJOR))) {
      Object[] objects = accepted.stream().map(CatalogDifference::object).toArray();
      Object[] definitions = accepted.stream().map(CatalogDifference::found).toArray();
      update.setArray(1, connection.createArrayOf("text", objects));
      update.setArray(2, connection.createArrayOf("text", objects));
      update.setArray(3, connection.createArrayOf("text", definitions));
      update.executeUpdate();
    }
  }
}

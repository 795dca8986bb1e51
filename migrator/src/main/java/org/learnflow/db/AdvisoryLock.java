package org.learnflow.db;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A PostgreSQL session-level advisory lock, held until closed or until the session ends.
 *
 * <p>It is polled, never waited for inside the server: a session that waits there holds a snapshot,
 * and {@code CREATE INDEX CONCURRENTLY} in the session that holds the lock would wait for that
 * snapshot, a deadlock.
 */
public final class AdvisoryLock implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(100);
  private static final Duration TELL_EVERY = Duration.ofSeconds(10);

  /** What a lock protects; the number is its key in the server, "lf" and a count. */
  public enum Purpose {
    /** Making roles and rights. */
    ROLES(0x6c66_0001L),
    /** Applying migrations. */
    MIGRATE(0x6c66_0002L),
    /** Loading seeds. */
    SEED(0x6c66_0003L),
    /** Replacing passwords. */
    CREDENTIALS(0x6c66_0004L),
    /**
     * Flyway's own, so that one started by hand waits; as its PostgreSQLAdvisoryLockTemplate
     * counts.
     */
    FLYWAY(77_431_708_279_161L + "\"public\".\"flyway_schema_history\"".hashCode()),
    /** Putting another database in a database's place; in the maintenance database. */
    RESTORE(0x6c66_0005L);

    private final long key;

    Purpose(long key) {
      this.key = key;
    }

    /** The key as pg_advisory_lock takes it. */
    public long key() {
      return key;
    }
  }

  private final Connection connection;
  private final Purpose purpose;

  private AdvisoryLock(Connection connection, Purpose purpose) {
    this.connection = connection;
    this.purpose = purpose;
  }

  /**
   * Waits for as long as another session holds the lock, and tells who that is.
   *
   * @param connection in autocommit mode, so that waiting holds no snapshot
   */
  public static AdvisoryLock acquire(Connection connection, Purpose purpose, Progress progress)
      throws SQLException {
    String step = purpose.name().toLowerCase(Locale.ROOT);
    long told = 0;
    while (!tryLock(connection, purpose)) {
      long now = System.nanoTime();
      if (told == 0 || now - told > TELL_EVERY.toNanos()) {
        told = now;
        progress.line(
            step, "waiting for another migrator" + holder(connection, purpose).orElse(""));
      }
      try {
        Thread.sleep(POLL);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw Failure.of(ExitCode.FAILED, "interrupted while waiting for another migrator")
            .causedBy(e);
      }
    }
    return new AdvisoryLock(connection, purpose);
  }

  /**
   * Takes the locks of all purposes but RESTORE, which is another database's, or none of them;
   * waits for nobody. The session gives them back with {@link #releaseAll} or when it ends.
   *
   * @return what somebody else is doing, where a lock is held; nothing where all were taken
   */
  public static Optional<String> tryAll(Connection connection) throws SQLException {
    // Of two at once the first one to get the first lock gets them all.
    for (Purpose purpose :
        List.of(
            Purpose.MIGRATE, Purpose.SEED, Purpose.CREDENTIALS, Purpose.ROLES, Purpose.FLYWAY)) {
      if (!tryLock(connection, purpose)) {
        String who = holder(connection, purpose).orElse("");
        releaseAll(connection);
        return Optional.of(purpose.name().toLowerCase(Locale.ROOT) + who);
      }
    }
    return Optional.empty();
  }

  /** Gives back whatever the session holds. */
  public static void releaseAll(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("SELECT pg_advisory_unlock_all()");
    }
  }

  private static boolean tryLock(Connection connection, Purpose purpose) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT pg_try_advisory_lock(?)")) {
      statement.setLong(1, purpose.key());
      try (ResultSet rows = statement.executeQuery()) {
        return rows.next() && rows.getBoolean(1);
      }
    }
  }

  private static Optional<String> holder(Connection connection, Purpose purpose)
      throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            """
            SELECT a.pid, a.application_name, date_trunc('second', now() - a.backend_start)
            FROM pg_locks l JOIN pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND (l.classid::bigint << 32) + l.objid::bigint = ?
            """)) {
      statement.setLong(1, purpose.key());
      try (ResultSet rows = statement.executeQuery()) {
        return rows.next()
            ? Optional.of(
                " (pid %s, %s, connected for %s)"
                    .formatted(rows.getString(1), rows.getString(2), rows.getString(3)))
            : Optional.empty();
      }
    }
  }

  /** Gives the lock back; does nothing when the session is gone, which gave it back already. */
  @Override
  public void close() throws SQLException {
    if (connection.isClosed()) {
      return;
    }
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT pg_advisory_unlock(?)")) {
      statement.setLong(1, purpose.key());
      statement.execute();
    } catch (SQLException e) {
      if (!SqlStates.connectionLost(e)) {
        throw e;
      }
    }
  }
}

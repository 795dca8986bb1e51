package org.learnflow.db.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.learnflow.db.Elapsed;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Pause;
import org.learnflow.db.Progress;

/**
 * A PostgreSQL session-level advisory lock, held until closed or until the session ends.
 *
 * <p>It is polled, and never waited for inside the server: a session that waits there holds a
 * snapshot, and {@code CREATE INDEX CONCURRENTLY} in the session that holds the lock would wait for
 * that snapshot: a deadlock.
 */
public final class AdvisoryLock implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(100);
  private static final Duration LOOK_EVERY = Duration.ofSeconds(10);
  private static final Duration DEFAULT_PATIENCE = Duration.ofSeconds(60);

  /**
   * Who holds a lock of the session's database. Any client can use any application's name, and any
   * role that can connect can take a lock: our program is recognized by a role that services do not
   * have. Written for any search_path, because admins run it inside databases of others.
   */
  private static final String HOLDER =
      """
      SELECT a.pid, a.usename, a.application_name,
        CAST(pg_catalog.date_trunc('second', a.backend_start) AS pg_catalog.text),
        coalesce(
          a.usename OPERATOR(pg_catalog.=) SESSION_USER OR r.rolcreaterole
            OR pg_catalog.pg_has_role(a.usesysid, d.datdba, 'MEMBER'),
          false)
      FROM pg_catalog.pg_locks l
      JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) l.database
      JOIN pg_catalog.pg_stat_activity a ON a.pid OPERATOR(pg_catalog.=) l.pid
      LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.usesysid
      WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
        AND l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted
        AND l.objsubid OPERATOR(pg_catalog.=) 1
        AND l.classid OPERATOR(pg_catalog.=) CAST(? AS pg_catalog.oid)
        AND l.objid OPERATOR(pg_catalog.=) CAST(? AS pg_catalog.oid)
      """;

  /** What a lock protects; the number is its key in the server, "lf" and a count. */
  public enum Purpose {
    /** Creating roles and granting privileges. */
    ROLES(0x6c66_0001L),
    /** Applying migrations. */
    MIGRATE(0x6c66_0002L),
    /** Loading seeds. */
    SEED(0x6c66_0003L),
    /** Replacing passwords. */
    CREDENTIALS(0x6c66_0004L),
    /**
     * Flyway's own, so that a Flyway started by hand waits; computed as in its
     * PostgreSQLAdvisoryLockTemplate.
     */
    FLYWAY(77_431_708_279_161L + "\"public\".\"flyway_schema_history\"".hashCode()),
    /** Putting another database in a database's place; in the maintenance database. */
    RESTORE(0x6c66_0005L),
    /** Dumping as a role created for it; in the maintenance database. */
    BACKUP(0x6c66_0007L),
    /** Copying dumps to a bucket. */
    OFFSITE(0x6c66_0008L);

    private final long key;

    Purpose(long key) {
      this.key = key;
    }

    /** The key for pg_advisory_lock. */
    public long key() {
      return key;
    }

    /** The step that takes it, as users know it. */
    String step() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A session that holds a lock.
   *
   * @param since when it connected, empty if this session cannot see it
   * @param ours whether its role is one that learnflow-db connects as: this session's own, one that
   *     can act as the database's owner, or one that can create roles
   */
  public record Holder(int pid, String role, String application, String since, boolean ours) {
    String text() {
      return "pid %d, role %s, application \"%s\"%s"
          .formatted(
              pid,
              role,
              application,
              since.isEmpty() ? "" : ", connected since %s".formatted(since));
    }

    Failure failure(String step) {
      String what = "another session holds the lock for %s: %s".formatted(step, text());
      Failure failure =
          Failure.of(
                  ExitCode.FAILED,
                  ours
                      ? what
                      : what
                          + "; it is not learnflow-db, which never connects as "
                          + role
                          + " here")
              .state("nothing was changed by this step");
      return ours
          ? failure.next("wait until it ends and run the same command again")
          : failure.next(
              "end that session: SELECT pg_terminate_backend(%d); then run the same command again"
                  .formatted(pid));
    }
  }

  /**
   * A lock that could not be taken.
   *
   * @param holder who holds it, unless it was released meanwhile
   */
  public record Held(Purpose purpose, Optional<Holder> holder) {
    /** What another session is doing, and which session that is. */
    public String text() {
      return purpose.step() + holder.map(who -> " (" + who.text() + ")").orElse("");
    }

    /**
     * Accepts learnflow-db as the holder.
     *
     * @throws Failure 1 if the holder is not learnflow-db
     */
    public void refuseForeign() {
      if (holder.isPresent() && !holder.get().ours()) {
        throw holder.get().failure(purpose.step());
      }
    }
  }

  private final Connection connection;
  private final Purpose purpose;

  private AdvisoryLock(Connection connection, Purpose purpose) {
    this.connection = connection;
    this.purpose = purpose;
  }

  /**
   * Waits while another session holds the lock, and reports which one; up to the session's setting
   * {@code learnflow_db.timeout} in milliseconds, or 60 s without one.
   *
   * @param connection in autocommit mode, so that waiting holds no snapshot
   * @throws Failure 1 naming the holder, after that time
   */
  public static AdvisoryLock acquire(Connection connection, Purpose purpose, Progress progress)
      throws SQLException {
    if (!tryLock(connection, purpose)) {
      await(connection, purpose, progress);
    }
    return new AdvisoryLock(connection, purpose);
  }

  private static void await(Connection connection, Purpose purpose, Progress progress)
      throws SQLException {
    Duration patience = patience(connection);
    Elapsed waited = Elapsed.fromNow();
    Elapsed looked = waited;
    String told = "";
    do {
      if (waited.time().compareTo(patience) >= 0) {
        throw refusal(connection, purpose.key(), purpose.step())
            .orElseGet(() ->
                Failure.of(
                        ExitCode.FAILED,
                        "one session after another holds the lock for " + purpose.step())
                    .state("nothing was changed by this step")
                    .next("wait until they end and run the same command again"));
      }
      if (told.isEmpty() || looked.exceeds(LOOK_EVERY)) {
        looked = Elapsed.fromNow();
        String found = waiting(holder(connection, purpose.key()));
        if (!found.equals(told)) {
          told = found;
          progress.line(purpose.step(), "%s, at most %s".formatted(told, Elapsed.text(patience)));
        }
      }
      progress.update(purpose.step(), "%s, %s".formatted(told, waited.ofAtMost(patience)));
      Pause.of(POLL);
    } while (!tryLock(connection, purpose));
    progress.clear();
  }

  private static String waiting(Optional<Holder> holder) {
    return holder
        .map(who ->
            "waiting for another %s (%s)"
                .formatted(
                    who.ours() ? "migrator" : "session, which is not learnflow-db", who.text()))
        .orElse("waiting for another migrator");
  }

  private static Duration patience(Connection connection) throws SQLException {
    return Sql.value(connection, "SELECT pg_catalog.current_setting('learnflow_db.timeout', true)")
        .filter(setting -> !setting.isEmpty())
        .map(setting -> Duration.ofMillis(Long.parseLong(setting)))
        .orElse(DEFAULT_PATIENCE);
  }

  /**
   * Takes the locks of all purposes except RESTORE, which is another database's, or none of them;
   * does not wait. The session releases them with {@link #releaseAll} or when it ends.
   *
   * @return the lock that another session holds; empty if all were taken
   */
  public static Optional<Held> tryAll(Connection connection) throws SQLException {
    // Of two sessions at once, the one that gets the first lock gets them all.
    for (Purpose purpose :
        List.of(
            Purpose.MIGRATE, Purpose.SEED, Purpose.CREDENTIALS, Purpose.ROLES, Purpose.FLYWAY)) {
      if (!tryLock(connection, purpose)) {
        Optional<Holder> holder = holder(connection, purpose.key());
        releaseAll(connection);
        return Optional.of(new Held(purpose, holder));
      }
    }
    return Optional.empty();
  }

  /**
   * Why a lock could not be taken.
   *
   * @param step who wanted it
   * @return empty if no session holds it
   */
  static Optional<Failure> refusal(Connection connection, long key, String step)
      throws SQLException {
    return holder(connection, key).map(who -> who.failure(step));
  }

  /** Releases every lock of the session. */
  public static void releaseAll(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("SELECT pg_catalog.pg_advisory_unlock_all()");
    }
  }

  private static boolean tryLock(Connection connection, Purpose purpose) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT pg_catalog.pg_try_advisory_lock(?)")) {
      statement.setLong(1, purpose.key());
      try (ResultSet rows = statement.executeQuery()) {
        return rows.next() && rows.getBoolean(1);
      }
    }
  }

  private static Optional<Holder> holder(Connection connection, long key) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(HOLDER)) {
      statement.setLong(1, key >>> 32);
      statement.setLong(2, Integer.toUnsignedLong((int) key));
      try (ResultSet row = statement.executeQuery()) {
        return row.next()
            ? Optional.of(
                new Holder(
                    row.getInt(1),
                    Objects.toString(row.getString(2), "unknown"),
                    Objects.toString(row.getString(3), ""),
                    Objects.toString(row.getString(4), ""),
                    row.getBoolean(5)))
            : Optional.empty();
      }
    }
  }

  /** Releases the lock; does nothing if the session is gone, because the lock ended with it. */
  @Override
  public void close() throws SQLException {
    if (connection.isClosed()) {
      return;
    }
    try (PreparedStatement statement =
        connection.prepareStatement("SELECT pg_catalog.pg_advisory_unlock(?)")) {
      statement.setLong(1, purpose.key());
      statement.execute();
    } catch (SQLException e) {
      if (!SqlStates.connectionLost(e)) {
        throw e;
      }
    }
  }
}

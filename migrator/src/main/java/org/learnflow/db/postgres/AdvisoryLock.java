package org.learnflow.db.postgres;

import org.learnflow.db.Pause;
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
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;

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
  private static final Duration DEFAULT_PATIENCE = Duration.ofSeconds(60);

  /**
   * Who holds a lock of the database that the session is in. Anybody can take any application's
   * name, and whoever may connect can take a lock: what tells our program is a role that services
   * do not have. Written for any search_path, since admins ask it inside a database of others.
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
    RESTORE(0x6c66_0005L),
    /** Dumping as a role made for it; in the maintenance database. */
    BACKUP(0x6c66_0007L);

    private final long key;

    Purpose(long key) {
      this.key = key;
    }

    /** The key as pg_advisory_lock takes it. */
    public long key() {
      return key;
    }

    /** The step that takes it, as people know it. */
    String step() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A session that holds a lock.
   *
   * @param since when it connected, empty where this session may not know
   * @param ours whether its role is one that learnflow-db works with: this session's own, one that
   *     may act as the database's owner, or one that may make roles
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
                      : what + "; that is not learnflow-db, which never works as " + role + " here")
              .state("nothing was changed by this step");
      return ours
          ? failure.next("wait for its end and run the same command again")
          : failure.next(
              "end that session: SELECT pg_terminate_backend(%d); then run the same command again"
                  .formatted(pid));
    }
  }

  /**
   * A lock that was not to be had.
   *
   * @param holder who has it, unless it was given back meanwhile
   */
  public record Held(Purpose purpose, Optional<Holder> holder) {
    /** What somebody else is doing, and who that is. */
    public String text() {
      return purpose.step() + holder.map(who -> " (" + who.text() + ")").orElse("");
    }

    /**
     * Lets learnflow-db be.
     *
     * @throws Failure 1 where the holder is somebody else
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
   * Waits while another session holds the lock, and tells who that is; for as long as the session's
   * setting {@code learnflow_db.timeout} says in milliseconds, 60 s without one.
   *
   * @param connection in autocommit mode, so that waiting holds no snapshot
   * @throws Failure 1 naming the holder, once that time is over
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
    long patience = patience(connection).toNanos();
    long begin = System.nanoTime();
    long told = 0;
    do {
      long now = System.nanoTime();
      if (now - begin >= patience) {
        throw refusal(connection, purpose.key(), purpose.step())
            .orElseGet(() ->
                Failure.of(
                        ExitCode.FAILED,
                        "one session after the other holds the lock for " + purpose.step())
                    .state("nothing was changed by this step")
                    .next("wait for their end and run the same command again"));
      }
      if (told == 0 || now - told > TELL_EVERY.toNanos()) {
        told = now;
        progress.line(purpose.step(), waiting(holder(connection, purpose.key())));
      }
      Pause.of(POLL);
    } while (!tryLock(connection, purpose));
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
    try (Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT pg_catalog.current_setting('learnflow_db.timeout', true)")) {
      row.next();
      String setting = row.getString(1);
      return setting == null || setting.isEmpty()
          ? DEFAULT_PATIENCE
          : Duration.ofMillis(Long.parseLong(setting));
    }
  }

  /**
   * Takes the locks of all purposes but RESTORE, which is another database's, or none of them;
   * waits for nobody. The session gives them back with {@link #releaseAll} or when it ends.
   *
   * @return the lock that somebody else holds; nothing where all were taken
   */
  public static Optional<Held> tryAll(Connection connection) throws SQLException {
    // Of two at once the first one to get the first lock gets them all.
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
   * Why a lock was not to be had.
   *
   * @param step who wanted it
   * @return nothing where nobody holds it
   */
  static Optional<Failure> refusal(Connection connection, long key, String step)
      throws SQLException {
    return holder(connection, key).map(who -> who.failure(step));
  }

  /** Gives back whatever the session holds. */
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

  /** Gives the lock back; does nothing when the session is gone, which gave it back already. */
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

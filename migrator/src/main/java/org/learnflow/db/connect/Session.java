package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.SqlErrorKind;
import org.learnflow.db.postgres.SqlStates;

/**
 * One session that the steps of a command share, reopened when the server went away: a step that
 * lost its connection is repeated when the database is back. Every step is idempotent.
 */
public final class Session implements AutoCloseable {
  /** Accepts every connection. */
  public static final Check NO_CHECK = connection -> {};

  private static final int ATTEMPTS = 10;

  private final DataSource source;
  private final Readiness readiness;
  private final Progress progress;
  private final Check check;
  private @Nullable Connection connection;
  private boolean checked;

  /** A session that is opened on first use. */
  public Session(DataSource source, Readiness readiness, Progress progress) {
    this(source, readiness, progress, NO_CHECK);
  }

  /** The same; {@code check} sees each connection first. */
  public Session(DataSource source, Readiness readiness, Progress progress, Check check) {
    this.source = source;
    this.readiness = readiness;
    this.progress = progress;
    this.check = check;
  }

  /** Checks a new connection. */
  @FunctionalInterface
  public interface Check {
    /** Throws a {@link Failure} if the connection is not the right one. */
    void look(Connection connection) throws SQLException;
  }

  /** A step of work with the session's connection, which is in autocommit mode. */
  @FunctionalInterface
  public interface Step<T> {
    /** Does the work; throws what the database reports. */
    T run(Connection connection) throws SQLException;
  }

  /** Opens further sessions of the same user. */
  public DataSource source() {
    return source;
  }

  /**
   * Runs a step, and repeats it after a lost connection.
   *
   * @param name the step's name, for messages
   * @throws Failure of the step, or of waiting for the database
   */
  public <T> T run(String name, Step<T> step) {
    for (int attempt = 1; ; attempt++) {
      Connection open = open();
      try {
        if (!checked) {
          check.look(open);
          checked = true;
        }
        return step.run(open);
      } catch (SQLException | RuntimeException e) {
        if (!SqlStates.connectionLost(e) || attempt == ATTEMPTS) {
          throw asFailure(name, e, source);
        }
        progress.line(name, "the connection was lost; continuing when the database is back");
        close();
      }
    }
  }

  /** Runs a step once, only if there is a connection; why it fails is ignored. */
  public void runIfOpen(Step<?> step) {
    Connection open = connection;
    if (open == null) {
      return;
    }
    try {
      step.run(open);
    } catch (SQLException | Failure e) {
      // The command has failed of something else, which matters more.
    }
  }

  /**
   * The version of PostgreSQL, as the server reports it.
   *
   * @param name the step's name, for messages
   */
  public String serverVersion(String name) {
    return run(name, open -> open.getMetaData().getDatabaseProductVersion());
  }

  private static RuntimeException asFailure(String name, Exception e, DataSource source) {
    if (e instanceof Failure failure) {
      return SettingSource.explained(asFailure(failure), e, source);
    }
    if (e instanceof RuntimeException runtime && !SqlStates.connectionLost(e)) {
      return runtime;
    }
    if (e.getCause() instanceof OutOfMemoryError) { // our own, which pgjdbc reports as the server's
      return new IllegalStateException(e);
    }
    Failure failure =
        SqlStates.lockProblem(e)
            ? Failure.of(
                    ExitCode.FAILED, name + " got no lock within lock_timeout: " + e.getMessage())
                .next(
                    "see who holds it: SELECT relation::regclass, mode, pid FROM pg_locks WHERE granted"
                        + " AND relation IS NOT NULL; end that session and run the same command again,"
                        + " or wait longer with --lock-timeout")
            : Failure.of(ExitCode.FAILED, name + " failed: " + e.getMessage())
                .next(SqlErrorKind.of(e).next("run the same command again"));
    failure = failure.state("the step can be repeated safely").causedBy(e);
    String state = SqlStates.of(e);
    return SettingSource.explained(
        state.isEmpty() ? failure : failure.where("SQLSTATE " + state), e, source);
  }

  private static Failure asFailure(Failure failure) {
    return SqlStates.of(failure).equals(SqlStates.DISK_FULL)
        ? failure.next("make room on the server's disk and run the same command again")
        : failure;
  }

  private Connection open() {
    Connection open = Optional.ofNullable(connection).orElseGet(this::await);
    connection = open;
    return open;
  }

  /** That the server lets nobody in yet is found out by it, and no failure of it. */
  private Connection await() {
    try (var _ = progress.trace().begin("wait")) {
      return readiness.await();
    }
  }

  @Override
  public void close() {
    Connection open = connection;
    connection = null;
    checked = false;
    if (open != null) {
      try {
        open.close();
      } catch (SQLException e) {
        // It ends either way.
      }
    }
  }
}

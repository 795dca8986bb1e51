package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import javax.sql.DataSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.postgres.SqlStates;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** The one place that checks whether a role can log in with a password: by logging in. */
public final class PasswordCheck {
  private static final Set<String> REFUSED =
      Set.of(SqlStates.INVALID_PASSWORD, SqlStates.INVALID_AUTHORIZATION);

  /** The server reports these after it has accepted the password. */
  private static final Set<String> NOT_IN_THIS_DATABASE =
      Set.of(SqlStates.INVALID_CATALOG_NAME, SqlStates.INSUFFICIENT_PRIVILEGE);

  /** Functions of the server that report the limit of a role, and that of a database. */
  private static final Set<String> LIMIT_CHECKS =
      Set.of("InitializeSessionUserId", "CheckMyDatabase");

  private final Connector connector;
  private final Duration timeout;
  private final Progress progress;
  private final Hosting hosting;

  /** A check that waits up to {@code timeout} for a server that does not answer. */
  public PasswordCheck(Connector connector, Duration timeout, Progress progress, Hosting hosting) {
    this.connector = connector;
    this.timeout = timeout;
    this.progress = progress;
    this.hosting = hosting;
  }

  /** The result of a login. */
  public enum Answer {
    /** A session was opened. */
    LOGGED_IN,
    /** The password is right, but the database does not exist, or the role cannot connect to it. */
    NO_DATABASE,
    /** The password is right, but the role, or the database, has all connections it may have. */
    AT_LIMIT,
    /** Role or password was rejected. */
    REFUSED,
    /**
     * The server rejected the connection whatever the password is, such as when it has no more
     * connections for anybody.
     */
    UNKNOWN
  }

  /**
   * An answer.
   *
   * @param reason in the server's words; empty if a session was opened
   */
  public record Login(Answer answer, String reason) {
    /** Whether the password is right; empty if that is unknown. */
    public Optional<Boolean> isPasswordRight() {
      return switch (answer) {
        case LOGGED_IN, NO_DATABASE, AT_LIMIT -> Optional.of(true);
        case REFUSED -> Optional.of(false);
        case UNKNOWN -> Optional.empty();
      };
    }

    /**
     * Whether the password is right.
     *
     * @throws Failure 1 if that is unknown
     */
    public boolean requirePasswordRight(DatabaseAddress address) {
      return isPasswordRight()
          .orElseThrow(() ->
              Failure.of(
                      ExitCode.FAILED,
                      "could not determine whether %s can log in with its password: %s"
                          .formatted(address.user(), reason))
                  .where(address.toString())
                  .state("nothing was changed by this check")
                  .next("correct what the server reports and run the same command again"));
    }
  }

  /**
   * Logs in.
   *
   * @throws Failure 4 if the server did not answer in time
   */
  public Login login(DatabaseAddress address, Password password) {
    DataSource source = connector.guarded(hosting.route(address), Optional.of(password));
    try (Connection _ = source.getConnection()) {
      return new Login(Answer.LOGGED_IN, "");
    } catch (SQLException e) {
      if (!SqlStates.connectionLost(e) || isRefusedByUs(e)) {
        return answer(e);
      }
    }
    try (Connection _ =
        new Readiness(source, address, Optional.of(password), timeout, progress, hosting).await()) {
      return new Login(Answer.LOGGED_IN, "");
    } catch (SQLException e) {
      return answer(e);
    } catch (Failure failure) {
      if (failure.code() == ExitCode.NOT_REACHED) {
        throw failure;
      }
      return SqlStates.sqlException(failure).map(PasswordCheck::answer).orElseThrow(() -> failure);
    }
  }

  /**
   * Logs in once as a service does, such as through a pooler, and has the server answer: a pooler
   * may accept a login before it has a server. Does not wait.
   */
  Login loginAsService(DatabaseAddress address, Password password) {
    try (Connection connection = connector.plain(address, Optional.of(password)).getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute("SELECT 1");
      return new Login(Answer.LOGGED_IN, "");
    } catch (SQLException e) {
      return answer(e);
    }
  }

  private static Login answer(SQLException e) {
    String state = SqlStates.of(e);
    Answer answer =
        REFUSED.contains(state) || isRefusedByUs(e)
            ? Answer.REFUSED
            : NOT_IN_THIS_DATABASE.contains(state)
                ? Answer.NO_DATABASE
                : isAfterPassword(e) ? Answer.AT_LIMIT : Answer.UNKNOWN;
    return new Login(answer, "%s (SQLSTATE %s)".formatted(Readiness.message(e), state));
  }

  /**
   * The limits of a role and of a database are checked after the password, and those of all before.
   */
  private static boolean isAfterPassword(SQLException e) {
    return SqlStates.TOO_MANY_CONNECTIONS.equals(SqlStates.of(e))
        && e instanceof PSQLException from
        && Optional.ofNullable(from.getServerErrorMessage())
            .map(ServerErrorMessage::getRoutine)
            .filter(LIMIT_CHECKS::contains)
            .isPresent();
  }

  /** A verifier with so many iterations that pgjdbc gives up; it has to be replaced. */
  private static boolean isRefusedByUs(SQLException e) {
    return SqlStates.CONNECTION_REJECTED.equals(e.getSQLState())
        && String.valueOf(e.getMessage()).contains("SCRAM");
  }
}

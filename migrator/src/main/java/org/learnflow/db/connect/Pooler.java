package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Objects;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.postgres.SqlStates;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;

/**
 * A connection pooler between this program and the server. Behind a pooler, settings and advisory
 * locks do not belong to the session: settings are lost, and locks stay with whoever gets the
 * server's session next.
 */
final class Pooler {
  private Pooler() {}

  /**
   * Refuses a connection that ends at a pooler. A pooler gives each client its own process number
   * for cancelling queries, which differs from that of the server's process.
   *
   * @param process number of the server's process, by pg_backend_pid()
   * @throws Failure 10 if a pooler is in between
   */
  static void refuse(Connection connection, int process, DatabaseAddress address)
      throws SQLException {
    int told = connection.unwrap(PGConnection.class).getBackendPID();
    if (process != told) {
      throw failure(
          "the server's process is %d, but the connection reports %d".formatted(process, told),
          address);
    }
  }

  /** Whether a pooler rejected the connection: PostgreSQL itself accepts these settings. */
  static boolean refused(SQLException e) {
    return isServers(e)
        && SqlStates.PROTOCOL_VIOLATION.equals(e.getSQLState())
        && String.valueOf(e.getMessage()).contains("startup parameter");
  }

  /** Whether the other side reported it, and not pgjdbc that did not understand it. */
  static boolean isServers(SQLException e) {
    return e instanceof PSQLException thrown && Objects.nonNull(thrown.getServerErrorMessage());
  }

  static Failure failure(String why, DatabaseAddress address) {
    return Failure.of(
            ExitCode.REFUSED,
            "the connection goes through a connection pooler, such as PgBouncer, which keeps"
                + " neither the locks nor the settings of a session: "
                + why)
        .where(address.toString())
        .state("nothing was changed")
        .next(
            "connect directly to PostgreSQL: its own host and port, usually %d; with CloudNativePG"
                    .formatted(DatabaseAddress.DEFAULT_PORT)
                + " the Service whose name ends in -rw; in a release: externalDatabase.host and"
                + " .port");
  }
}

package org.learnflow.db.connect;

import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.learnflow.db.postgres.SqlStates;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Opens sessions that have their {@link SessionSettings}, on servers of every version. A session
 * that has transaction_timeout set is opened again without it: only settings that the client names
 * when it connects are in force from the start, and older servers reject a name that they do not
 * know.
 */
final class SettledSessions extends PGSimpleDataSource {
  private static final long serialVersionUID = 1L;

  private final boolean own;
  private boolean withoutTimeout;

  /**
   * Sessions.
   *
   * @param own whether they are the owner's sessions, which change tables
   */
  SettledSessions(boolean own) {
    this.own = own;
  }

  @Override
  public Connection getConnection(@Nullable String user, @Nullable String password)
      throws SQLException {
    Connection connection = null;
    try {
      connection = super.getConnection(user, password);
      if (withoutTimeout || !SessionSettings.hasTransactionTimeout(connection)) {
        if (own) {
          SessionSettings.settle(connection);
        }
        return connection;
      }
      connection.close();
    } catch (SQLException | RuntimeException e) {
      closeAfter(e, connection);
      // The timeout is shorter than the query for it.
      if (withoutTimeout || !SqlStates.TRANSACTION_TIMEOUT.equals(SqlStates.of(e))) {
        throw e;
      }
    }
    withoutTimeout = true;
    setOptions(getOptions() + SessionSettings.WITHOUT_TRANSACTION_TIMEOUT);
    return getConnection(user, password);
  }

  private static void closeAfter(Exception e, @Nullable Connection connection) {
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException again) {
        e.addSuppressed(again);
      }
    }
  }
}

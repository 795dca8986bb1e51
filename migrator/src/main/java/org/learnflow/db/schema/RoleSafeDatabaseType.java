package org.learnflow.db.schema;

import java.sql.SQLException;
import org.flywaydb.core.api.configuration.Configuration;
import org.flywaydb.core.internal.database.base.Database;
import org.flywaydb.core.internal.jdbc.JdbcConnectionFactory;
import org.flywaydb.core.internal.jdbc.StatementInterceptor;
import org.flywaydb.database.postgresql.PostgreSQLConnection;
import org.flywaydb.database.postgresql.PostgreSQLDatabase;
import org.flywaydb.database.postgresql.PostgreSQLDatabaseType;

/**
 * Flyway's PostgreSQL, but for how it goes back to the session's own role after a migration: it
 * writes {@code SET ROLE '...'} without quoting what is in the name. Found by Flyway through
 * META-INF/services, before its own since the priority is higher.
 */
public final class RoleSafeDatabaseType extends PostgreSQLDatabaseType {
  @Override
  public int getPriority() {
    return super.getPriority() + 1;
  }

  @Override
  public Database<?> createDatabase(
      Configuration configuration,
      JdbcConnectionFactory jdbcConnectionFactory,
      StatementInterceptor statementInterceptor) {
    return new PostgreSQLDatabase(configuration, jdbcConnectionFactory, statementInterceptor) {
      @Override
      protected PostgreSQLConnection doGetConnection(java.sql.Connection connection) {
        return new OwnRoleConnection(this, connection);
      }
    };
  }

  private static final class OwnRoleConnection extends PostgreSQLConnection {
    OwnRoleConnection(PostgreSQLDatabase database, java.sql.Connection connection) {
      super(database, connection);
    }

    @Override
    protected void doRestoreOriginalState() throws SQLException {
      jdbcTemplate.execute("RESET ROLE");
    }
  }
}

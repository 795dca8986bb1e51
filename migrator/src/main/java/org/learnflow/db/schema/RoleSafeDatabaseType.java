package org.learnflow.db.schema;

import java.sql.SQLException;
import java.util.concurrent.Callable;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.ResourceProvider;
import org.flywaydb.core.api.configuration.Configuration;
import org.flywaydb.core.internal.database.base.Database;
import org.flywaydb.core.internal.database.base.Table;
import org.flywaydb.core.internal.jdbc.JdbcConnectionFactory;
import org.flywaydb.core.internal.jdbc.StatementInterceptor;
import org.flywaydb.core.internal.parser.Parser;
import org.flywaydb.core.internal.parser.ParsingContext;
import org.flywaydb.database.postgresql.PostgreSQLConnection;
import org.flywaydb.database.postgresql.PostgreSQLDatabase;
import org.flywaydb.database.postgresql.PostgreSQLDatabaseType;
import org.learnflow.db.postgres.SqlParser;

/**
 * Flyway's PostgreSQL, except for how it returns to the session's own role after a migration (it
 * writes {@code SET ROLE '...'} without quoting the name), for its parser, and for its lock. Flyway
 * finds it through META-INF/services, before its own because the priority is higher.
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
        return FlywayRun.isRunBy(configuration)
            ? new LockedConnection(this, connection)
            : new OwnRoleConnection(this, connection);
      }
    };
  }

  @Override
  public Parser createParser(
      Configuration configuration,
      ResourceProvider resourceProvider,
      ParsingContext parsingContext) {
    return new SqlParser(configuration, parsingContext, SqlParser.EndOfData.LINE);
  }

  private static class OwnRoleConnection extends PostgreSQLConnection {
    OwnRoleConnection(PostgreSQLDatabase database, java.sql.Connection connection) {
      super(database, connection);
    }

    @Override
    protected void doRestoreOriginalState() throws SQLException {
      jdbcTemplate.execute("RESET ROLE");
    }
  }

  private static final class LockedConnection extends OwnRoleConnection {
    LockedConnection(PostgreSQLDatabase database, java.sql.Connection connection) {
      super(database, connection);
    }

    /**
     * Takes no lock: {@link Migrator} holds Flyway's, in a session where no migration can release
     * it with {@code pg_advisory_unlock_all()} or {@code DISCARD ALL}.
     */
    @Override
    @SuppressWarnings("rawtypes") // as Flyway declares it
    public <T> T lock(Table table, Callable<T> callable) {
      try {
        return callable.call();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new FlywayException(e);
      }
    }
  }
}

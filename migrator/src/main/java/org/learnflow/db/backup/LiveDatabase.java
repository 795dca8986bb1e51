package org.learnflow.db.backup;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.learnflow.db.postgres.CatalogQuery;
import org.learnflow.db.postgres.DatabaseLikeness;
import org.learnflow.db.postgres.Sql;

/**
 * The database that a dump replaces, as seen from other databases of its server; it may not exist
 * yet.
 *
 * @param maintenance a session in the maintenance database, in autocommit mode
 */
public record LiveDatabase(Connection maintenance, String name) {
  /** Whether it exists. */
  public boolean exists() throws SQLException {
    return exists(maintenance, name);
  }

  /** Whether a database exists. */
  static boolean exists(Connection connection, String name) throws SQLException {
    return !CatalogQuery.rows(
            connection,
            "SELECT 1 FROM pg_database WHERE datname = " + Sql.literal(name),
            row -> row.getInt(1))
        .isEmpty();
  }

  /** Sessions of others in it. */
  int sessions() throws SQLException {
    return count("pg_stat_activity WHERE usename IS NOT NULL AND datname = ");
  }

  /** Prepared transactions, which outlive their sessions and prevent a rename. */
  int preparedTransactions() throws SQLException {
    return count("pg_prepared_xacts WHERE database = ");
  }

  private int count(String what) throws SQLException {
    return CatalogQuery.rows(
            maintenance, "SELECT count(*) FROM " + what + Sql.literal(name), row -> row.getInt(1))
        .getFirst();
  }

  /** Its settings, which a dump does not contain. */
  public List<DatabaseSetting> settings() throws SQLException {
    return DatabaseSetting.of(maintenance, name);
  }

  /** Its encoding and sort order, if it exists. */
  Optional<DatabaseLikeness> likeness() throws SQLException {
    return DatabaseLikeness.of(maintenance, name);
  }
}

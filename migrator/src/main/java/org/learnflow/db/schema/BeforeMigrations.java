package org.learnflow.db.schema;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/**
 * What has to succeed before migrations are applied to a database that has some, such as a dump of
 * it.
 */
@FunctionalInterface
public interface BeforeMigrations {
  /** Nothing. */
  BeforeMigrations NOTHING = (connection, pending) -> {};

  /**
   * Does it, under the lock that every migration takes.
   *
   * @param connection the owner's session that holds the lock, in autocommit mode
   * @param pending what is about to be applied, at least one
   * @throws org.learnflow.db.Failure if it failed: no migration is applied then
   */
  void run(Connection connection, List<MigrationFile> pending) throws SQLException;
}

package org.learnflow.db.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** A database that somebody is in, and autovacuum, which only an admin may end by force. */
class DatabaseDropTest {
  @Test
  void itsOwnerDropsItWithItsSessions(@TempDir Path directory) throws Exception {
    try (OwnServer server =
        OwnServer.start(
            directory.resolve("server"),
            PostgresServers.DEFAULT_MAJOR,
            "autovacuum_naptime = 1s",
            "autovacuum_vacuum_cost_delay = 100ms",
            "autovacuum_vacuum_cost_limit = 1")) {
      TestDatabase database = server.database().withRoles();
      database.execute(
          database.owner(),
          "CREATE TABLE big AS SELECT g FROM generate_series(1, 200000) g; DELETE FROM big WHERE g % 2 = 0");
      try (Connection session = database.connect(database.owner());
          Connection owner = database.connect(database.owner(), "postgres")) {
        database.awaitRow(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'autovacuum worker'");
        DatabaseDrop.drop(owner, database.name());

        assertThat(session.isValid(1)).isFalse();
      }
    }
  }
}

package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.learnflow.db.Progress;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** The moment at which a database takes the place of another. */
@ExtendWith(PostgresExtension.class)
class SwapTest {
  /** Whoever ends the sessions is gone, while the server still waits for them, and then renames. */
  @Test
  void whatIsBeingRenamedIsWaitedForBeforeAnythingIsSaid(TestDatabase database) throws Exception {
    database.migrated();
    try (Connection making = database.connect(PostgresServer.ADMIN, "postgres");
        Connection ending = database.connect(PostgresServer.ADMIN, "postgres");
        Connection watching = database.connect(PostgresServer.ADMIN, "postgres");
        Connection service = database.connect(database.service())) {
      StagingDatabase staging = new StagingDatabase(making, database.name(), Progress.SILENT);
      staging.make(database.owner(), Optional.empty());
      ending.abort(Runnable::run);
      CompletableFuture<Void> leaving =
          CompletableFuture.runAsync(
              () -> {
                try {
                  Eventually.within(
                      Duration.ofSeconds(5), "the rename waits", () -> isRenaming(watching));
                  service.abort(Runnable::run);
                } catch (SQLException e) {
                  throw new IllegalStateException(e);
                }
              },
              task -> Thread.ofVirtual().start(task));

      Optional<String> before = new Swap(making, database.name()).run(ending);

      leaving.join();
      assertThat(before).isPresent();
      assertThat(staging.exists()).isFalse();
      assertThat(LiveDatabase.exists(making, before.orElseThrow())).isTrue();
    }
  }

  private static boolean isRenaming(Connection watching) throws SQLException {
    try (Statement statement = watching.createStatement();
        ResultSet row =
            statement.executeQuery(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                    + " AND query LIKE 'ALTER DATABASE % RENAME TO %' AND pid <> pg_backend_pid()")) {
      return row.next() && row.getInt(1) > 0;
    }
  }
}

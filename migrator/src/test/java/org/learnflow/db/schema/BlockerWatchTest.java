package org.learnflow.db.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.Reports;
import org.learnflow.db.testing.TestDatabase;
import org.postgresql.PGConnection;
import org.postgresql.ds.PGSimpleDataSource;

@ExtendWith(PostgresExtension.class)
class BlockerWatchTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);
  private static final String SECONDS = ", [0-9]+ s so far";

  private final Reports reports = new Reports();

  private void await(String pattern) throws SQLException {
    Eventually.within(
        LIMIT,
        pattern,
        () -> reports.updates().stream().anyMatch(text -> text.matches("migrate " + pattern)));
  }

  private static DataSource source(TestDatabase database) {
    PGSimpleDataSource source = new PGSimpleDataSource();
    source.setServerNames(new String[] {database.server().host()});
    source.setPortNumbers(new int[] {database.server().port()});
    source.setDatabaseName(database.name());
    source.setUser(database.owner());
    source.setPassword(database.password(database.owner()).value());
    return source;
  }

  @Test
  void whichMigrationRunsIsSaidAndWhoBlocksIt(TestDatabase database) throws Exception {
    database.withRoles();
    try (Connection blocker = database.connect(database.owner());
        Connection migrating = database.connect(database.owner());
        Statement holding = blocker.createStatement();
        Statement waiting = migrating.createStatement();
        BlockerWatch watch = new BlockerWatch(source(database), "migrate", reports)) {
      holding.execute("SELECT pg_advisory_lock(4711)");
      Thread thread =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  waiting.execute("SELECT pg_advisory_lock(4711)");
                } catch (SQLException e) {
                  throw new IllegalStateException(e);
                }
              });
      watch.begin("V002__two.sql (2 of 3)", migrating.unwrap(PGConnection.class).getBackendPID());
      await("V002__two\\.sql \\(2 of 3\\)" + SECONDS + ", waiting for .*");
      holding.execute("SELECT pg_advisory_unlock_all()");
      thread.join();
      await("V002__two\\.sql \\(2 of 3\\)" + SECONDS);
      watch.end();
    }
  }

  @Test
  void whichMigrationRunsIsSaidWithoutASecondSessionToo() throws Exception {
    PGSimpleDataSource nowhere = new PGSimpleDataSource();
    nowhere.setURL("jdbc:postgresql://127.0.0.1:1/none");
    try (BlockerWatch watch = new BlockerWatch(nowhere, "migrate", reports)) {
      watch.begin("V002__two.sql (2 of 3)", 1);
      await("V002__two\\.sql \\(2 of 3\\)" + SECONDS);
      watch.end();
    }
    assertThat(reports.lines()).isEmpty();
  }
}

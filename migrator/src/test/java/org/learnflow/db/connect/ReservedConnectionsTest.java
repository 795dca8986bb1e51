package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestRelease;

/** What start.sh of the chart reserves is for the owner: the migrator, and who is on call. */
class ReservedConnectionsTest {
  private static final int FOR_SERVICES = 20 - 3 - 5;

  @AutoClose private final ApiServer api = ApiServer.withNamespace();

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path files;

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("who gets in when all connections are taken is");
  }

  @Test
  void theOwnerGetsInWhenServicesHaveTakenAllOthers() throws Exception {
    try (OwnServer server =
        OwnServer.start(
            files.resolve("server"),
            PostgresServers.DEFAULT_MAJOR,
            "max_connections = 20",
            "reserved_connections = 5")) {
      TestRelease release = TestRelease.on(api, server.database());
      assertThat(release.job(files, "[]").run("run"))
          .exited(ExitCode.OK)
          .says("pg_use_reserved_connections");
      List<Connection> taken = new ArrayList<>();
      try {
        useUp(release, taken);
        assertThat(taken).hasSize(FOR_SERVICES);
        CliResult verified = release.cli().run("verify");
        assertThat(verified).exited(ExitCode.OK).answers("healthy");
        // The membership is wanted.
        assertThat(verified.out()).doesNotContain(" privileges: ");
        assertThat(release.job(files, "[]").run("run")).exited(ExitCode.OK);
        assertThat(release.cli().run("status")).exited(ExitCode.OK);
      } finally {
        for (Connection connection : taken) {
          connection.close();
        }
      }
    }
  }

  private static void useUp(TestRelease release, List<Connection> taken) {
    String password = release.credentials().getOrDefault("app-password", "");
    try {
      while (true) {
        taken.add(release.open(release.database().service(), password));
      }
    } catch (SQLException e) {
      assertThat(e.getSQLState()).isEqualTo("53300");
    }
  }
}

package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Password;
import org.learnflow.db.connect.EmbeddedServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.HostileTenant;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** What the services' role may and is on a server of the release's own. */
class OwnServerTest {
  @TempDir private Path folder = Path.of("");

  /** An embedded server is its own, too. */
  @Test
  void servicesConnectToTheirDatabaseOnly() throws Exception {
    Path directory = folder.resolve("embedded");
    Cli cli =
        new Cli(Map.of())
            .with("LEARNFLOW_DB_EMBEDDED", directory.toString())
            .with("LEARNFLOW_DB_MIGRATIONS", TestFiles.migrations().toString())
            .with("LEARNFLOW_DB_SEEDS_DIR", TestFiles.seeds().toString());
    assertThat(cli.run("run")).exited(ExitCode.OK).says("REVOKE ALL ON DATABASE postgres");
    try {
      assertThat(cli.run("roles")).exited(ExitCode.OK).answers("nothing to do");
      assertThat(cli.run("verify")).exited(ExitCode.OK);
      int port = Integer.parseInt(TestFiles.read(directory.resolve("port")).strip());
      for (String database : new String[] {"postgres", "template1"}) {
        assertThatThrownBy(() -> connect(directory, "learnflow_user", port, database))
            .hasMessageContaining("permission denied for database");
      }
      connect(directory, "learnflow_user", port, "learnflow").close();
      connect(directory, "learnflow_owner", port, "postgres").close();
    } finally {
      EmbeddedServer.in(directory).stop("immediate");
    }
  }

  private static Connection connect(Path directory, String role, int port, String database)
      throws SQLException {
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:%d/%s".formatted(port, database),
        role,
        TestFiles.read(directory.resolve("passwords").resolve(role)).strip());
  }

  /** A role may set a verifier for itself with which each login takes seconds. */
  @Test
  void aVerifierOfThreeMillionIterationsIsMadeAnewAndNotComputed() throws Exception {
    try (OwnServer server =
        OwnServer.start(folder.resolve("server"), PostgresServers.DEFAULT_MAJOR)) {
      TestDatabase database = server.database();
      assertThat(database.cli().run("run")).exited(ExitCode.OK);
      byte[] key = new byte[32];
      String verifier =
          "SCRAM-SHA-256$3000000:%s$%s:%s"
              .formatted(
                  Base64.getEncoder().encodeToString(new byte[16]),
                  Base64.getEncoder().encodeToString(key),
                  Base64.getEncoder().encodeToString(key));
      database.execute(
          database.service(),
          "ALTER ROLE %s PASSWORD '%s'".formatted(database.service(), verifier));
      long start = System.nanoTime();
      assertThat(database.cli().run("run"))
          .exited(ExitCode.OK)
          .says("set the password of " + database.service());
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
      assertThat(
              database.query(
                  PostgresServer.ADMIN,
                  "SELECT rolpassword ~ '^SCRAM-SHA-256.4096:' FROM pg_authid WHERE rolname = '%s'"
                      .formatted(database.service())))
          .containsExactly("t");
      database.connect(database.service()).close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"postgres", "pg_monitor", "public", "none"})
  void namesThatAreNotTheServicesOwnAreRefused(String name) {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), folder);
    assertThat(database.cli().run("run", "--app-user", name))
        .exited(ExitCode.USAGE)
        .says("\"%s\" cannot be the service role".formatted(name), "nothing was changed");
  }

  /** As repair.sh runs it in the pod, in a database whose owner has planted what it can. */
  @Test
  void passwordsAreRepairedWithoutRunningAnythingOfTheOwners() throws Exception {
    int major = DumpServer.oldest(folder).major();
    try (OwnServer server = OwnServer.start(folder.resolve("server"), major)) {
      TestDatabase database = server.database();
      assertThat(database.cli().run("run")).exited(ExitCode.OK);
      HostileTenant hostile = new HostileTenant(database);
      hostile.plantAttack();
      String sql =
          PasswordReset.sql(
              database.owner(),
              database.name(),
              Map.of(
                  database.service(),
                  new Password("new 'one'"),
                  "nobody",
                  new Password("of no account")));
      hostile.plantLookAlikes(
          List.of(sql, "SELECT format('%I', rolname), quote_ident(rolname), 'a' || 'b'"));
      hostile.plantSettings();
      var before = hostile.server();
      for (int twice = 0; twice < 2; twice++) {
        var answer =
            Programs.run(
                Map.of(
                    "PGPASSWORD",
                    database.server().adminPassword().value(),
                    "PGOPTIONS",
                    "-c search_path=pg_catalog,pg_temp -c role=none"),
                List.of(
                    "sh",
                    "-c",
                    "printf '%s\\n' \"$0\" | psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 -h 127.0.0.1 -p \"$1\" -U postgres -d postgres",
                    sql,
                    String.valueOf(database.server().port())));
        assertThat(answer).exited(ExitCode.OK);
        assertThat(answer.out().strip()).isEqualTo("set the password of " + database.service());
      }
      assertThat(hostile.server()).isEqualTo(before);
      assertThat(hostile.canary()).isEmpty();
      DriverManager.getConnection(
              "jdbc:postgresql://127.0.0.1:%d/%s"
                  .formatted(database.server().port(), database.name()),
              database.service(),
              "new 'one'")
          .close();
      // The owner sees the rules now, and that none was left.
      try (Connection owner = database.connect(database.owner());
          Statement statement = owner.createStatement()) {
        statement.execute("SELECT count(*) FROM pg_catalog.pg_hba_file_rules");
      }
    }
  }
}

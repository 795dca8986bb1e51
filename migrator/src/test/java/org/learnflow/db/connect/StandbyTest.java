package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.Programs;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** A standby is named as such, with where its primary is, as far as that can be known. */
class StandbyTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  @TempDir private static Path directory;
  private static OwnServer primary;
  private static OwnServer standby;
  private static TestDatabase database;
  private static TestDatabase onStandby;

  /** The standby is a copy of the primary's files, taken while it stands still. */
  @BeforeAll
  static void start() throws Exception {
    primary = OwnServer.start(directory.resolve("primary"), PostgresServers.DEFAULT_MAJOR);
    database = primary.database().withRoles();
    primary.stop("fast");
    Path copy = directory.resolve("standby");
    assertThat(
            Programs.run(
                Map.of(),
                List.of("cp", "-a", directory.resolve("primary").toString(), copy.toString())))
        .exited(ExitCode.OK);
    Files.delete(copy.resolve("port"));
    primary.start();
    PostgresServer server = primary.server();
    Files.createFile(copy.resolve("data/standby.signal"));
    TestFiles.write(
        copy.resolve("data/postgresql.auto.conf"),
        "primary_conninfo = 'host=127.0.0.1 port=%d user=postgres password=''%s'''\n"
            .formatted(server.port(), server.adminPassword().value()));
    standby = OwnServer.start(copy, PostgresServers.DEFAULT_MAJOR);
    onStandby =
        new TestDatabase(
            standby.server(),
            database.name(),
            database.owner(),
            database.service(),
            database.passwords());
    Eventually.within(
        LIMIT,
        "the standby follows",
        () ->
            !onStandby.query(PostgresServer.ADMIN, "SELECT 1 FROM pg_stat_wal_receiver").isEmpty());
  }

  @AfterAll
  static void stop() {
    for (OwnServer server : new OwnServer[] {standby, primary}) {
      if (server != null) {
        server.close();
      }
    }
  }

  @Test
  void whereItFollowsIsSaidToWhoMayKnow() {
    String host = "127.0.0.1:" + primary.server().port();
    assertThat(onStandby.cli().run("run", "--timeout", "0"))
        .exited(ExitCode.NOT_REACHED)
        .says("it is a standby in recovery and does not accept writes", "connect to the primary")
        .doesNotSay(host);
    assertThat(
            onStandby
                .cli()
                .with(
                    "LEARNFLOW_DB_DATABASE", onStandby.uri().replace(onStandby.owner(), "postgres"))
                .with(
                    "LEARNFLOW_DB_PASSWORD_FILE",
                    onStandby.passwords().file(PostgresServer.ADMIN).toString())
                .run("wait", "--timeout", "0"))
        .exited(ExitCode.NOT_REACHED)
        .says("this one follows " + host);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ro", "r"})
  void thePrimarysServiceIsSaidWhereItsNameIsKnown(String suffix, @TempDir Path folder)
      throws Exception {
    String host = "pg-%s.db.svc.invalid".formatted(suffix);
    Path hosts = TestFiles.write(folder.resolve("hosts"), "127.0.0.1 " + host + "\n");
    assertThat(
            onStandby
                .cli()
                .with("LEARNFLOW_DB_DATABASE", onStandby.uri().replace("127.0.0.1", host))
                .with("JAVA_TOOL_OPTIONS", "-Djdk.net.hosts.file=" + hosts)
                .start("wait", "--timeout", "0")
                .await())
        .exited(ExitCode.NOT_REACHED)
        .says("connect to the primary: pg-rw.db.svc.invalid");
  }

  /** As operators and charts name the Services of primary and standbys. */
  @ParameterizedTest
  @CsvSource({
    "pg-ro, pg-rw",
    "pg-ro.db.svc.cluster.local, pg-rw.db.svc.cluster.local",
    "pg-replicas.db.svc, pg-primary.db.svc",
    "pg-repl.db.svc, pg.db.svc",
    "pg-postgresql-read, pg-postgresql-primary",
    "pg.cluster-ro-c0ffee.eu-west-1.rds.amazonaws.com, pg.cluster-c0ffee.eu-west-1.rds.amazonaws.com",
  })
  void aStandbysNameTellsThePrimarys(String host, String primarys) {
    assertThat(Standby.primaryOf(host)).contains(primarys);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"db.example.com", "ro", "-ro", "10.0.0.7", "bistro", "my-pro.example.com"})
  void anotherNameTellsNothing(String host) {
    assertThat(Standby.primaryOf(host)).isEmpty();
  }
}

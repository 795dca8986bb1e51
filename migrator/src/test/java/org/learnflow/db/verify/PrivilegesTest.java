package org.learnflow.db.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** verify tells who may do more than the design gives. */
class PrivilegesTest {
  @TempDir private static Path directory = Path.of("");

  @SuppressWarnings("NullAway.Init")
  private static OwnServer server;

  @SuppressWarnings("NullAway.Init")
  private static TestDatabase database;

  @BeforeAll
  static void deploy() {
    server = OwnServer.start(directory.resolve("server"), PostgresServers.DEFAULT_MAJOR);
    database = server.database();
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void nothingIsSaidWhereNothingIsWrong() {
    assertThat(database.cli().run("verify").out()).doesNotContain("privileges");
  }

  /** {o} and {s} stand for owner and service role. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ALTER ROLE {s} REPLICATION                 | ALTER ROLE {s} NOREPLICATION                  | 1 | ✗ privileges: {s} is REPLICATION
          ALTER ROLE {s} CREATEROLE BYPASSRLS        | ALTER ROLE {s} NOCREATEROLE NOBYPASSRLS       | 1 | ✗ privileges: {s} is CREATEROLE BYPASSRLS
          GRANT pg_execute_server_program TO {s}     | REVOKE pg_execute_server_program FROM {s}     | 1 | ✗ privileges: {s} is a member of pg_execute_server_program
          ALTER ROLE {o} CREATEROLE                  | ALTER ROLE {o} NOCREATEROLE                   | 0 | ! privileges: {o} is CREATEROLE
          ALTER ROLE {o} SUPERUSER                   | ALTER ROLE {o} NOSUPERUSER                    | 0 | ! privileges: {o} is SUPERUSER
          GRANT pg_write_server_files TO {o}         | REVOKE pg_write_server_files FROM {o}         | 0 | ! privileges: {o} is a member of pg_write_server_files
          CREATE ROLE boss SUPERUSER                 | DROP ROLE boss                                | 0 | ✓ privileges: note: other superusers of this server: boss
          CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO {s} | DROP FUNCTION f() | 1 | ✗ privileges: public.f belongs to {s}
          CREATE SCHEMA x AUTHORIZATION {s}; CREATE FUNCTION x.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; ALTER FUNCTION x.t() OWNER TO {s}; CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION x.t() | DROP TRIGGER t ON users; DROP SCHEMA x CASCADE | 1 | ✗ privileges: x.t belongs to {s}
          CREATE ROLE other; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() OWNER TO other | DROP FUNCTION f(); DROP ROLE other | 0 | ! privileges: public.f belongs to other
          CREATE RULE r AS ON INSERT TO learnflow_db.backups DO ALSO NOTIFY x | DROP RULE r ON learnflow_db.backups | 0 | ! privileges: in schema learnflow_db backups has the rule r
          CREATE TRIGGER t AFTER INSERT ON learnflow_db.backups FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger() | DROP TRIGGER t ON learnflow_db.backups | 0 | ! privileges: in schema learnflow_db backups has the trigger t
          """)
  void itIsTold(String make, String undo, int exitCode, String line) throws Exception {
    database.execute(PostgresServer.ADMIN, named(make));
    try {
      CliResult found = database.cli().run("verify");
      assertThat(found.out()).contains(named(line));
      assertThat(found.exitCode()).as(found.all()).isEqualTo(exitCode);
    } finally {
      database.execute(PostgresServer.ADMIN, named(undo));
    }
  }

  private static String named(String text) {
    return text.replace("{o}", database.owner()).replace("{s}", database.service());
  }
}

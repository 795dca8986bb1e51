package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** Rights that somebody changed by hand: verify names them with the repair, roles repairs them. */
class RightsRepairTest {
  @TempDir private static Path directory;
  private static TestDatabase database;

  @BeforeAll
  static void deploy() {
    database = TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
  }

  /** {d}, {o} and {s} stand for database, owner and service role. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          REVOKE SELECT, DELETE ON users FROM {s}              | {s} may not delete, select public.users       | GRANT DELETE, SELECT ON public.users TO {s}
          REVOKE INSERT ON compat.struggles FROM {s}           | {s} may not insert compat.struggles           | GRANT INSERT ON compat.struggles TO {s}
          REVOKE ALL ON SEQUENCE users_id_seq FROM {s}         | {s} may not use sequence public.users_id_seq  | GRANT USAGE, SELECT ON SEQUENCE public.users_id_seq TO {s}
          REVOKE USAGE ON SCHEMA compat FROM {s}               | {s} may not use schema compat                 | GRANT USAGE ON SCHEMA compat TO {s}
          REVOKE CONNECT ON DATABASE {d} FROM PUBLIC, {s}       | {s} may not connect to {d}                     | GRANT CONNECT ON DATABASE {d} TO {s}
          REVOKE {s} FROM {o}                                | {o} is not a member of {s}                     | GRANT {s} TO {o} WITH INHERIT TRUE, SET TRUE
          GRANT {s} TO {o} WITH SET FALSE                    | {o} is not a member of {s}                     | GRANT {s} TO {o} WITH INHERIT TRUE, SET TRUE
          ALTER DEFAULT PRIVILEGES FOR ROLE {o} REVOKE INSERT ON TABLES FROM {s}; ALTER DEFAULT PRIVILEGES FOR ROLE {o} GRANT TRUNCATE ON TABLES TO {s} | {s} gets no privileges on tables that {o} creates later | ALTER DEFAULT PRIVILEGES FOR ROLE {o} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {s}
          ALTER DEFAULT PRIVILEGES FOR ROLE {o} REVOKE USAGE ON SEQUENCES FROM {s} | {s} gets no privileges on sequences that {o} creates later | ALTER DEFAULT PRIVILEGES FOR ROLE {o} GRANT USAGE, SELECT ON SEQUENCES TO {s}
          ALTER ROLE {s} CREATEDB CREATEROLE                   | {s} is not NOCREATEDB NOCREATEROLE            | ALTER ROLE {s} NOCREATEDB NOCREATEROLE
          ALTER ROLE {s} NOLOGIN REPLICATION BYPASSRLS         | {s} is not LOGIN NOREPLICATION NOBYPASSRLS    | ALTER ROLE {s} LOGIN NOREPLICATION NOBYPASSRLS
          REVOKE {s} FROM {o}; GRANT {o} TO {s}        | {s} is a member of {o}                      | REVOKE {o} FROM {s}
          GRANT pg_read_all_data TO {s}                        | {s} is a member of pg_read_all_data           | REVOKE pg_read_all_data FROM {s}
          GRANT postgres TO {s}                                | {s} is a member of postgres                   | REVOKE postgres FROM {s}
          GRANT TRUNCATE, REFERENCES ON users TO {s}           | {s} may references, truncate public.users     | REVOKE REFERENCES, TRUNCATE ON public.users FROM PUBLIC, {s}
          GRANT TRIGGER ON users TO PUBLIC                         | {s} may trigger public.users                  | REVOKE TRIGGER ON public.users FROM PUBLIC, {s}
          GRANT MAINTAIN ON users TO {s}                       | {s} may maintain public.users                 | REVOKE MAINTAIN ON public.users FROM PUBLIC, {s}
          GRANT SELECT ON flyway_schema_history TO {s}         | {s} may select public.flyway_schema_history   | REVOKE SELECT ON public.flyway_schema_history FROM PUBLIC, {s}
          GRANT UPDATE (checksum) ON flyway_schema_history TO {s} | {s} may update public.flyway_schema_history | REVOKE UPDATE ON public.flyway_schema_history FROM PUBLIC, {s}
          GRANT DELETE ON schema_migrations TO {s}             | {s} may delete public.schema_migrations       | REVOKE DELETE ON public.schema_migrations FROM PUBLIC, {s}
          GRANT USAGE ON SCHEMA learnflow_db TO PUBLIC             | {s} may use schema learnflow_db               | REVOKE ALL ON SCHEMA learnflow_db FROM PUBLIC, {s}
          GRANT CREATE ON SCHEMA public TO PUBLIC                  | {s} may create in schema public               | REVOKE CREATE ON SCHEMA public FROM PUBLIC, {s}
          GRANT CREATE ON DATABASE {d} TO {s}                   | {s} may create in {d}                          | REVOKE CREATE ON DATABASE {d} FROM PUBLIC, {s}
          GRANT TEMPORARY ON DATABASE {d} TO PUBLIC                 | {s} may temporary in {d}                       | REVOKE TEMPORARY ON DATABASE {d} FROM PUBLIC, {s}
          ALTER DEFAULT PRIVILEGES FOR ROLE {o} IN SCHEMA public GRANT TRUNCATE ON TABLES TO {s} | {s} gets truncate on tables that {o} creates later | ALTER DEFAULT PRIVILEGES FOR ROLE {o} IN SCHEMA public REVOKE TRUNCATE ON TABLES FROM {s}
          ALTER DEFAULT PRIVILEGES FOR ROLE {o} GRANT CREATE ON SCHEMAS TO PUBLIC | PUBLIC gets create on schemas that {o} creates later | ALTER DEFAULT PRIVILEGES FOR ROLE {o} REVOKE CREATE ON SCHEMAS FROM PUBLIC
          ALTER DATABASE {d} OWNER TO postgres                      | database {d} is not owned by {o}                 | ALTER DATABASE {d} OWNER TO {o}
          ALTER SCHEMA compat OWNER TO postgres                    | schema compat is not owned by {o}               | ALTER SCHEMA compat OWNER TO {o}
          ALTER TABLE users OWNER TO {s}                       | public.users is not owned by {o}                | ALTER TABLE public.users OWNER TO {o}
          ALTER VIEW compat.users OWNER TO postgres                | compat.users is not owned by {o}                | ALTER TABLE compat.users OWNER TO {o}
          """)
  void aWrongRightIsNamedByVerifyWithItsRepairAndRepairedByRoles(
      String byHand, String finding, String repair) throws Exception {
    database.execute(PostgresServer.ADMIN, named(byHand));
    CliResult found = database.cli().run("verify");
    assertThat(found).exited(ExitCode.FAILED);
    assertThat(found.lastLine()).startsWith("unhealthy: rights: " + named(finding));
    assertThat(found.lastLine()).endsWith("; repair as an admin: " + named(repair) + ";");

    CliResult repaired = database.cli().run("roles");
    assertThat(repaired).exited(ExitCode.OK).says("roles    " + named(repair));
    assertThat(database.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.cli().run("roles")).exited(ExitCode.OK).answers("nothing to do");
  }

  /** Whoever owns a schema may replace the functions that others have in it. */
  @Test
  void aSchemaThatHoldsWhatIsSomebodyElsesIsNotGivenToTheOwner() throws Exception {
    database.execute(
        PostgresServer.ADMIN,
        named(
            """
            CREATE SCHEMA tools;
            CREATE FUNCTION tools.report() RETURNS int LANGUAGE sql AS 'SELECT 1';
            GRANT CREATE, USAGE ON SCHEMA tools TO {o}
            """));
    try {
      database.execute(database.owner(), "CREATE TABLE tools.mine (a int)");
      assertThat(database.cli().run("roles")).exited(ExitCode.OK);
      assertThat(
              database.query(
                  "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'tools'"))
          .containsExactly(PostgresServer.ADMIN);
    } finally {
      database.execute(PostgresServer.ADMIN, "DROP SCHEMA tools CASCADE");
    }
  }

  /** It comes from a role that nobody but a person can judge. */
  @Test
  @Timeout(60)
  void aRightThatCannotBeTakenSoIsToldAndTriedNoLongerThanThat() throws Exception {
    database.execute(
        PostgresServer.ADMIN,
        named("CREATE ROLE g_{s}; GRANT TRUNCATE ON users TO g_{s}; GRANT g_{s} TO {s}"));
    try {
      assertThat(database.cli().run("roles")).exited(ExitCode.OK);
      assertThat(database.cli().run("verify").lastLine())
          .startsWith(named("unhealthy: rights: {s} may truncate public.users"));
    } finally {
      database.execute(PostgresServer.ADMIN, named("DROP OWNED BY g_{s}; DROP ROLE g_{s}"));
    }
    assertThat(database.cli().run("verify")).exited(ExitCode.OK);
  }

  /** Its password would be set, and it might be somebody's admin: a person has to decide. */
  @Test
  void aServiceThatIsASuperuserIsFoundByVerifyAndRefusedByRoles() throws Exception {
    database.execute(
        PostgresServer.ADMIN, named("ALTER ROLE {s} SUPERUSER; GRANT TRUNCATE ON users TO {s}"));
    assertThat(database.cli().run("verify").out())
        .contains(named("unhealthy: rights: {s} is not NOSUPERUSER"), named("{s} is SUPERUSER"));
    assertThat(database.cli().run("roles"))
        .exited(ExitCode.REFUSED)
        .says(named("{s}, the service role, is already a superuser"), "NOSUPERUSER");
    database.execute(PostgresServer.ADMIN, named("ALTER ROLE {s} NOSUPERUSER"));
    assertThat(database.cli().run("roles")).exited(ExitCode.OK);
    assertThat(database.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
  }

  @Test
  void anOwnerThatMayNotLogInIsFoundByVerifyAndRepairedByRoles() throws Exception {
    database.execute(PostgresServer.ADMIN, named("ALTER ROLE {o} NOLOGIN"));
    assertThat(database.cli().run("verify").lastLine())
        .startsWith("unhealthy: reachable: the server rejected the credentials: ")
        .contains("not permitted to log in");
    assertThat(database.cli().run("roles")).exited(ExitCode.OK);
    assertThat(database.cli().run("verify")).answers("healthy");
  }

  @Test
  void anOwnerThatMayNotReadTheHistoryIsFoundByVerifyAndRepairedByRoles() throws Exception {
    database.execute(PostgresServer.ADMIN, "ALTER TABLE flyway_schema_history OWNER TO postgres");
    CliResult found = database.cli().run("verify");
    assertThat(found).exited(ExitCode.FAILED);
    assertThat(found.lastLine())
        .startsWith("unhealthy: migrations: ")
        .contains("permission denied for table flyway_schema_history");
    assertThat(database.cli().run("roles")).exited(ExitCode.OK);
    assertThat(database.cli().run("verify")).answers("healthy");
  }

  @Test
  void withoutAdminCredentialsTheOwnerRepairsWhatItMayAndElseNothingIsPublished() throws Exception {
    database.execute(
        PostgresServer.ADMIN,
        named("REVOKE UPDATE ON users FROM {s}; ALTER ROLE {s} CREATEDB CREATEROLE"));
    Path file = directory.resolve("connection.env");
    Cli withoutAdmin = database.cli().without("LEARNFLOW_DB_ADMIN_USER");
    CliResult result = withoutAdmin.run("run", "--publish-to", "file:" + file);
    assertThat(result)
        .exited(ExitCode.REFUSED)
        .says(
            "roles    no admin credentials (--admin-user): the owner does what it can",
            named("roles    GRANT UPDATE ON public.users TO {s}"),
            named("{s} is not NOCREATEDB NOCREATEROLE"),
            "nothing was migrated, seeded or published",
            named("ALTER ROLE {s} NOCREATEDB NOCREATEROLE;"));
    assertThat(file).doesNotExist();
    assertThat(withoutAdmin.run("verify").lastLine())
        .isEqualTo(
            named(
                "unhealthy: rights: {s} is not NOCREATEDB NOCREATEROLE; repair as an admin: ALTER ROLE"
                    + " {s} NOCREATEDB NOCREATEROLE;"));
    assertThat(withoutAdmin.run("roles")).exited(ExitCode.REFUSED);

    assertThat(database.cli().run("run", "--publish-to", "file:" + file))
        .exited(ExitCode.OK)
        .answers("healthy");
    assertThat(file).exists();
  }

  private static String named(String text) {
    return text.replace("{d}", database.name())
        .replace("{o}", database.owner())
        .replace("{s}", database.service());
  }
}

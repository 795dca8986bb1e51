package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Services with roles of their own: each has exactly the rights that are written down for it. */
class RightsOfServicesTest {
  @TempDir private static Path directory;
  private static TestDatabase database;
  private static Cli cli;

  @BeforeAll
  static void deploy() throws IOException {
    database = TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory);
    TestFiles.write(
        directory.resolve("services.csv"),
        """
        service,relation,privileges,columns
        # Progress reads users, and corrects their names.
        progress,public.progress,SELECT INSERT UPDATE,
        progress,users,SELECT,
        progress,users,UPDATE,email username
        triage,compat.struggles,SELECT INSERT,
        triage,compat.struggles,UPDATE,concept_name
        """);
    TestFiles.write(
        directory.resolve("services.json"),
        """
        [{"name": "progress", "role": "%1$s_progress", "connectionLimit": 20,
          "settings": {"statement_timeout": "30s", "search_path": "public,compat"}},
         {"name": "triage", "role": "%1$s_triage"}]
        """
            .formatted(database.service()));
    Path passwords = Files.createDirectory(directory.resolve("service-passwords"));
    for (String service : List.of("progress", "triage")) {
      TestFiles.write(
          passwords.resolve("service-%s-password".formatted(service)), "secret-" + service);
    }
    cli =
        database
            .cli()
            .with("LEARNFLOW_DB_APP_USER", "none")
            .with("LEARNFLOW_DB_SERVICES", directory.resolve("services.json").toString())
            .with("LEARNFLOW_DB_SERVICE_PASSWORDS", passwords.toString())
            .with("LEARNFLOW_DB_SERVICE_RIGHTS", directory.resolve("services.csv").toString());
    assertThat(cli.run("run")).exited(ExitCode.OK);
  }

  /** {p}, {t}, {o} and {d} stand for the roles of progress and triage, the owner, the database. */
  private static String named(String text) {
    return text.replace("{p}", database.service() + "_progress")
        .replace("{t}", database.service() + "_triage")
        .replace("{o}", database.owner())
        .replace("{d}", database.name());
  }

  @Test
  void eachServiceMayDoExactlyWhatIsWritten() throws Exception {
    assertThat(
            database.query(
                named(
                    """
                    SELECT concat_ws(' ', grantee, privilege_type, table_schema || '.' || table_name)
                    FROM information_schema.table_privileges WHERE grantee IN ('{p}', '{t}') ORDER BY 1
                    """)))
        .containsExactlyElementsOf(
            List.of(
                named("{p} INSERT public.progress"),
                named("{p} SELECT public.progress"),
                named("{p} SELECT public.users"),
                named("{p} UPDATE public.progress"),
                named("{t} INSERT compat.struggles"),
                named("{t} SELECT compat.struggles")));
    assertThat(
            database.query(
                named(
                    """
                    SELECT concat_ws(' ', grantee, table_name, column_name) FROM information_schema.column_privileges
                    WHERE grantee IN ('{p}', '{t}') AND privilege_type = 'UPDATE' AND table_name <> 'progress' ORDER BY 1
                    """)))
        .containsExactly(
            named("{p} users email"),
            named("{p} users username"),
            named("{t} struggles concept_name"));
    assertThat(cli.run("run")).exited(ExitCode.OK).says("nothing to do");
    assertThat(cli.run("verify")).exited(ExitCode.OK).answers("healthy");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          REVOKE INSERT ON progress FROM {p}                   | {p} may not insert public.progress          | GRANT INSERT ON public.progress TO {p}
          GRANT DELETE ON progress TO {p}                      | {p} may delete public.progress              | REVOKE DELETE ON public.progress FROM PUBLIC, {p}
          GRANT SELECT ON progress TO {t}                      | {t} may select public.progress              | REVOKE SELECT ON public.progress FROM PUBLIC, {t}
          GRANT SELECT (email) ON users TO {t}                 | {t} may select public.users                 | REVOKE SELECT ON public.users FROM PUBLIC, {t}
          REVOKE UPDATE (email) ON users FROM {p}              | {p} may not update email of public.users    | GRANT UPDATE (email) ON public.users TO {p}
          GRANT UPDATE (role, id) ON users TO {p}              | {p} may update id, role of public.users     | REVOKE UPDATE (id, role) ON public.users FROM PUBLIC, {p}
          GRANT UPDATE ON users TO {p}                         | {p} may update public.users                 | REVOKE UPDATE ON public.users FROM PUBLIC, {p}
          REVOKE USAGE ON SCHEMA compat FROM {t}               | {t} may not use schema compat               | GRANT USAGE ON SCHEMA compat TO {t}
          GRANT USAGE ON SCHEMA compat TO {p}                  | {p} may use schema compat                   | REVOKE ALL ON SCHEMA compat FROM PUBLIC, {p}
          GRANT USAGE ON SEQUENCE users_id_seq TO {p}          | {p} may usage sequence public.users_id_seq  | REVOKE USAGE ON SEQUENCE public.users_id_seq FROM PUBLIC, {p}
          ALTER ROLE {p} CONNECTION LIMIT 5                    | {p} may not have exactly 20 connections     | ALTER ROLE {p} CONNECTION LIMIT 20
          ALTER ROLE {p} IN DATABASE {d} SET statement_timeout = '1h' | {p} does not have statement_timeout=30s | ALTER ROLE {p} IN DATABASE "{d}" SET statement_timeout = '30s'
          ALTER ROLE {p} IN DATABASE {d} RESET search_path     | {p} does not have search_path=public, compat | ALTER ROLE {p} IN DATABASE "{d}" SET search_path = 'public', 'compat'
          ALTER ROLE {t} CREATEDB                              | {t} is not NOCREATEDB                       | ALTER ROLE {t} NOCREATEDB
          REVOKE {t} FROM {o}                                  | {o} is not a member of {t}                  | GRANT {t} TO {o} WITH INHERIT TRUE, SET TRUE
          GRANT {p} TO {t}                                     | {t} is a member of {p}                      | REVOKE {p} FROM {t}
          ALTER DEFAULT PRIVILEGES FOR ROLE {o} GRANT SELECT ON TABLES TO {p} | {p} gets select on tables that {o} creates later | ALTER DEFAULT PRIVILEGES FOR ROLE {o} REVOKE SELECT ON TABLES FROM {p}
          """)
  void aWrongRightIsNamedByVerifyWithItsRepairAndRepairedByRoles(
      String byHand, String finding, String repair) throws Exception {
    database.execute(PostgresServer.ADMIN, named(byHand));
    CliResult found = cli.run("verify");
    assertThat(found).exited(ExitCode.FAILED);
    assertThat(found.lastLine()).startsWith("unhealthy: rights: " + named(finding));
    assertThat(found.lastLine()).endsWith("; repair as an admin: " + named(repair) + ";");

    assertThat(cli.run("roles")).exited(ExitCode.OK).says("roles    " + named(repair));
    assertThat(cli.run("verify")).exited(ExitCode.OK).answers("healthy");
    assertThat(cli.run("roles")).exited(ExitCode.OK).answers("nothing to do");
  }

  /** A table that a migration adds belongs to no service until somebody writes it down. */
  @Test
  void aNewTableIsNobodysAndASerialColumnNeedsNoLineOfItsOwn(@TempDir Path folder)
      throws Exception {
    database.execute(
        database.owner(), "CREATE TABLE honours (id serial PRIMARY KEY, name text NOT NULL)");
    try {
      assertThat(cli.run("roles")).exited(ExitCode.OK).answers("nothing to do");
      Path rights = folder.resolve("services.csv");
      TestFiles.write(
          rights,
          """
          service,relation,privileges,columns
          progress,public.progress,SELECT INSERT UPDATE,
          progress,users,SELECT,
          progress,users,UPDATE,email username
          progress,honours,SELECT INSERT,
          triage,compat.struggles,SELECT INSERT,
          triage,compat.struggles,UPDATE,concept_name
          """);
      Cli more = cli.with("LEARNFLOW_DB_SERVICE_RIGHTS", rights.toString());
      assertThat(more.run("roles")).exited(ExitCode.OK);
      database.execute(
          database.owner(),
          named("SET ROLE {p}; INSERT INTO public.honours (name) VALUES ('first'); RESET ROLE"));
      assertThat(cli.run("roles")).exited(ExitCode.OK);
      assertThat(database.query(named("SELECT has_table_privilege('{p}', 'honours', 'INSERT')")))
          .containsExactly("f");
    } finally {
      database.execute(database.owner(), "DROP TABLE honours");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          progress,users,SELEKT,             | "SELEKT" is not one of SELECT, INSERT, UPDATE and DELETE | line 2
          progress,users,TRUNCATE,           | "TRUNCATE" is not one of                                 | line 2
          progress,users; DROP TABLE x,SELECT,| is not a table                                          | line 2
          progress,users,,                   | no privilege is named                                    | line 2
          progress,users,DELETE,email        | rows are deleted whole                                   | line 2
          """)
  void aLineThatSaysNothingThatCanBeGrantedIsRefused(
      String line, String what, String where, @TempDir Path folder) throws Exception {
    Path rights = folder.resolve("services.csv");
    TestFiles.write(rights, "service,relation,privileges,columns\n" + line + "\n");
    assertThat(cli.with("LEARNFLOW_DB_SERVICE_RIGHTS", rights.toString()).run("roles"))
        .exited(ExitCode.USAGE)
        .says(what, where, "nothing was changed");
  }
}

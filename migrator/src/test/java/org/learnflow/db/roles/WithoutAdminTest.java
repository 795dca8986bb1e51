package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.Pages;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * A database without admin credentials: what docs/how-to/external-database.md has an admin run is
 * enough, the owner does the rest, and what it may not do is said as SQL.
 */
class WithoutAdminTest {
  private static final Pattern STATEMENT = Pattern.compile("[^;]+;");

  @TempDir private Path folder = Path.of("");

  /** The page's lines, one by one, as whoever pastes them sends them. */
  private static List<String> lines() {
    return STATEMENT
        .matcher(Pages.blocks("how-to/external-database.md", "sql").getFirst())
        .results()
        .map(line -> line.group().strip())
        .toList();
  }

  /** The names that the page uses, with the passwords that stand in it. */
  private TestDatabase ofThePage(PostgresServer server) {
    TestDatabase database =
        TestDatabase.named(server, "learnflow", "learnflow_owner", "learnflow_user", folder);
    TestFiles.write(database.passwords().file(database.owner()), "...\n");
    TestFiles.write(database.passwords().file(database.service()), "...\n");
    return database;
  }

  private static Cli withoutAdmin(TestDatabase database) {
    return database
        .cli()
        .without("LEARNFLOW_DB_ADMIN_USER")
        .without("LEARNFLOW_DB_ADMIN_PASSWORD_FILE")
        .with("LEARNFLOW_DB_SEEDS", "reference,sample");
  }

  /**
   * As one who may make roles and databases, which is what managed servers give, or as superuser.
   */
  @ParameterizedTest
  @CsvSource({"15, dba", "16, dba", "17, dba", "18, dba", "15, postgres", "18, postgres"})
  void whatThePageHasAnAdminRunIsEnough(int major, String admin) throws Exception {
    try (OwnServer server = OwnServer.start(folder.resolve("server"), major)) {
      TestDatabase database = ofThePage(server.server());
      onServer(
          database,
          PostgresServer.ADMIN,
          List.of("CREATE ROLE dba LOGIN CREATEROLE CREATEDB PASSWORD 'dba'"));
      onServer(database, admin, lines());

      Path file = folder.resolve("connection.env");
      CliResult run = withoutAdmin(database).run("run", "--publish-to", "file:" + file);
      assertThat(run)
          .exited(ExitCode.OK)
          .says("roles    ALTER SCHEMA public OWNER TO learnflow_owner")
          .answers("healthy");
      assertThat(file).exists();
      assertThat(withoutAdmin(database).run("roles")).exited(ExitCode.OK).answers("nothing to do");
      assertThat(withoutAdmin(database).run("verify")).exited(ExitCode.OK).answers("healthy");
      // An admin that is given later has nothing to do either, though the roles are not its own.
      Path password = TestFiles.write(folder.resolve("dba"), "dba");
      assertThat(
              database
                  .cli()
                  .with("LEARNFLOW_DB_ADMIN_USER", "dba")
                  .with("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", password.toString())
                  .run("roles"))
          .exited(ExitCode.OK)
          .answers("nothing to do");
    }
  }

  /** From 16 on CREATEROLE is a right over roles that one has made, or was given. */
  @ParameterizedTest
  @ValueSource(ints = {16, 17, 18})
  void anAdminThatMayNotChangeRolesOfSomebodyElsesSaysWhatIsLeft(int major) throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), folder).withRoles();
    String dba = "dba_of_" + database.name();
    Path password = TestFiles.write(folder.resolve(dba), dba);
    onServer(
        database,
        PostgresServer.ADMIN,
        List.of(
            "CREATE ROLE %1$s LOGIN CREATEROLE CREATEDB PASSWORD '%1$s'".formatted(dba),
            "GRANT CONNECT ON DATABASE postgres TO " + dba,
            "ALTER ROLE %s CREATEDB".formatted(database.service())));
    database.execute(
        PostgresServer.ADMIN, "REVOKE USAGE ON SCHEMA public FROM PUBLIC, " + database.service());
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_ADMIN_USER", dba)
            .with("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", password.toString());
    CliResult refused = cli.run("roles");
    assertThat(refused)
        .exited(ExitCode.REFUSED)
        .says(dba + " cannot fix this: %s is not NOCREATEDB".formatted(database.service()));
    database.execute(PostgresServer.ADMIN, sql(refused, "ALTER ROLE"));
    assertThat(cli.run("roles"))
        .exited(ExitCode.OK)
        .says("roles    GRANT USAGE ON SCHEMA public TO " + database.service());
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
  }

  /** With each line left out: what is missing is named, and what is printed puts it right. */
  @ParameterizedTest
  @ValueSource(ints = {15, 18})
  void withALineLessTheMessageSaysWhich(int major) throws Exception {
    try (OwnServer server = OwnServer.start(folder.resolve("server"), major)) {
      TestDatabase database = ofThePage(server.server());
      Cli cli = withoutAdmin(database);
      List<String> lines = lines();
      onServer(database, PostgresServer.ADMIN, List.of(line(lines, "CREATE ROLE learnflow_owner")));
      CliResult noDatabase = cli.run("run");
      assertThat(noDatabase).exited(ExitCode.NOT_DEPLOYED);
      onServer(database, PostgresServer.ADMIN, List.of(sql(noDatabase, "CREATE DATABASE")));

      CliResult noServiceRole = cli.run("run");
      assertThat(noServiceRole)
          .exited(ExitCode.REFUSED)
          .says("there is no role learnflow_user", "nothing was migrated");
      onServer(database, PostgresServer.ADMIN, List.of(first(sql(noServiceRole, "CREATE ROLE"))));

      CliResult noMember = cli.run("run");
      assertThat(noMember)
          .exited(ExitCode.REFUSED)
          .says("learnflow_owner is not a member of learnflow_user", "nothing was migrated");
      assertThat(database.query("SELECT to_regclass('flyway_schema_history') IS NULL"))
          .containsExactly("t");
      onServer(database, PostgresServer.ADMIN, List.of(sql(noMember, "GRANT learnflow_user")));

      assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
    }
  }

  @Test
  void aDatabaseThatIsSomebodyElsesIsToBeGivenToTheOwner() throws Exception {
    try (OwnServer server =
        OwnServer.start(folder.resolve("server"), PostgresServers.DEFAULT_MAJOR)) {
      TestDatabase database = ofThePage(server.server());
      onServer(
          database,
          PostgresServer.ADMIN,
          lines().stream().map(line -> line.replace(" OWNER learnflow_owner", "")).toList());
      CliResult run = withoutAdmin(database).run("run");
      assertThat(run).exited(ExitCode.USAGE);
      onServer(database, PostgresServer.ADMIN, List.of(sql(run, "ALTER DATABASE")));
      assertThat(withoutAdmin(database).run("run")).exited(ExitCode.OK).answers("healthy");
    }
  }

  /** Many things at once, with names that need quotes: what is printed is whole, and it works. */
  @Test
  void whatOnlyAnAdminMayDoIsPrintedWholeAndCanBePasted() throws Exception {
    TestDatabase plain =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), folder);
    TestDatabase database =
        TestDatabase.named(
            plain.server(),
            plain.name(),
            "Owner \"of\" " + plain.name(),
            "service; of " + plain.name(),
            folder);
    Cli admin =
        database
            .cli()
            .with(
                "LEARNFLOW_DB_DATABASE",
                "postgresql://Owner%%20%%22of%%22%%20%s@%s:%d/%s"
                    .formatted(
                        plain.name(),
                        plain.server().host(),
                        plain.server().port(),
                        database.name()));
    Cli cli = admin.without("LEARNFLOW_DB_ADMIN_USER").with("LEARNFLOW_DB_SEEDS", "none");
    assertThat(admin.run("run")).exited(ExitCode.OK);
    database.execute(
        PostgresServer.ADMIN,
        """
        ALTER SCHEMA compat OWNER TO postgres;
        REVOKE SELECT, UPDATE ON users FROM {s}; REVOKE ALL ON SEQUENCE users_id_seq FROM {s};
        ALTER ROLE {s} CREATEDB CREATEROLE; GRANT pg_signal_backend TO {s};
        ALTER TABLE exercises OWNER TO postgres;
        """
            .replace("{s}", '"' + database.service() + '"'));
    CliResult run = cli.run("run");
    assertThat(run)
        .exited(ExitCode.REFUSED)
        .says(
            "roles    GRANT SELECT, UPDATE ON public.users TO \"" + database.service() + '"',
            "roles    GRANT USAGE, SELECT ON SEQUENCE public.users_id_seq TO",
            "is a member of pg_signal_backend",
            "is not NOCREATEDB NOCREATEROLE",
            "schema compat is not owned by",
            "public.exercises is not owned by",
            "nothing was migrated");
    String next = sql(run, "ALTER ROLE");
    assertThat(next)
        .isEqualTo(
            """
            ALTER ROLE {s} NOCREATEDB NOCREATEROLE; REVOKE pg_signal_backend FROM {s}; \
            ALTER SCHEMA compat OWNER TO {o}; ALTER TABLE public.exercises OWNER TO {o};\
            """
                .replace("{s}", '"' + database.service() + '"')
                .replace("{o}", '"' + database.owner().replace("\"", "\"\"") + '"'));
    assertThat(cli.run("roles")).exited(ExitCode.REFUSED).says(next);
    database.execute(PostgresServer.ADMIN, next);
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
  }

  private static String line(List<String> lines, String beginning) {
    return lines.stream().filter(line -> line.startsWith(beginning)).findFirst().orElseThrow();
  }

  /** The statements that {@code next} tells to run, from the first that begins so. */
  private static String sql(CliResult result, String beginning) {
    String next = result.err().substring(result.err().lastIndexOf("next:  "));
    assertThat(next).contains(beginning);
    return next.substring(next.indexOf(beginning), next.lastIndexOf(';') + 1);
  }

  private static String first(String statements) {
    return statements.substring(0, statements.indexOf(';'));
  }

  /** Each line by itself, as psql does. */
  private static void onServer(TestDatabase database, String role, List<String> lines)
      throws SQLException {
    String password =
        role.equals(PostgresServer.ADMIN) ? database.server().adminPassword().value() : role;
    try (Connection connection =
            DriverManager.getConnection(
                "jdbc:postgresql://%s:%d/postgres"
                    .formatted(database.server().host(), database.server().port()),
                role,
                password);
        Statement statement = connection.createStatement()) {
      for (String line : lines) {
        statement.execute(line);
      }
    }
  }
}

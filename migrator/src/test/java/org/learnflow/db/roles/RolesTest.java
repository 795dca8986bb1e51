package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** The roles step makes what is missing, sets what is wrong, and writes nothing else. */
@ExtendWith(PostgresExtension.class)
class RolesTest {
  @Test
  void aSecondRunWritesNothing(TestDatabase database) throws Exception {
    database.migrated();
    List<String> before = written(database);
    assertThat(database.cli().run("roles")).exited(ExitCode.OK).answers("nothing to do");
    assertThat(written(database)).isEqualTo(before);
  }

  @Test
  void aChangedPasswordIsSetAndAnUnchangedOneIsNotWrittenAgain(
      TestDatabase database, @TempDir Path directory) throws Exception {
    database.withRoles();
    List<String> before = written(database);
    Path changed = TestFiles.write(directory.resolve("changed"), "n€w p'ss\\word²\n");
    Cli cli = database.cli().with("LEARNFLOW_DB_APP_PASSWORD_FILE", changed.toString());
    assertThat(cli.run("roles"))
        .exited(ExitCode.OK)
        .says("roles    set the password of " + database.service())
        .answers("done: 1 changes");
    List<String> after = written(database);
    assertThat(after).isNotEqualTo(before);
    assertThat(cli.run("roles")).exited(ExitCode.OK).answers("nothing to do");
    assertThat(written(database)).isEqualTo(after);

    Cli asService =
        cli.with("LEARNFLOW_DB_PASSWORD_FILE", changed.toString())
            .with(
                "LEARNFLOW_DB_DATABASE",
                database.uri().replace(database.owner(), database.service()));
    assertThat(asService.run("wait")).exited(ExitCode.OK);
  }

  /** Every row that roles may write, with the transaction that wrote it last. */
  private static List<String> written(TestDatabase database) throws SQLException {
    return database.query(
        PostgresServer.ADMIN,
        """
        SELECT format('%%s %%s %%s', tableoid::regclass, oid, xmin) FROM pg_authid WHERE rolname IN ('%1$s', '%2$s')
        UNION ALL SELECT format('%%s %%s %%s', tableoid::regclass, oid, xmin) FROM pg_database WHERE datname = '%3$s'
        UNION ALL SELECT format('%%s %%s %%s %%s', tableoid::regclass, roleid, member, xmin) FROM pg_auth_members
        UNION ALL SELECT format('%%s %%s %%s', tableoid::regclass, oid, xmin) FROM pg_class WHERE oid >= 16384
        UNION ALL SELECT format('%%s %%s %%s', tableoid::regclass, oid, xmin) FROM pg_namespace
        UNION ALL SELECT format('%%s %%s %%s', tableoid::regclass, oid, xmin) FROM pg_default_acl
        ORDER BY 1
        """
            .formatted(database.owner(), database.service(), database.name()));
  }

  /** Whose are the system's own schemas, too. */
  @ParameterizedTest
  @ValueSource(ints = {15, 18})
  void anOwnerThatIsTheServersSuperuserGivesNoRightsOnSystemTables(
      int major, @TempDir Path directory) throws Exception {
    TestDatabase database =
        TestDatabase.named(
            PostgresServers.shared(major),
            "of_superuser",
            PostgresServer.ADMIN,
            "service_of_superuser",
            directory);
    assertThat(database.cli().run("run")).exited(ExitCode.OK).answers("healthy");
    assertThat(database.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
    assertThat(
            database.query(
                "SELECT oid::regclass::text FROM pg_class WHERE oid < 16384 AND relacl::text LIKE '%service%'"))
        .isEmpty();
  }

  /** As on managed servers, where nobody gets a superuser. */
  @EverySupportedVersion
  void anAdminThatMayOnlyMakeRolesAndDatabasesIsEnough(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory);
    String admin = "admin of " + database.name();
    Path password = TestFiles.write(directory.resolve("admin"), "admin-password");
    onServer(
        database,
        "CREATE ROLE \"%1$s\" LOGIN CREATEROLE CREATEDB PASSWORD 'admin-password'; %2$s"
            .formatted(admin, mayConnect("\"%s\"".formatted(admin))));
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_ADMIN_USER", admin)
            .with("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", password.toString());
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
    List<String> before = written(database);
    assertThat(cli.run("roles")).exited(ExitCode.OK).answers("nothing to do");
    assertThat(written(database)).isEqualTo(before);

    Path changed = TestFiles.write(directory.resolve("changed"), "changed");
    assertThat(cli.run("roles", "--app-password-file", changed.toString()))
        .answers("done: 1 changes");
    onServer(database, "ALTER ROLE %s CREATEDB".formatted(database.service()));
    database.execute(
        PostgresServer.ADMIN,
        "REVOKE SELECT ON users FROM %1$s; GRANT CREATE ON SCHEMA public TO %1$s"
            .formatted(database.service()));
    assertThat(cli.run("roles", "--app-password-file", changed.toString()))
        .exited(ExitCode.OK)
        .answers("done: 3 changes");
    assertThat(cli.run("verify", "--app-password-file", changed.toString()))
        .exited(ExitCode.OK)
        .answers("healthy");
    assertThat(cli.run("verify").lastLine())
        .startsWith(
            "unhealthy: login: %s cannot log in with its password".formatted(database.service()));
  }

  @Test
  void namesThatNeedQuotingWorkFromEndToEnd(TestDatabase plain) {
    String odd = "O'dd \"näme\" %s; -- $1";
    TestDatabase database =
        new TestDatabase(
            plain.server(),
            odd.formatted("db " + plain.name()),
            odd.replace("'", "").formatted("owner"), // Flyway cannot cope with a ' there
            odd.formatted("service"),
            plain.passwords());
    Cli cli =
        plain
            .cli()
            .with(
                "LEARNFLOW_DB_DATABASE",
                new org.learnflow.db.connect.DatabaseAddress(
                        plain.server().host(),
                        plain.server().port(),
                        database.name(),
                        database.owner(),
                        org.learnflow.db.connect.SslMode.DEFAULT,
                        java.util.Optional.empty())
                    .toString())
            .with("LEARNFLOW_DB_APP_USER", database.service())
            .with("LEARNFLOW_DB_SEEDS", "reference,sample");
    assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
    assertThat(cli.run("run").out()).startsWith("nothing to do");
    assertThat(cli.run("status")).exited(ExitCode.OK);
  }

  @Test
  void withoutAdminCredentialsTheOwnerSeesThatNothingIsToDo(TestDatabase database) {
    database.withRoles();
    CliResult result = database.cli().without("LEARNFLOW_DB_ADMIN_USER").run("run");
    assertThat(result)
        .exited(ExitCode.OK)
        .says("roles    up to date, nothing to do")
        .answers("healthy");
  }

  @Test
  void theAdminComesOnlyWhereSomethingIsToDo(TestDatabase database, @TempDir Path directory)
      throws Exception {
    assertThat(database.cli().run("run")).exited(ExitCode.OK);
    Path wrong = TestFiles.write(directory.resolve("wrong"), "wrong");
    Cli cli = database.cli().with("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", wrong.toString());
    assertThat(cli.run("roles")).exited(ExitCode.OK).answers("nothing to do");
    onServer(database, "ALTER ROLE %s CREATEDB".formatted(database.service()));
    assertThat(cli.run("roles")).exited(ExitCode.CREDENTIALS_REFUSED);
    assertThat(database.cli().run("roles")).answers("done: 1 changes");
  }

  @Test
  void eightAtOnceAllSucceedOnAnEmptyServerAndWithNewPasswords(
      TestDatabase database, @TempDir Path directory) {
    assertEightSucceed(database.cli());
    assertThat(database.cli().run("roles")).answers("nothing to do");
    Path changed = TestFiles.write(directory.resolve("changed"), "changed");
    Cli newPasswords =
        database
            .cli()
            .with("LEARNFLOW_DB_PASSWORD_FILE", changed.toString())
            .with("LEARNFLOW_DB_APP_PASSWORD_FILE", changed.toString());
    assertEightSucceed(newPasswords);
    assertThat(newPasswords.run("roles")).answers("nothing to do");
  }

  private static void assertEightSucceed(Cli cli) {
    List<CompletableFuture<CliResult>> running =
        Stream.generate(() -> cli.runInBackground("roles")).limit(8).toList();
    for (CompletableFuture<CliResult> result : running) {
      assertThat(result.join()).exited(ExitCode.OK);
    }
    assertThat(running.stream().map(CompletableFuture::join)).anyMatch(CliResult::waitedForAnother);
  }

  @Test
  void anAdminThatMayNotMakeRolesIsToldSoWithTheStateAndWhatToDo(TestDatabase database)
      throws Exception {
    String poor = "poor_" + database.owner();
    onServer(database, "CREATE ROLE %s LOGIN PASSWORD 'x'; %s".formatted(poor, mayConnect(poor)));
    Path password = TestFiles.write(database.passwords().file("poor"), "x");
    assertThat(
            database
                .cli()
                .with("LEARNFLOW_DB_ADMIN_USER", "poor_" + database.owner())
                .with("LEARNFLOW_DB_ADMIN_PASSWORD_FILE", password.toString())
                .run("roles"))
        .exited(ExitCode.FAILED)
        .says("permission denied to create role", "SQLSTATE 42501", "state: ", "next: ");
  }

  /** A release on the same server takes that from PUBLIC. */
  private static String mayConnect(String role) {
    return "GRANT CONNECT ON DATABASE postgres TO " + role;
  }

  private static void onServer(TestDatabase database, String sql) throws SQLException {
    try (var connection = database.connect(PostgresServer.ADMIN, "postgres");
        var statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}

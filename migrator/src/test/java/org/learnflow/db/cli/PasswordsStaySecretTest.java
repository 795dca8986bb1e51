package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.connect.PercentEncoding;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;
import org.learnflow.db.testing.TestRelease;

/** No password is printed, logged, or put in a process argument, however a command ends. */
class PasswordsStaySecretTest {
  /** Part of every password here; no encoding or quoting changes it. */
  private static final String MARK = "Kern4711";

  private static final String ODD = "'\"\\%+ :/@?#[]&=$`{}~ü²€";

  @TempDir private static Path directory;
  private static OwnServer server;
  private static TestDatabase database;

  @BeforeAll
  static void start() {
    TestFiles.write(directory.resolve("server/passwords/postgres"), "admin" + ODD + MARK);
    server =
        OwnServer.start(
            directory.resolve("server"),
            PostgresServers.DEFAULT_MAJOR,
            "log_statement = 'all'",
            "log_min_duration_statement = 0",
            "log_parameter_max_length = -1",
            "log_connections = on",
            "log_error_verbosity = verbose");
    database = server.database();
    TestFiles.write(database.passwords().file(database.owner()), "owner" + ODD + MARK);
    TestFiles.write(database.passwords().file(database.service()), "service" + ODD + MARK);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Test
  void noOutputAndNoServerLogHoldsAPassword() {
    String env = "file:" + directory.resolve("connection.env");
    Cli cli =
        database
            .cli()
            .with("LEARNFLOW_DB_SEEDS", "reference,sample")
            .with("LEARNFLOW_DB_PUBLISH_TO", env);
    String encoded = PercentEncoding.encode("owner" + ODD + MARK);
    Cli byUrl =
        cli.without("LEARNFLOW_DB_DATABASE")
            .without("LEARNFLOW_DB_PASSWORD_FILE")
            .with("DATABASE_URL", database.uri().replace("@", ":" + encoded + "@"));
    Path wrong = TestFiles.write(directory.resolve("wrong"), "wrong" + ODD + MARK);
    Path migrations = directory.resolve("migrations");
    TestFiles.write(migrations.resolve("V1__fail.sql"), "SELECT 1 / 0;\n");
    Path seeds = directory.resolve("seeds");
    TestFiles.write(seeds.resolve("reference/01_users.csv"), "nonsense\n1\n");

    List<CliResult> results = new ArrayList<>();
    for (String output : new String[] {"text", "json"}) {
      Cli all = cli.with("LEARNFLOW_DB_OUTPUT", output).with("LEARNFLOW_DB_VERBOSE", "true");
      Cli url = byUrl.with("LEARNFLOW_DB_OUTPUT", output).with("LEARNFLOW_DB_VERBOSE", "true");
      add(results, ExitCode.OK, all.run("run", "--publish-to", env));
      for (String command :
          new String[] {
            "run",
            "roles",
            "wait",
            "migrate",
            "plan",
            "seed",
            "verify",
            "publish",
            "reconcile",
            "status",
            "connection",
            "drift"
          }) {
        add(results, ExitCode.OK, all.run(command));
        add(results, ExitCode.OK, url.run(command));
      }
      add(results, ExitCode.OK, url.run("rollback", "--to", "8", "--yes", "--no-backup"));
      add(results, ExitCode.OK, all.run("run"));
      add(results, ExitCode.OK, all.run("roles", "--app-password-file", wrong.toString()));
      add(results, ExitCode.OK, all.run("roles"));
      add(
          results,
          ExitCode.CREDENTIALS_REFUSED,
          url.run("wait", "--password-file", wrong.toString()));
      add(
          results,
          ExitCode.CREDENTIALS_REFUSED,
          url.run(
              "run",
              "--app-password-file",
              wrong.toString(),
              "--admin-password-file",
              wrong.toString()));
      add(results, ExitCode.FAILED, all.run("verify", "--password-file", wrong.toString()));
      add(results, ExitCode.PUBLISHING_FAILED, url.run("publish", "--publish-to", "file:/none/x"));
      add(
          results,
          ExitCode.HISTORY_DIFFERS,
          all.run("migrate", "--migrations", migrations.toString()));
      add(
          results,
          ExitCode.SEEDING_FAILED,
          all.run("seed", "--seeds", "reference", "--seeds-dir", seeds.toString()));
      for (String bad :
          new String[] {
            "postgresql://u:" + encoded + "@unknown.invalid/d",
            "postgresql://u:" + ODD + MARK + "@h/d",
            "postgresql://u:" + encoded + "@h/d?application_name=x"
          }) {
        CliResult result = url.with("DATABASE_URL", bad).run("run", "--timeout", "0");
        assertThat(result.exitCode()).isIn(2, 4);
        results.add(result);
      }
    }

    for (CliResult result : results) {
      assertThat(result.all()).doesNotContain(MARK);
    }
    assertThat(server.log())
        .anyMatch(line -> line.contains("CREATE ROLE"))
        .anyMatch(line -> line.contains("ALTER ROLE"))
        .noneMatch(line -> line.contains(MARK));
  }

  /** The new ones are made by the program, so all that were ever in the Secret are looked for. */
  @Test
  void aRotationShowsNeitherOldNorNewPasswords() throws Exception {
    ApiServer.requireWithoutNodes("that a rotation shows no password is");
    try (ApiServer cluster = ApiServer.withNamespace()) {
      TestRelease release = TestRelease.on(cluster, server.database());
      Cli cli = release.cli().with("LEARNFLOW_DB_VERBOSE", "true");
      Set<String> passwords = new TreeSet<>(release.credentials().values());
      List<CliResult> results = new ArrayList<>();
      add(results, ExitCode.OK, cli.run("run"));
      for (String output : new String[] {"text", "json"}) {
        Cli all = cli.with("LEARNFLOW_DB_OUTPUT", output);
        String[] rotate = {"credentials", "rotate", "--yes", "--role", "app,owner,admin"};
        add(results, ExitCode.OK, all.run(rotate));
        passwords.addAll(release.credentials().values());
        add(results, ExitCode.REFUSED, all.run("credentials", "rotate"));
        release.put("app-password-next", "left" + ODD + MARK);
        passwords.addAll(release.credentials().values());
        add(results, ExitCode.FAILED, all.run("verify"));
        add(results, ExitCode.OK, all.run(rotate));
        release.put("app-password", "wrong" + ODD + MARK);
        add(results, ExitCode.CREDENTIALS_REFUSED, all.run(rotate));
        release.put("app-password", "left" + ODD + MARK);
      }
      assertThat(passwords).hasSizeGreaterThanOrEqualTo(8);
      for (CliResult result : results) {
        assertThat(passwords).noneMatch(result.all()::contains);
        assertThat(result.all()).doesNotContain(MARK);
      }
      assertThat(server.log())
          .anyMatch(line -> line.contains("ALTER ROLE \"" + release.admin()))
          // What the test itself made.
          .filteredOn(line -> !line.contains("SUPERUSER"))
          .noneMatch(line -> line.contains(MARK) || passwords.stream().anyMatch(line::contains));
    }
  }

  private static void add(List<CliResult> results, ExitCode expected, CliResult result) {
    assertThat(result).exited(expected);
    results.add(result);
  }

  @Test
  void onlyShowPasswordShowsTheOneOfTheServices() {
    CliResult shown = database.cli().run("connection", "--show-password");
    assertThat(shown.out().lines())
        .contains("Password: service" + ODD + MARK)
        .noneMatch(line -> line.contains("owner" + ODD));
    assertThat(shown.err()).doesNotContain(MARK);
  }

  @Test
  void noProcessArgumentHoldsAPassword() throws Exception {
    Cli.Running running =
        database
            .cli()
            .with("LEARNFLOW_DB_DATABASE", "postgresql://u@127.0.0.1:1/d")
            .with("LEARNFLOW_DB_ADMIN_USER", PostgresServer.ADMIN)
            .start("run", "--timeout", "60s");
    running.awaitOnStderr("refused");
    Path arguments = Path.of("/proc", String.valueOf(running.handle().pid()), "cmdline");
    String commandLine =
        Files.exists(arguments)
            ? Files.readString(arguments)
            : running.handle().info().commandLine().orElse("");
    assertThat(commandLine).contains("--timeout").doesNotContain(MARK);
    running.kill();
  }
}

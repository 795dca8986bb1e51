package org.learnflow.db.credentials;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/** Nothing is published that did not just log in. */
@ExtendWith(PostgresExtension.class)
class PublishedPasswordTest {
  @TempDir private Path folder = Path.of("");

  private Cli withoutAdmin(TestDatabase database) {
    return database
        .cli()
        .without("LEARNFLOW_DB_ADMIN_USER")
        .with("LEARNFLOW_DB_PUBLISH_TO", "file:" + published());
  }

  private Path published() {
    return folder.resolve("x.env");
  }

  private Cli withWrongPassword(TestDatabase database) {
    return withoutAdmin(database)
        .with(
            "LEARNFLOW_DB_APP_PASSWORD_FILE",
            TestFiles.write(folder.resolve("wrong"), "wrong").toString());
  }

  @Test
  void aWrongPasswordIsPublishedByNoCommand(TestDatabase database) {
    database.migrated();
    Cli wrong = withWrongPassword(database).with("LEARNFLOW_DB_SEEDS", "none");
    assertThat(wrong.run("run")).exited(ExitCode.FAILED).says("login: ", "publish  not done");
    assertThat(wrong.run("verify").lastLine())
        .startsWith(
            "unhealthy: login: %s cannot log in with its password: ".formatted(database.service()))
        .contains("--app-password-file");
    assertThat(wrong.run("reconcile")).exited(ExitCode.FAILED);
    assertThat(wrong.run("publish"))
        .exited(ExitCode.CREDENTIALS_REFUSED)
        .says("nothing is published, because %s could not log in".formatted(database.service()));
    assertThat(wrong.run("rollback", "--to", "8", "--no-backup", "--yes")).exited(ExitCode.FAILED);
    assertThat(published()).doesNotExist();

    assertThat(withoutAdmin(database).with("LEARNFLOW_DB_SEEDS", "none").run("run"))
        .exited(ExitCode.OK);
    assertThat(published()).content().contains(database.password(database.service()).value());
  }

  /** The server has accepted the password before it counts the role's connections. */
  @Test
  void aServiceAtItsConnectionLimitIsNotSaidToHaveAWrongPassword(TestDatabase database)
      throws Exception {
    database.migrated();
    Cli cli = withoutAdmin(database).with("LEARNFLOW_DB_SEEDS", "none");
    assertThat(cli.run("run")).exited(ExitCode.OK);
    database.execute(
        PostgresServer.ADMIN, "ALTER ROLE %s CONNECTION LIMIT 1".formatted(database.service()));
    try (Connection _ = database.connect(database.service())) {
      assertThat(cli.run("verify")).exited(ExitCode.OK).answers("healthy");
      assertThat(cli.run("verify").out())
          .contains("! login: %s has all connections it may have".formatted(database.service()))
          .contains("too many connections for role");
      assertThat(cli.run("publish")).exited(ExitCode.OK);
      assertThat(database.cli().run("roles")).exited(ExitCode.OK).answers("nothing to do");
    }
  }

  /** What a developer has at hand is the services' connection. */
  @Test
  void whoIsConnectedAsTheServicesRoleIsTold(TestDatabase database) {
    database.migrated();
    Cli mistaken =
        withoutAdmin(database)
            .with(
                "LEARNFLOW_DB_DATABASE",
                database.uri().replace(database.owner() + "@", database.service() + "@"))
            .with(
                "LEARNFLOW_DB_PASSWORD_FILE",
                database.passwords().file(database.service()).toString());
    for (String command :
        new String[] {
          "status", "verify", "migrate", "seed", "plan", "drift", "publish", "run", "reindex"
        }) {
      assertThat(mistaken.run(command))
          .exited(ExitCode.USAGE)
          .says(
              "you are connected as %s, which is the role of LearnFlow's services"
                  .formatted(database.service()),
              "connect as " + database.owner())
          .doesNotSay("permission denied");
    }
    assertThat(mistaken.run("wait")).exited(ExitCode.OK);
  }
}

package org.learnflow.db.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.Eventually;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;

/** {@code status --watch}: what changes is shown, and so is what fails. */
@ExtendWith(PostgresExtension.class)
class StatusWatchTest {
  private static final Duration MOST = Duration.ofSeconds(30);

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private volatile int exit = -1;

  @Test
  void itShowsWhatChangesUntilItIsEnded(TestDatabase database) throws Exception {
    Cli cli = database.withRoles().cli().with("LEARNFLOW_DB_WATCH", "true");
    cli.run("migrate", "--target", "8");
    Thread watching =
        Thread.ofPlatform()
            .start(() ->
                exit =
                    Main.execute(
                        new String[] {"status", "--watch"},
                        cli.environment(),
                        new PrintWriter(out),
                        new PrintWriter(err)));
    awaitShown("(8 applied)");
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    awaitShown("(9 applied)");

    allowConnections(database, false);
    try {
      awaitShown("error: ");
    } finally {
      allowConnections(database, true);
    }
    int failed = out.toString().lastIndexOf("error: ");
    Eventually.within(MOST, "it goes on", () -> out.toString().lastIndexOf("(9 applied)") > failed);

    watching.interrupt();
    watching.join(MOST);
    assertThat(exit).isEqualTo(ExitCode.OK.value());
    assertThat(out.toString()).as("no terminal").doesNotContain("\u001b");
  }

  private void awaitShown(String part) throws Exception {
    try {
      Eventually.within(MOST, part, () -> out.toString().contains(part));
    } catch (AssertionError e) {
      throw new AssertionError(
          "%s, exit code %d:%n%s%s".formatted(e.getMessage(), exit, out, err), e);
    }
  }

  private static void allowConnections(TestDatabase database, boolean allowed) throws SQLException {
    try (Connection admin = database.connect("postgres", "postgres");
        Statement statement = admin.createStatement()) {
      statement.execute(
          "UPDATE pg_database SET datallowconn = %s WHERE datname = '%s'"
              .formatted(allowed, database.name()));
    }
  }
}

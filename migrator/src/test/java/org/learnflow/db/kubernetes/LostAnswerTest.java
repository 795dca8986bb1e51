package org.learnflow.db.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.ApiServer;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.LosingApi;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestRelease;

/** A call that writes was carried out, and its answer was lost: nobody says that it was not. */
@ExtendWith(PostgresExtension.class)
class LostAnswerTest {
  private static final String KUBECONFIG = "kubeconfig";
  private static final String RETRIES = "kubernetes.request.retry.backoffLimit";
  private static final String UNKNOWN = "whether this call took effect is unknown";

  @TempDir private Path directory = Path.of("");
  @AutoClose private final ApiServer server = ApiServer.withNamespace();

  @SuppressWarnings("NullAway.Init")
  private TestRelease release;

  @BeforeAll
  static void requireCluster() {
    ApiServer.requireWithoutNodes("a lost answer of the Kubernetes API is");
  }

  @BeforeEach
  void aRelease(TestDatabase database) throws Exception {
    release = TestRelease.on(server, database);
  }

  private CliResult runLosing(String call, int number, String... command) {
    String before = Objects.requireNonNull(System.getProperty(KUBECONFIG));
    try (LosingApi losing = LosingApi.losing(call, number)) {
      System.setProperty(RETRIES, "1");
      System.setProperty(KUBECONFIG, losing.kubeconfig(directory.resolve("config")).toString());
      CliResult result = release.cli().run(command);
      assertThat(losing.hasLost()).as("the answer was lost").isTrue();
      return result;
    } finally {
      System.setProperty(KUBECONFIG, before);
      System.clearProperty(RETRIES);
    }
  }

  /** The first PUT keeps the next password, the second one puts it in force. */
  @ParameterizedTest
  @CsvSource({
    "PUT .*/secrets/learnflow-db-credentials, 1, whether this call took effect is unknown",
    "PUT .*/secrets/learnflow-db-credentials, 2, putting them in force: whether",
    "PATCH .*/secrets/learnflow-db\\?.*, 1, may not be published everywhere"
  })
  void aRotationSaysWhichPasswordsAreWhere(String call, int number, String state) {
    assertThat(release.cli().run("run")).exited(ExitCode.OK);
    CliResult lost = runLosing(call, number, "credentials", "rotate", "--yes");
    assertThat(lost)
        .exited(call.startsWith("PUT") ? ExitCode.NOT_REACHED : ExitCode.PUBLISHING_FAILED)
        .says(state, "same command again")
        .doesNotSay("nothing was changed");
    boolean begunOnly = call.startsWith("PUT") && number == 1;
    assertThat(release.credentials().containsKey("app-password-next")).isEqualTo(begunOnly);
    if (call.startsWith("PUT") && number == 2) {
      assertThat(lost).says("set in the database: " + release.role("app-password"));
    }

    CliResult again = release.cli().run("credentials", "rotate", "--yes");
    assertThat(again).exited(ExitCode.OK);
    assertThat(release.cli().run("verify")).exited(ExitCode.OK).answers("healthy");
  }

  @Test
  void publishedObjectsMayBeThere() {
    assertThat(release.cli().run("run", "--publish-to", "none")).exited(ExitCode.OK);
    assertThat(runLosing("PATCH .*/secrets/learnflow-db\\?.*", 1, "publish"))
        .exited(ExitCode.PUBLISHING_FAILED)
        .says(UNKNOWN, "run the same command again")
        .doesNotSay("nothing was");
    assertThat(release.cli().run("publish")).exited(ExitCode.OK);
  }

  @Test
  void theSecretMayHaveBeenMade() {
    server
        .client()
        .secrets()
        .inNamespace(server.namespace())
        .withName("learnflow-db-credentials")
        .delete();
    assertThat(runLosing("PATCH .*/secrets/learnflow-db-credentials.*", 1, "credentials", "ensure"))
        .exited(ExitCode.NOT_REACHED)
        .says(UNKNOWN, "run the same command again")
        .doesNotSay("nothing was");
    String made = release.credentials().getOrDefault("password", "");
    assertThat(release.cli().run("credentials", "ensure")).exited(ExitCode.OK);
    assertThat(release.credentials()).containsEntry("password", made);
  }
}

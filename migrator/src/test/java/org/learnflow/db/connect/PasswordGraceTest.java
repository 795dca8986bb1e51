package org.learnflow.db.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Password;
import org.learnflow.db.Progress;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** An operator that tells the server a password a moment after it has written it down. */
class PasswordGraceTest {
  @TempDir private static Path directory;
  private static TestDatabase database;

  @BeforeAll
  static void makeRoles() {
    database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory)
            .withRoles();
  }

  private static Readiness readiness(Password password, Duration grace) {
    DatabaseAddress address =
        new DatabaseAddress(
            database.server().host(),
            database.server().port(),
            DatabaseAddress.MAINTENANCE_DATABASE,
            database.owner(),
            SslMode.DEFAULT,
            Optional.empty());
    Duration timeout = Duration.ofSeconds(60);
    return new Readiness(
        new Connector(Duration.ofSeconds(10), timeout).guarded(address, Optional.of(password)),
        address,
        Optional.of(password),
        timeout,
        Progress.SILENT,
        new Hosting() {
          @Override
          public Duration passwordGrace(String role) {
            return grace;
          }
        });
  }

  @Test
  void aPasswordThatIsSetAMomentLaterIsWaitedFor() throws Exception {
    Password next = new Password("set a moment later");
    CompletableFuture<Connection> waiting =
        CompletableFuture.supplyAsync(() -> readiness(next, Duration.ofSeconds(30)).await());
    TimeUnit.SECONDS.sleep(1);
    assertThat(waiting).isNotDone();
    database.execute(
        PostgresServer.ADMIN,
        "ALTER ROLE \"%s\" PASSWORD '%s'".formatted(database.owner(), next.value()));
    waiting.get(30, TimeUnit.SECONDS).close();
  }

  @Test
  void oneThatIsWrongIsRefusedAfterThat() {
    long start = System.nanoTime();
    assertThatThrownBy(() -> readiness(new Password("wrong"), Duration.ofSeconds(1)).await())
        .isInstanceOfSatisfying(
            Failure.class,
            failure -> assertThat(failure.code()).isEqualTo(ExitCode.CREDENTIALS_REFUSED));
    assertThat(Duration.ofNanos(System.nanoTime() - start))
        .isBetween(Duration.ofSeconds(1), Duration.ofSeconds(20));
  }

  @Test
  void whereNobodySetsItItIsRefusedAtOnce() {
    assertThatThrownBy(() -> readiness(new Password("wrong"), Duration.ZERO).await())
        .isInstanceOfSatisfying(
            Failure.class,
            failure -> assertThat(failure.code()).isEqualTo(ExitCode.CREDENTIALS_REFUSED));
  }
}

package org.learnflow.db.roles;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.sql.Connection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** A release takes no other one's roles by setting their passwords. */
class TenantTest {
  @Test
  void aRoleStaysWithItsRelease(@TempDir Path passwords) throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), passwords)
            .withRoles();
    Tenant ours = new Tenant(database.owner(), "learnflow-db in namespace postgres");
    Tenant others = new Tenant(database.owner(), "other in namespace postgres");
    try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres")) {
      new Tenant("nobody-yet", "x").require(admin);
      ours.require(admin);
      ours.note(admin);
      ours.require(admin);
      ours.note(admin);
      others.note(admin);
      ours.require(admin);
      assertThatThrownBy(() -> others.require(admin))
          .isInstanceOfSatisfying(
              Failure.class,
              failure -> {
                assertThat(failure.code()).isEqualTo(ExitCode.REFUSED);
                assertThat(failure.text())
                    .contains(
                        database.owner() + " belongs to release learnflow-db in namespace postgres",
                        "nothing was changed",
                        "IS NULL");
              });
      String role = "\"%s\"".formatted(database.owner().replace("\"", "\"\""));
      database.execute(PostgresServer.ADMIN, "COMMENT ON ROLE %s IS NULL".formatted(role));
      others.require(admin);
      database.execute(PostgresServer.ADMIN, "COMMENT ON ROLE %s IS 'by hand'".formatted(role));
      others.note(admin);
      ours.require(admin);
    }
  }
}

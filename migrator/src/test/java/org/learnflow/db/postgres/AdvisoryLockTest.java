package org.learnflow.db.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.postgresql.PGConnection;

/** Who holds an advisory lock, and how long it is waited for. */
@ExtendWith(PostgresExtension.class)
class AdvisoryLockTest {
  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** Functions, operators and views that would say that nobody holds anything. */
  private static void lookAlikes(TestDatabase database) throws SQLException {
    database.execute(
        PostgresServer.ADMIN,
        """
        CREATE SCHEMA evil;
        GRANT USAGE ON SCHEMA evil TO PUBLIC;
        CREATE FUNCTION evil.pg_try_advisory_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE FUNCTION evil.current_database() RETURNS name LANGUAGE sql AS 'SELECT null::name';
        CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql
          AS $$ SELECT '600000' $$;
        CREATE FUNCTION evil.pg_has_role(oid, oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE FUNCTION evil.no(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.no);
        CREATE FUNCTION evil.no(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
        CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.no);
        CREATE FUNCTION evil.yes(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.yes);
        CREATE VIEW evil.pg_locks AS SELECT * FROM pg_catalog.pg_locks LIMIT 0;
        CREATE VIEW evil.pg_database AS SELECT * FROM pg_catalog.pg_database LIMIT 0;
        CREATE VIEW evil.pg_stat_activity AS SELECT * FROM pg_catalog.pg_stat_activity LIMIT 0;
        CREATE VIEW evil.pg_roles AS SELECT * FROM pg_catalog.pg_roles LIMIT 0;
        """);
  }

  @ParameterizedTest
  @ValueSource(strings = {"public", "pg_catalog", "evil, pg_catalog"})
  void theHolderIsTheOneWhateverTheSearchPath(String searchPath, TestDatabase database)
      throws Exception {
    database.withRoles();
    lookAlikes(database);
    for (AdvisoryLock.Purpose purpose : AdvisoryLock.Purpose.values()) {
      try (Connection service = database.connect(database.service());
          Connection admin = database.connect(PostgresServer.ADMIN)) {
        execute(service, "SELECT pg_advisory_lock(" + purpose.key() + ")");
        execute(admin, "SET learnflow_db.timeout = '0'; SET search_path = " + searchPath);
        assertThatThrownBy(() -> AdvisoryLock.acquire(admin, purpose, Progress.SILENT))
            .isInstanceOfSatisfying(
                Failure.class,
                failure -> {
                  assertThat(failure.code()).isEqualTo(ExitCode.FAILED);
                  assertThat(failure.what())
                      .contains(
                          "role " + database.service(), "connected since", "not learnflow-db");
                });
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "CREATEROLE", "SUPERUSER", "member of the owner"})
  void whoMayActAsTheOwnerOrMakeRolesIsOneOfOurs(String right, TestDatabase database)
      throws Exception {
    database.withRoles();
    String role = database.service() + "_other";
    database.execute(
        PostgresServer.ADMIN,
        "CREATE ROLE %s LOGIN PASSWORD '%s' %s; GRANT CONNECT ON DATABASE %s TO %1$s"
            .formatted(
                role,
                database.password(role).value(),
                right.startsWith("member") ? "IN ROLE " + database.owner() : right,
                database.name()));
    try (Connection other = database.connect(role);
        Connection owner = database.connect(database.owner())) {
      execute(other, "SELECT pg_advisory_lock(" + AdvisoryLock.Purpose.SEED.key() + ")");
      execute(owner, "SET learnflow_db.timeout = '0'");
      assertThatThrownBy(
              () -> AdvisoryLock.acquire(owner, AdvisoryLock.Purpose.SEED, Progress.SILENT))
          .isInstanceOfSatisfying(
              Failure.class,
              failure -> {
                assertThat(failure.what()).contains("role " + role);
                assertThat(failure.what().contains("not learnflow-db")).isEqualTo(right.isEmpty());
              });
    }
    database.execute(
        PostgresServer.ADMIN,
        "REVOKE ALL ON DATABASE %s FROM %s; DROP ROLE %2$s".formatted(database.name(), role));
  }

  @Test
  void aHolderInAnotherDatabaseIsNone(TestDatabase database) throws Exception {
    database.withRoles();
    try (Connection elsewhere = database.connect(PostgresServer.ADMIN, "postgres");
        Connection service = database.connect(database.service());
        Connection owner = database.connect(database.owner())) {
      execute(elsewhere, "SELECT pg_advisory_lock(" + AdvisoryLock.Purpose.SEED.key() + ")");
      execute(service, "SELECT pg_advisory_lock(" + AdvisoryLock.Purpose.SEED.key() + ")");
      execute(owner, "SET learnflow_db.timeout = '0'");
      assertThatThrownBy(
              () -> AdvisoryLock.acquire(owner, AdvisoryLock.Purpose.SEED, Progress.SILENT))
          .hasMessageContaining("role " + database.service());
      execute(service, "SELECT pg_advisory_unlock_all()");
      AdvisoryLock.acquire(owner, AdvisoryLock.Purpose.SEED, Progress.SILENT).close();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoHoldsTheLockOfTheStateSchemaIsNamed(boolean autoCommit, TestDatabase database)
      throws Exception {
    database.withRoles();
    try (Connection service = database.connect(database.service());
        Connection owner = database.connect(database.owner())) {
      int pid = service.unwrap(PGConnection.class).getBackendPID();
      execute(service, "SELECT pg_advisory_lock(x'6c660000'::bigint)");
      execute(owner, "DROP SCHEMA IF EXISTS learnflow_db CASCADE; SET lock_timeout = '300ms'");
      owner.setAutoCommit(autoCommit);
      assertThatThrownBy(() -> StateSchema.ensure(owner))
          .isInstanceOf(Failure.class)
          .hasMessageContaining(
              "another session holds the lock for schema learnflow_db: pid " + pid)
          .hasMessageContaining("role " + database.service());
      execute(service, "SELECT pg_advisory_unlock_all()");
      StateSchema.ensure(owner); // the transaction goes on
      if (!autoCommit) {
        owner.commit();
      }
    }
    assertThat(database.query("SELECT count(*) FROM learnflow_db.rebuilds")).containsExactly("0");
  }
}

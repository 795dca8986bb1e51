package org.learnflow.db.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Failure;
import org.learnflow.db.Progress;
import org.learnflow.db.schema.ScratchDatabase;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;
import org.postgresql.ds.PGSimpleDataSource;

/** A scratch database is like the real one, nobody else gets in, and it does not stay. */
@ExtendWith(PostgresExtension.class)
class ScratchDatabaseTest {
  private static final String SETTINGS =
      """
      SELECT concat_ws(' ', encoding, datcollate, datctype, to_jsonb(d) -> 'datlocprovider',
                       to_jsonb(d) -> 'datlocale', to_jsonb(d) -> 'daticulocale')
      FROM pg_database d WHERE datname = '%s'
      """;

  @EverySupportedVersion
  void itIsEmptyAndHasTheEncodingAndLocaleOfTheRealOne(int major, @TempDir Path directory)
      throws SQLException {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).withRoles();
    List<String> locales =
        new ArrayList<>(
            List.of(
                "LOCALE_PROVIDER libc LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
                "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'",
                "LOCALE_PROVIDER icu ICU_LOCALE 'de-x-icu' LC_COLLATE 'C' LC_CTYPE 'C'"));
    if (major >= 17) {
      locales.add("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'");
    }
    for (String locale : locales) {
      database.execute(PostgresServer.ADMIN, "DROP DATABASE IF EXISTS odd_" + database.name());
      try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
          Statement statement = admin.createStatement()) {
        statement.execute(
            "CREATE DATABASE odd_%s OWNER %s TEMPLATE template0 ENCODING 'UTF8' %s"
                .formatted(database.name(), database.owner(), locale));
      }
      try (Connection owner = database.connect(database.owner(), "odd_" + database.name());
          ScratchDatabase scratch = create(owner, database, Optional.empty())) {
        assertThat(database.query(SETTINGS.formatted(scratch.name())))
            .isEqualTo(database.query(SETTINGS.formatted("odd_" + database.name())));
        try (Connection inside = scratch.source().getConnection();
            Statement statement = inside.createStatement()) {
          statement.execute("CREATE TABLE t (id int)");
        }
      }
    }
    assertThat(scratchDatabases(database)).isEmpty();
    database.execute(PostgresServer.ADMIN, "DROP DATABASE odd_" + database.name());
  }

  @Test
  void nobodyButItsOwnerMayConnect(TestDatabase database) throws SQLException {
    database.withRoles();
    try (Connection owner = database.connect(database.owner());
        ScratchDatabase scratch = create(owner, database, Optional.empty())) {
      assertThatExceptionOfType(SQLException.class)
          .isThrownBy(() -> database.connect(database.service(), scratch.name()))
          .withMessageContaining("permission denied for database");
    }
  }

  @Test
  void oneWhoseMakerIsGoneIsDroppedByTheNextAndNoOther(TestDatabase database) throws SQLException {
    database.withRoles();
    Connection first = database.connect(database.owner());
    ScratchDatabase left = create(first, database, Optional.empty());
    try (Connection inside = left.source().getConnection();
        Connection second = database.connect(database.owner(), "postgres");
        ScratchDatabase used = create(second, database, Optional.empty())) {
      assertThat(scratchDatabases(database)).containsExactlyInAnyOrder(left.name(), used.name());
      first.close();
      database.awaitRow(
          "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
              + " AND lpad(to_hex(objid::bigint), 8, '0') = '%s')"
                  .formatted(left.name().substring(ScratchDatabase.PREFIX.length())));
      try (Connection third = database.connect(database.owner());
          ScratchDatabase next = create(third, database, Optional.empty())) {
        assertThat(scratchDatabases(database)).containsExactlyInAnyOrder(used.name(), next.name());
        assertThat(inside.isValid(5)).isFalse();
      }
    }
    assertThat(scratchDatabases(database)).isEmpty();
  }

  @Test
  void withoutCreatedbAnAdminMakesItOrItIsRefused(TestDatabase database) throws SQLException {
    database.withRoles();
    database.execute(PostgresServer.ADMIN, "ALTER ROLE %s NOCREATEDB".formatted(database.owner()));
    try (Connection owner = database.connect(database.owner())) {
      assertThatExceptionOfType(Failure.class)
          .isThrownBy(() -> create(owner, database, Optional.empty()))
          .satisfies(failure -> assertThat(failure.code()).isEqualTo(ExitCode.REFUSED))
          .satisfies(failure ->
              assertThat(failure.next())
                  .hasValue(
                      "as an admin: ALTER ROLE %s CREATEDB; or add --admin-user"
                          .formatted(database.owner())));
      DataSource admin = sources(database, PostgresServer.ADMIN).apply(database.name());
      try (ScratchDatabase scratch = create(owner, database, Optional.of(admin))) {
        assertThat(
                database.query(
                    "SELECT datdba::regrole FROM pg_database WHERE datname = '%s'"
                        .formatted(scratch.name())))
            .containsExactly(database.owner());
      }
    }
    assertThat(scratchDatabases(database)).isEmpty();
  }

  private static ScratchDatabase create(
      Connection owner, TestDatabase database, Optional<DataSource> admin) throws SQLException {
    return ScratchDatabase.create(
        owner, sources(database, database.owner()), admin, Progress.SILENT);
  }

  private static Function<String, DataSource> sources(TestDatabase database, String role) {
    return name -> {
      PGSimpleDataSource source = new PGSimpleDataSource();
      source.setServerNames(new String[] {database.server().host()});
      source.setPortNumbers(new int[] {database.server().port()});
      source.setDatabaseName(name);
      source.setUser(role);
      source.setPassword(
          role.equals(PostgresServer.ADMIN)
              ? database.server().adminPassword().value()
              : database.password(role).value());
      return source;
    };
  }

  /** Those of the database's owner; other tests on the server have theirs. */
  static List<String> scratchDatabases(TestDatabase database) throws SQLException {
    return database.query(
        "SELECT datname FROM pg_database WHERE datname LIKE '%s%%' AND datdba = '%s'::regrole"
            .formatted(ScratchDatabase.PREFIX.replace("_", "\\_"), database.owner()));
  }
}

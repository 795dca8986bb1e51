package org.learnflow.db.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Progress;
import org.learnflow.db.backup.DatabaseProperties;
import org.learnflow.db.backup.LiveDatabase;
import org.learnflow.db.backup.OldDatabases;
import org.learnflow.db.backup.StagingDatabase;
import org.learnflow.db.backup.Swap;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** A restored database is made as the one before; where there is none, as the one dumped. */
class LikenessTest {
  private static final String ADMIN = PostgresServer.ADMIN;

  /** All that the catalog says of a database, but for its name, its age and its versions. */
  private static final String FACTS =
      """
      SELECT concat_ws(E'\\n',
        to_jsonb(d) - '{oid,datname,datacl,datfrozenxid,datminmxid,datlastsysoid,datcollversion}'::text[],
        d.datcollversion IS NOT DISTINCT FROM pg_database_collation_actual_version(d.oid),
        (SELECT string_agg(a.grantee::regrole || ' ' || a.privilege_type || a.is_grantable, ', '
                           ORDER BY a.grantee, a.privilege_type)
         FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a),
        (SELECT string_agg(s.setrole::regrole || s.setconfig::text, ', ' ORDER BY s.setrole)
         FROM pg_db_role_setting s WHERE s.setdatabase = d.oid),
        shobj_description(d.oid, 'pg_database'))
      FROM pg_database d WHERE d.datname =
      """;

  private static final String SORTED =
      "SELECT string_agg(v, ' ' ORDER BY v)"
          + " FROM (VALUES ('a'), ('A'), ('b'), ('B'), ('ä'), ('z'), ('10'), ('9')) t (v)";

  private static final String GERMAN =
      "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C'";

  /**
   * A way to encode and sort.
   *
   * @param oldest major version that has it
   */
  record Kind(int oldest, String clause) {}

  private static final List<Kind> KINDS =
      List.of(
          new Kind(15, "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'"),
          new Kind(15, "ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"),
          new Kind(15, "ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"),
          new Kind(15, "ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'POSIX'"),
          new Kind(15, GERMAN),
          new Kind(15, GERMAN.replace("'de'", "'en-u-kn-kf-upper'")),
          new Kind(16, GERMAN.replace("LOCALE 'C'", "LOCALE 'C' ICU_RULES '&z < a, ''x'''")),
          new Kind(17, "ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C' LOCALE 'C'"),
          new Kind(
              17, "ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"),
          new Kind(
              18,
              "ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LOCALE 'C'"));

  static Stream<Object[]> kindsOfAllMajors() {
    return IntStream.rangeClosed(15, 18)
        .boxed()
        .flatMap(major ->
            KINDS.stream()
                .filter(kind -> kind.oldest <= major)
                .map(kind -> new Object[] {major, kind}));
  }

  private static void run(TestDatabase database, String... statements) throws SQLException {
    try (Connection admin = database.connect(ADMIN, "postgres");
        Statement statement = admin.createStatement()) {
      for (String sql : statements) {
        statement.execute(sql);
      }
    }
  }

  private static String facts(TestDatabase database) throws SQLException {
    try (Connection admin = database.connect(ADMIN, "postgres");
        Statement statement = admin.createStatement();
        ResultSet row = statement.executeQuery(FACTS + Sql.literal(database.name()))) {
      row.next();
      return String.valueOf(row.getString(1));
    }
  }

  /** With all that a database can have of its own. */
  private static void make(TestDatabase database, String clause) throws SQLException {
    String name = database.name();
    run(
        database,
        "DROP DATABASE IF EXISTS " + name,
        "SET allow_in_place_tablespaces = on",
        "CREATE TABLESPACE \"%s space\" LOCATION ''".formatted(name),
        "CREATE ROLE other_" + name,
        "CREATE DATABASE %1$s OWNER %2$s TEMPLATE template0 %3$s TABLESPACE \"%1$s space\" CONNECTION LIMIT 17 IS_TEMPLATE true"
            .formatted(name, database.owner(), clause),
        "COMMENT ON DATABASE %s IS 'it''s \\ours'".formatted(name),
        "ALTER DATABASE %s SET search_path TO public, \"$user\"".formatted(name),
        "ALTER DATABASE %s SET log_min_duration_statement = '59s'".formatted(name),
        "ALTER ROLE %s IN DATABASE %s SET work_mem = '5MB'".formatted(database.service(), name),
        "ALTER ROLE other_%1$s IN DATABASE %1$s SET lock_timeout = '1min'".formatted(name),
        "REVOKE ALL ON DATABASE %s FROM PUBLIC".formatted(name),
        "GRANT CONNECT, TEMPORARY ON DATABASE %1$s TO other_%1$s WITH GRANT OPTION".formatted(name),
        "GRANT CONNECT ON DATABASE %s TO %s".formatted(name, database.service()));
  }

  private static void drop(TestDatabase database) throws SQLException {
    run(
        database,
        "ALTER DATABASE %s IS_TEMPLATE false".formatted(database.name()),
        "DROP DATABASE %s WITH (FORCE)".formatted(database.name()),
        "DROP TABLESPACE \"%s space\"".formatted(database.name()),
        "DROP ROLE other_" + database.name());
  }

  /** What only an admin can set is reported with its statement, and nothing else is. */
  private static String[] leftToAdmin(Stream<String> told) {
    String before = "if you need it, run afterwards as the admin: ";
    String[] statements =
        told.filter(line -> line.contains(before))
            .map(line -> line.substring(line.indexOf(before) + before.length()))
            .toArray(String[]::new);
    assertThat(statements).hasSize(2);
    assertThat(statements[0]).contains("\"log_min_duration_statement\" TO '59s'");
    assertThat(statements[1]).contains("\"lock_timeout\" TO '1min'");
    return statements;
  }

  private static Progress into(List<String> lines) {
    return new Progress() {
      @Override
      public void line(String step, String text) {
        lines.add(text);
      }

      @Override
      public void update(String step, String text) {}
    };
  }

  @ParameterizedTest
  @MethodSource("kindsOfAllMajors")
  void whatTakesADatabasesPlaceIsLikeIt(int major, Kind kind, @TempDir Path directory)
      throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).withRoles();
    make(database, kind.clause);
    run(
        database,
        "REVOKE TEMPORARY ON DATABASE %s FROM %s".formatted(database.name(), database.owner()));
    String facts = facts(database);
    List<String> sorted = database.query(ADMIN, SORTED);
    List<String> told = new ArrayList<>();
    try (Connection admin = database.connect(ADMIN, "postgres");
        Connection owner = database.connect(database.owner(), "postgres");
        Connection ending = database.connect(ADMIN, "postgres")) {
      StagingDatabase staging = new StagingDatabase(admin, database.name(), into(told));
      staging.make(database.owner(), Optional.empty());
      new DatabaseProperties(admin, database.name(), staging.name(), into(told))
          .copy(owner, new LiveDatabase(admin, database.name()).settings());
      String old = new Swap(admin, database.name()).run(ending).orElseThrow();
      run(database, leftToAdmin(told.stream()));
      assertThat(facts(database)).isEqualTo(facts);
      assertThat(database.query(ADMIN, SORTED)).isEqualTo(sorted);
      OldDatabases aside = new OldDatabases(admin, database.name());
      assertThat(aside.names()).containsExactly(old);
      aside.drop(old);
    }
    drop(database);
  }

  /** No provider of labels is in PostgreSQL's own packages, so that none can be made. */
  @Test
  void aSecurityLabelIsToldWithWhatMakesIt(@TempDir Path directory) throws Exception {
    TestDatabase database =
        TestDatabase.on(PostgresServers.shared(PostgresServers.DEFAULT_MAJOR), directory)
            .withRoles();
    run(
        database,
        "SET allow_system_table_mods = on",
        "INSERT INTO pg_shseclabel SELECT oid, 'pg_database'::regclass, 'dummy', 'it''s secret'"
            + " FROM pg_database WHERE datname = '%s'".formatted(database.name()));
    List<String> told = new ArrayList<>();
    try (Connection admin = database.connect(ADMIN, "postgres");
        Connection owner = database.connect(database.owner(), "postgres")) {
      StagingDatabase staging = new StagingDatabase(admin, database.name(), into(told));
      staging.make(database.owner(), Optional.empty());
      new DatabaseProperties(admin, database.name(), staging.name(), into(told))
          .copy(owner, List.of());
      staging.drop();
    }
    assertThat(told)
        .singleElement()
        .asString()
        .contains(
            "a security label of the database was left out",
            "SECURITY LABEL FOR \"dummy\" ON DATABASE \"%s\" IS 'it''s secret'"
                .formatted(database.name()));
  }

  @Test
  void aRestoredDatabaseIsLikeTheOneThatItReplaces(@TempDir Path directory) throws Exception {
    DumpServer server = DumpServer.oldest(directory);
    TestDatabase database = server.database().withRoles();
    make(database, GERMAN);
    DumpServer.seeded(database);
    Path file = server.backup(database, directory);
    String facts = facts(database);
    List<String> sorted = database.query(ADMIN, SORTED);

    CliResult restored = server.cli(database).run("restore", file.toString(), "--replace", "--yes");
    assertThat(restored).exited(ExitCode.OK).doesNotSay("the dumped database has");
    run(database, leftToAdmin(restored.err().lines()));

    assertThat(facts(database)).isEqualTo(facts);
    assertThat(database.query(ADMIN, SORTED)).isEqualTo(sorted);
    assertThat(server.cli(database).run("restore", "--drop-old", "--yes").lastLine())
        .startsWith("dropped: " + database.name() + "_before_restore_");
    drop(database);
  }

  @Test
  void whereThereIsNoneItIsMadeAsTheDumpedOne(@TempDir Path directory) throws Exception {
    DumpServer server = DumpServer.oldest(directory);
    TestDatabase database = server.database().withRoles();
    make(database, GERMAN);
    DumpServer.seeded(database);
    Path file = server.backup(database, directory);
    List<String> sorted = database.query(ADMIN, SORTED);
    drop(database);

    assertThat(server.cli(database).run("restore", file.toString(), "--yes")).exited(ExitCode.OK);
    assertThat(database.query(ADMIN, SORTED)).isEqualTo(sorted);
  }

  @Test
  void thatItWillSortOtherwiseIsToldBefore(@TempDir Path directory) throws Exception {
    DumpServer server = DumpServer.oldest(directory);
    TestDatabase database = server.database().withRoles();
    make(database, GERMAN);
    DumpServer.seeded(database);
    Path file = server.backup(database, directory);
    drop(database);
    make(database, "ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'");
    DumpServer.seeded(database);
    List<String> sorted = database.query(ADMIN, SORTED);
    String told =
        "the dumped database has ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
            + " LOCALE_PROVIDER icu ICU_LOCALE 'de'; %s has ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                .formatted(database.name())
            + " LOCALE_PROVIDER libc and keeps it";

    assertThat(server.cli(database).run("restore", file.toString(), "--replace"))
        .exited(ExitCode.REFUSED)
        .says(told, "RENAME TO");
    CliResult restored = server.cli(database).run("restore", file.toString(), "--replace", "--yes");
    assertThat(restored).exited(ExitCode.OK).says(told);
    assertThat(restored.err().indexOf(told)).isLessThan(restored.err().indexOf("loading into"));
    assertThat(database.query(ADMIN, SORTED)).isEqualTo(sorted);
    assertThat(server.cli(database).run("restore", "--drop-old", "--yes")).exited(ExitCode.OK);
    drop(database);
  }

  @EverySupportedVersion
  void thatTheSystemSortsOtherwiseNowVerifySaysWithWhatToType(int major, @TempDir Path directory)
      throws Exception {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).withRoles();
    make(database, GERMAN);
    DumpServer.seeded(database);
    Cli cli = database.cli().with("LEARNFLOW_DB_SEEDS", "none");
    database.execute(
        database.owner(), "CREATE TABLE words (word text COLLATE \"fr-x-icu\" PRIMARY KEY)");
    assertThat(cli.run("verify").out()).doesNotContain("collation");

    database.execute(
        ADMIN,
        """
        SET allow_system_table_mods = on;
        UPDATE pg_database SET datcollversion = '1.2' WHERE datname = current_database();
        UPDATE pg_collation SET collversion = '1.2' WHERE collname IN ('fr-x-icu', 'sv-x-icu')
        """);
    CliResult verify = cli.run("verify");
    assertThat(verify).exited(ExitCode.OK).answers("healthy");
    assertThat(verify.out())
        .contains(
            "database %s: version 1.2, now ".formatted(database.name()),
            "next: learnflow-db reindex",
            "then as an admin: ALTER COLLATION pg_catalog.\"fr-x-icu\" REFRESH VERSION")
        .doesNotContain("sv-x-icu");

    assertThat(cli.run("reindex"))
        .exited(ExitCode.FAILED)
        .says("ALTER COLLATION pg_catalog.\"fr-x-icu\" REFRESH VERSION");
    database.execute(
        ADMIN,
        """
        ALTER COLLATION pg_catalog."fr-x-icu" REFRESH VERSION
        """);
    assertThat(cli.run("verify").out()).doesNotContain("collation");
    drop(database);
  }

  /** As pg_dump of 15 to 18 writes it. */
  @Test
  void aDumpsCreateDatabaseIsRead() {
    String name = "\"a\"\" WITH TEMPLATE = template0 ENCODING = 'LATIN1';\"";
    assertThat(
            DatabaseLikeness.inDump(
                "\n\nCREATE DATABASE %s WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu LOCALE = 'C' ICU_LOCALE = 'de' ICU_RULES = '&z < ''a' TABLESPACE = \"a b\";\n"
                    .formatted(name)))
        .contains(
            new DatabaseLikeness(
                "UTF8", "C", "C", "icu", Optional.of("de"), Optional.of("&z < 'a")));
    assertThat(
            DatabaseLikeness.inDump(
                "CREATE DATABASE d WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = builtin LOCALE = 'C' BUILTIN_LOCALE = 'C.UTF-8';"))
        .contains(
            new DatabaseLikeness(
                "UTF8", "C", "C", "builtin", Optional.of("C.UTF-8"), Optional.empty()));
    assertThat(
            DatabaseLikeness.inDump(
                "CREATE DATABASE d WITH TEMPLATE = template0 ENCODING = 'SQL_ASCII' LC_COLLATE = 'C' LC_CTYPE = 'de_DE';"))
        .contains(
            new DatabaseLikeness(
                "SQL_ASCII", "C", "de_DE", "libc", Optional.empty(), Optional.empty()));
    assertThat(DatabaseLikeness.inDump("CREATE TABLE t (id int);")).isEmpty();
  }
}

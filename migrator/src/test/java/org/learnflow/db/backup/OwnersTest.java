package org.learnflow.db.backup;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;

/** Everything belongs to whom it belonged, and everybody may what they might, after a restore. */
class OwnersTest {
  private static Path passwords;

  @BeforeAll
  static void start(@TempDir Path directory) {
    passwords = directory;
  }

  /** An object of each class that an owner can make, with rights of others on it. */
  private static final String OBJECTS =
      """
      CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO @READER@;
      CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, b serial);
      GRANT SELECT ON app.t TO @READER@ WITH GRANT OPTION; GRANT UPDATE (a) ON app.t TO @READER@;
      CREATE TABLE app.own (id int); REVOKE DELETE, TRUNCATE ON app.own FROM @OWNER@;
      CREATE TABLE app.p (id int) PARTITION BY LIST (id); CREATE TABLE app.p1 PARTITION OF app.p DEFAULT;
      GRANT INSERT ON app.p TO PUBLIC;
      CREATE TABLE app.closed (id int); REVOKE ALL ON app.closed FROM @SERVICE@;
      CREATE VIEW app.v AS SELECT a FROM app.t; GRANT SELECT ON app.v TO @READER@;
      CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS one; GRANT SELECT ON app.m TO @READER@;
      CREATE SEQUENCE app.s; GRANT USAGE ON SEQUENCE app.s TO @READER@;
      CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql RETURN $1;
      REVOKE EXECUTE ON FUNCTION app.f FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.f TO @READER@;
      CREATE PROCEDURE app.pr() LANGUAGE sql AS 'SELECT 1';
      GRANT EXECUTE ON PROCEDURE app.pr TO @READER@ WITH GRANT OPTION;
      CREATE AGGREGATE app.ag(int) (SFUNC = int4pl, STYPE = int); GRANT EXECUTE ON FUNCTION app.ag(int) TO @READER@;
      CREATE DOMAIN app.d AS text; REVOKE USAGE ON DOMAIN app.d FROM PUBLIC; GRANT USAGE ON DOMAIN app.d TO @READER@;
      CREATE TYPE app.e AS ENUM ('x'); GRANT USAGE ON TYPE app.e TO @READER@;
      CREATE TYPE app.c AS (a int); GRANT USAGE ON TYPE app.c TO @READER@;
      CREATE TYPE app.r AS RANGE (subtype = int8); GRANT USAGE ON TYPE app.r TO @READER@;
      CREATE OPERATOR app.@@@ (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
      CREATE COLLATION app.co FROM "C";
      CREATE CONVERSION app.cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
      CREATE TEXT SEARCH DICTIONARY app.di (TEMPLATE = simple);
      CREATE TEXT SEARCH CONFIGURATION app.cf (COPY = simple);
      CREATE STATISTICS app.st ON a, b FROM app.t;
      CREATE PUBLICATION pub FOR TABLE app.t;
      CREATE POLICY po ON app.t TO @READER@ USING (true);
      CREATE EXTENSION citext SCHEMA app;
      ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO @READER@;
      ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
      ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO @READER@ WITH GRANT OPTION;
      ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON TYPES TO @READER@;
      ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO @READER@;
      SELECT lo_from_bytea(4001, 'o'), lo_from_bytea(4003, 'o'); GRANT SELECT ON LARGE OBJECT 4003 TO @READER@;
      """;

  /** The service's own; between those of the owner, since dumps name them by ranges. */
  private static final String OF_THE_SERVICE =
      """
      SELECT lo_from_bytea(4002, 'mine'), lo_from_bytea(4004, 'mine');
      GRANT SELECT, UPDATE ON LARGE OBJECT 4004 TO @READER@
      """;

  @ParameterizedTest
  @CsvSource({
    "15, true",
    "16, true",
    "17, true",
    "18, true",
    "15, false",
    "16, false",
    "17, false",
    "18, false"
  })
  void ownersAndRightsOfAllClassesAreAsBefore(int major, boolean withAdmin, @TempDir Path folder)
      throws Exception {
    DumpServer server = DumpServer.of(major, passwords);
    TestDatabase database = server.database();
    Cli cli =
        new MigrationDirectory(folder.resolve("migrations"))
            .with("V1__one.sql", "CREATE TABLE one (id int);")
            .cli(database.withRoles())
            .with("LEARNFLOW_DB_PG_DUMP_DIR", server.bin().toString());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    String reader = "Reader " + database.name();
    database.execute(PostgresServer.ADMIN, "CREATE ROLE \"%s\"".formatted(reader));
    database.execute(database.owner(), filled(OBJECTS, database, reader));
    database.execute(database.service(), filled(OF_THE_SERVICE, database, reader));
    assertThat(cli.run("roles")).exited(ExitCode.OK);
    List<String> before = owners(database);
    assertThat(before)
        .hasSizeGreaterThan(35)
        .anyMatch(line -> line.startsWith("pg_largeobject_metadata 4002 " + database.service()));

    Path file = folder.resolve("dump");
    Cli used = withAdmin ? cli : cli.without("LEARNFLOW_DB_ADMIN_USER");
    assertThat(used.run("backup", file.toString()))
        .exited(ExitCode.OK)
        .says(database.owner() + " revoked DELETE, TRUNCATE on app.own from itself");
    String[] restore = {"restore", file.toString(), "--replace", "--yes", "--trust-dump"};
    CliResult restored = used.run(withAdmin ? Arrays.copyOf(restore, 4) : restore);
    assertThat(restored).exited(ExitCode.OK);
    assertThat(owners(database))
        .as(restored.all())
        .filteredOn(line -> !withAdmin || !isNamed(line))
        .containsExactlyElementsOf(
            before.stream().filter(line -> !withAdmin || !isNamed(line)).toList());
    assertThat(database.query(database.service(), "SELECT convert_from(lo_get(4002), 'UTF8')"))
        .containsExactly("mine");
  }

  /** What backup said would not be as before. */
  private static boolean isNamed(String line) {
    return line.startsWith("pg_class app.own ");
  }

  private static String filled(String sql, TestDatabase database, String reader) {
    return sql.replace("@READER@", "\"" + reader + "\"")
        .replace("@OWNER@", database.owner())
        .replace("@SERVICE@", database.service());
  }

  /** A line for each object of each catalog that has a column for an owner or for rights. */
  private static List<String> owners(TestDatabase database) throws SQLException {
    List<String> lines = new ArrayList<>();
    try (Connection admin = database.connect(PostgresServer.ADMIN);
        Statement statement = admin.createStatement();
        Statement objects = admin.createStatement();
        ResultSet catalog =
            statement.executeQuery(
                """
                SELECT c.relname,
                  coalesce((SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND atttypid = 'oid'::regtype
                              AND (attname LIKE '%owner' OR attname = 'defaclrole')), 'NULL'),
                  coalesce((SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND atttypid = 'aclitem[]'::regtype
                              AND attname <> 'initprivs'), 'NULL')
                FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared
                  AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'oid')
                  AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid
                                AND (atttypid = 'oid'::regtype AND attname LIKE '%owner' OR atttypid = 'aclitem[]'::regtype))
                ORDER BY 1
                """)) {
      while (catalog.next()) {
        String name = catalog.getString(1);
        String kind =
            switch (name) {
              case "pg_class" -> "CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"";
              case "pg_proc" -> "'f'";
              case "pg_type" -> "'T'";
              case "pg_namespace" -> "'n'";
              case "pg_largeobject_metadata" -> "'L'";
              default -> "NULL";
            };
        String acl = catalog.getString(3);
        add(
            objects,
            """
            SELECT concat_ws(' ', '%1$s', identity, pg_get_userbyid(owner),
                             (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(acl) a))
            FROM (SELECT CASE '%1$s' WHEN 'pg_largeobject_metadata' THEN oid::text
                                     ELSE (pg_identify_object('%1$s'::regclass, oid, 0)).identity END AS identity,
                         %2$s::oid AS owner, coalesce(%3$s, acldefault(%4$s, %2$s)) AS acl
                  FROM %1$s WHERE oid >= 4000 AND (oid >= 16384 OR '%1$s' = 'pg_largeobject_metadata')) o
            WHERE identity IS NOT NULL AND identity !~ '^pg_toast'
            """
                .formatted(name, catalog.getString(2), acl, kind),
            lines);
      }
      add(
          objects,
          """
          SELECT format('pg_attribute %s.%s %s', attrelid::regclass, attname, attacl)
          FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384
          """,
          lines);
      add(
          objects,
          "SELECT format('pg_policy %s %s', polname, polroles::regrole[]) FROM pg_policy",
          lines);
    }
    lines.sort(null);
    return lines;
  }

  private static void add(Statement statement, String query, List<String> lines)
      throws SQLException {
    try (ResultSet row = statement.executeQuery(query)) {
      while (row.next()) {
        lines.add(row.getString(1));
      }
    }
  }
}

package org.learnflow.db.drift;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.learnflow.db.ExitCode;
import org.learnflow.db.Progress;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.MigrationDirectory;
import org.learnflow.db.testing.PostgresExtension;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.PostgresServers;
import org.learnflow.db.testing.TestDatabase;

/** Whatever pg_dump would write differently is reported as drift. */
@ExtendWith(PostgresExtension.class)
class BlindSpotsTest {
  /** One object of each class; the admin makes them all. */
  private static final String OBJECTS =
      """
      CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, b text NOT NULL DEFAULT 'x', n int DEFAULT 1);
      CREATE TABLE typed_base (id int);
      CREATE INDEX t_a ON t (a);
      CREATE UNIQUE INDEX t_b ON t (b);
      CREATE VIEW v AS SELECT id, a FROM t;
      CREATE MATERIALIZED VIEW m AS SELECT id, a FROM t;
      CREATE SEQUENCE s;
      CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;
      CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
      CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
      CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tf();
      CREATE POLICY p ON t USING (true);
      CREATE PROCEDURE pr() LANGUAGE sql AS '';
      CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
      CREATE AGGREGATE ag (int) (SFUNC = plus, STYPE = int);
      CREATE TYPE e AS ENUM ('a', 'b');
      CREATE TYPE c AS (x int, y text);
      CREATE DOMAIN d AS text;
      CREATE TYPE rg AS RANGE (SUBTYPE = float8);
      CREATE FUNCTION to_e(int) RETURNS e LANGUAGE sql IMMUTABLE AS $$ SELECT 'a'::e $$;
      CREATE CAST (int AS e) WITH FUNCTION to_e(int);
      CREATE COLLATION co FROM "C";
      CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
      CREATE OPERATOR FAMILY of USING hash;
      CREATE TEXT SEARCH CONFIGURATION tsc (COPY = pg_catalog.simple);
      CREATE TEXT SEARCH DICTIONARY tsd (TEMPLATE = simple);
      CREATE STATISTICS st ON a, b FROM t;
      CREATE PUBLICATION pu FOR TABLE t;
      CREATE FUNCTION ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
      CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('DROP SEQUENCE') EXECUTE FUNCTION ef();
      CREATE FOREIGN DATA WRAPPER fw;
      CREATE SERVER se FOREIGN DATA WRAPPER fw OPTIONS (host 'a');
      CREATE FOREIGN TABLE ft (id int) SERVER se OPTIONS (name 'a');
      CREATE SCHEMA sc;
      """;

  /** What is changed, and what has to be told. */
  private static final Map<String, String> CHANGES = new TreeMap<>();

  private static void change(String sql, String told) {
    CHANGES.put(sql, told);
  }

  static {
    change("ALTER SEQUENCE s INCREMENT 5", "changed sequence public.s");
    change("ALTER SEQUENCE s MAXVALUE 99", "changed sequence public.s");
    change("ALTER SEQUENCE s MINVALUE -7", "changed sequence public.s");
    change("ALTER SEQUENCE s START 9", "changed sequence public.s");
    change("ALTER SEQUENCE s CACHE 8", "changed sequence public.s");
    change("ALTER SEQUENCE s CYCLE", "changed sequence public.s");
    change("ALTER SEQUENCE s OWNED BY t.n", "changed sequence public.s");
    change("ALTER TABLE t ALTER id SET INCREMENT BY 3", "changed column public.t.id");
    change("ALTER TABLE t ALTER id SET CYCLE", "changed column public.t.id");
    change("ALTER TABLE t ALTER a SET STORAGE EXTERNAL", "changed column public.t.a");
    change("ALTER TABLE t ALTER b SET COMPRESSION pglz", "changed column public.t.b");
    change("ALTER TABLE t ALTER n SET (n_distinct = 7)", "changed column public.t.n");
    change("ALTER TABLE t SET (toast.autovacuum_enabled = false)", "changed table public.t");
    change("ALTER TABLE t REPLICA IDENTITY USING INDEX t_b", "changed table public.t");
    change(
        "CREATE TYPE base_of AS (id int); ALTER TABLE typed_base OF base_of",
        "changed table public.typed_base");
    change("ALTER INDEX t_pkey SET (fillfactor = 60)", "changed constraint public.t.t_pkey");
    change("ALTER INDEX t_a SET (fillfactor = 60)", "changed index public.t_a");
    change("ALTER VIEW v ALTER a SET DEFAULT 'x'", "added view column default public.v.a");
    change("ALTER TABLE t DISABLE RULE r", "changed rule public.t.r");
    change("ALTER TABLE t ENABLE ALWAYS TRIGGER tr", "changed trigger public.t.tr");
    change("ALTER POLICY p ON t USING (false)", "changed policy public.t.p");
    change("ALTER FUNCTION f(int) COST 7", "changed function public.f(integer)");
    change("ALTER PROCEDURE pr() SECURITY DEFINER", "changed procedure public.pr()");
    change(
        "CREATE OR REPLACE AGGREGATE ag (int) (SFUNC = plus, STYPE = int, COMBINEFUNC = plus)",
        "changed aggregate public.ag(integer)");
    change("ALTER TYPE e ADD VALUE 'c'", "changed type public.e");
    change("ALTER TYPE c ADD ATTRIBUTE z int", "changed type public.c");
    change("ALTER DOMAIN d SET NOT NULL", "changed type public.d");
    change(
        "DROP TYPE rg; CREATE TYPE rg AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)",
        "changed type public.rg");
    change("REVOKE USAGE ON TYPE e FROM PUBLIC", "removed grant type public.e to PUBLIC");
    change(
        "DROP CAST (int AS e); CREATE CAST (int AS e) WITH FUNCTION to_e(int) AS ASSIGNMENT",
        "changed cast from integer to public.e");
    change("DROP COLLATION co; CREATE COLLATION co FROM \"POSIX\"", "changed collation public.co");
    change(
        "ALTER OPERATOR === (int, int) SET (RESTRICT = eqsel)",
        "changed operator public.=== (integer, integer)");
    change(
        "ALTER OPERATOR FAMILY of USING hash ADD FUNCTION 1 (int, int) hashint4(int)",
        "changed operator family public.of using hash");
    change(
        "CREATE OPERATOR CLASS oc FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int)",
        "added operator class public.oc using btree");
    change(
        "CREATE CONVERSION cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        "added conversion public.cv");
    change(
        "ALTER TEXT SEARCH CONFIGURATION tsc DROP MAPPING FOR asciiword",
        "changed text search configuration public.tsc");
    change(
        "ALTER TEXT SEARCH DICTIONARY tsd (accept = false)",
        "changed text search dictionary public.tsd");
    change(
        "CREATE TEXT SEARCH PARSER tsp (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)",
        "added text search parser public.tsp");
    change(
        "CREATE TEXT SEARCH TEMPLATE tst (LEXIZE = dsimple_lexize)",
        "added text search template public.tst");
    change(
        "DROP STATISTICS st; CREATE STATISTICS st (ndistinct) ON a, b FROM t",
        "changed statistics public.st");
    change("ALTER STATISTICS st SET STATISTICS 77", "changed statistics public.st");
    change("ALTER PUBLICATION pu SET (publish = 'insert')", "changed publication pu");
    change("ALTER PUBLICATION pu ADD TABLES IN SCHEMA sc", "changed publication pu");
    change("ALTER PUBLICATION pu SET TABLE t WHERE (id > 5)", "changed publication pu");
    change("ALTER EVENT TRIGGER et DISABLE", "changed event trigger et");
    change("ALTER FOREIGN DATA WRAPPER fw OPTIONS (x 'y')", "changed foreign-data wrapper fw");
    change("ALTER SERVER se OPTIONS (SET host 'b')", "changed server se");
    change("CREATE USER MAPPING FOR PUBLIC SERVER se", "added user mapping for public server se");
    change("ALTER FOREIGN TABLE ft OPTIONS (SET name 'b')", "changed foreign table public.ft");
    change(
        "ALTER FOREIGN TABLE ft ALTER id OPTIONS (ADD column_name 'b')",
        "changed column public.ft.id");
    change("GRANT USAGE ON FOREIGN SERVER se TO PUBLIC", "added grant server se to PUBLIC");
    change(
        "GRANT USAGE ON FOREIGN DATA WRAPPER fw TO PUBLIC",
        "added grant foreign-data wrapper fw to PUBLIC");
    change("CREATE TRUSTED LANGUAGE la HANDLER plpgsql_call_handler", "added language la");
    change("CREATE ACCESS METHOD am TYPE INDEX HANDLER bthandler", "added access method am");
    change("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA sc", "added extension pg_trgm");
    change(
        "CREATE SUBSCRIPTION su CONNECTION 'host=nowhere' PUBLICATION pu WITH (connect = false, slot_name = NONE)",
        "added subscription su");
    change("COMMENT ON TABLE t IS 'x'", "added comment on table public.t");
    change("COMMENT ON COLUMN t.a IS 'x'", "added comment on column public.t.a");
    change("COMMENT ON COLUMN v.a IS 'x'", "added comment on column public.v.a");
    change("COMMENT ON INDEX t_a IS 'x'", "added comment on index public.t_a");
    change(
        "COMMENT ON CONSTRAINT t_pkey ON t IS 'x'", "added comment on constraint public.t.t_pkey");
    change("COMMENT ON TRIGGER tr ON t IS 'x'", "added comment on trigger public.t.tr");
    change("COMMENT ON FUNCTION f(int) IS 'x'", "added comment on function public.f(integer)");
    change("COMMENT ON TYPE e IS 'x'", "added comment on type public.e");
    change("COMMENT ON SCHEMA sc IS 'x'", "added comment on schema sc");
    change("COMMENT ON EVENT TRIGGER et IS 'x'", "added comment on event trigger et");
    change("COMMENT ON DATABASE DATABASE_ IS 'x'", "added comment on database");
    change(
        "ALTER DATABASE DATABASE_ SET work_mem = '7MB'", "added setting work_mem of the database");
    change(
        "ALTER ROLE OWNER_ IN DATABASE DATABASE_ SET work_mem = '7MB'",
        "added setting work_mem of the database for role OWNER_");
    change("GRANT CREATE ON DATABASE DATABASE_ TO PUBLIC", "changed grant database to PUBLIC");
    change(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA sc GRANT SELECT ON TABLES TO PUBLIC",
        "added default privileges of postgres in schema sc on tables to PUBLIC");
    change("ALTER MATERIALIZED VIEW m SET (fillfactor = 60)", "changed materialized view public.m");
    change("ALTER SCHEMA sc OWNER TO OWNER_", "changed schema sc");
  }

  /** Catalogs of the server that hold nothing to be compared, with why. */
  private static final Map<String, String> NOT_READ =
      Map.ofEntries(
          Map.entry("pg_authid", "roles belong to the server"),
          Map.entry("pg_auth_members", "roles belong to the server"),
          Map.entry("pg_init_privs", "what extensions gave themselves"),
          Map.entry("pg_largeobject", "data"),
          Map.entry("pg_largeobject_metadata", "data"),
          Map.entry("pg_parameter_acl", "rights on the server's parameters"),
          Map.entry("pg_partitioned_table", "by pg_get_partkeydef"),
          Map.entry("pg_replication_origin", "state of replication"),
          Map.entry("pg_shdepend", "dependencies"),
          Map.entry("pg_shdescription", "by shobj_description"),
          Map.entry("pg_shseclabel", "labels of what belongs to the server"),
          Map.entry("pg_statistic", "statistics"),
          Map.entry("pg_statistic_ext_data", "statistics"),
          Map.entry("pg_subscription_rel", "state of replication"),
          Map.entry("pg_foreign_table", "read"),
          Map.entry("pg_user_mapping", "by pg_user_mappings, without secrets"));

  @ParameterizedTest
  @ValueSource(ints = {15, 17})
  void whatPgDumpWouldWriteOtherwiseIsTold(int major, @TempDir Path directory) throws SQLException {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).migrated();
    database.execute(PostgresServer.ADMIN, OBJECTS);
    List<String> missed = new ArrayList<>();
    try (Connection owner = database.connect(database.owner())) {
      for (Map.Entry<String, String> change : CHANGES.entrySet()) {
        CatalogLedger.takeAsExpected(owner, Progress.SILENT);
        assertThat(CatalogLedger.drift(owner).orElseThrow().all()).isEmpty();
        database.execute(PostgresServer.ADMIN, named(change.getKey(), database));
        List<String> told =
            CatalogLedger.drift(owner).orElseThrow().all().stream()
                .map(CatalogDifference::summary)
                .toList();
        if (!told.contains(named(change.getValue(), database))) {
          missed.add(change + " -> " + told);
        }
      }
      database.execute(PostgresServer.ADMIN, "DROP SUBSCRIPTION su; DROP EVENT TRIGGER et");
    }
    assertThat(missed).isEmpty();
  }

  private static String named(String text, TestDatabase database) {
    return text.replace("DATABASE_", database.name()).replace("OWNER_", database.owner());
  }

  @EverySupportedVersion
  void everyCatalogIsComparedOrSaidNotToBe(int major, @TempDir Path directory) throws SQLException {
    TestDatabase database = TestDatabase.on(PostgresServers.shared(major), directory).withRoles();
    assertThat(
            database.query(
                "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"))
        .hasSizeGreaterThan(60)
        .allMatch(name ->
            NOT_READ.containsKey(name) || Catalog.QUERY.matches("(?s).*\\b" + name + "\\b.*"));
  }

  @Test
  void aLedgerOfAnEarlierVersionReportsNothingNewAndKeepsWhatWasDrift(
      TestDatabase database, @TempDir Path directory) throws Exception {
    MigrationDirectory migrations =
        new MigrationDirectory(directory)
            .with(
                "V001__one.sql",
                "CREATE TABLE one (id int GENERATED ALWAYS AS IDENTITY (INCREMENT 7), a text);",
                "CREATE TABLE gone (id int);",
                "ALTER TABLE one ALTER a SET STORAGE EXTERNAL;",
                "COMMENT ON TABLE one IS 'x';",
                "CREATE SEQUENCE s MAXVALUE 99 CYCLE;",
                "CREATE TYPE mood AS ENUM ('a');",
                "CREATE STATISTICS st ON id, a FROM one;");
    Cli cli = migrations.cli(database.withRoles());
    assertThat(cli.run("migrate")).exited(ExitCode.OK);
    // What the first format had of them.
    database.execute(
        database.owner(),
        """
        UPDATE learnflow_db.catalogs SET expected = (
          SELECT jsonb_object_agg(key, CASE key
            WHEN 'column public.one.id' THEN split_part(value, ' SEQUENCE', 1)
            WHEN 'column public.one.a' THEN 'text'
            WHEN 'sequence public.s' THEN split_part(value, E'\\nmaximum', 1)
            ELSE value END)
          FROM jsonb_each_text(expected)
          WHERE key !~ '^(comment|ledger|statistics|grant (type|database)|setting)');
        CREATE INDEX by_hand ON one (a);
        DROP TABLE gone;
        ALTER TABLE one ALTER a SET DEFAULT 'by hand';
        """);
    List<String> drift =
        List.of(
            "changed column public.one.a",
            "added index public.by_hand",
            "removed table public.gone");
    assertThat(summaries(cli)).isEqualTo(drift);
    assertThat(cli.run("migrate")).exited(ExitCode.OK).answers("nothing to do: schema at 001");
    assertThat(database.query("SELECT expected ->> 'ledger format' FROM learnflow_db.catalogs"))
        .containsExactly(String.valueOf(Catalog.FORMAT));
    assertThat(summaries(cli)).isEqualTo(drift);
    database.execute(database.owner(), "ALTER SEQUENCE s NO CYCLE");
    assertThat(summaries(cli)).contains("changed sequence public.s");
  }

  private static List<String> summaries(Cli cli) {
    return cli.run("drift")
        .out()
        .lines()
        .filter(line -> line.matches("(added|removed|changed) .*"))
        .toList();
  }
}

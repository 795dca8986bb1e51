package org.learnflow.db;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.learnflow.db.testing.Cli;
import org.learnflow.db.testing.CliResult;
import org.learnflow.db.testing.DumpServer;
import org.learnflow.db.testing.EverySupportedVersion;
import org.learnflow.db.testing.HostileTenant;
import org.learnflow.db.testing.OwnServer;
import org.learnflow.db.testing.PostgresServer;
import org.learnflow.db.testing.TestDatabase;
import org.learnflow.db.testing.TestFiles;

/**
 * An admin's session executes nothing that the owner of the database or a service could have
 * planted. Every command runs in a database in which the owner has planted what it can.
 */
class HostileTenantTest {
  /** The admin whose sessions must not be taken; the tests themselves are somebody else. */
  private static final String CHIEF = "chief";

  private static final String LOG_PREFIX = "@%u@%d@ ";

  /** What an admin may run in the owner's database, as far as the text of a statement tells. */
  private static final List<Pattern> ALLOWED =
      Stream.of(
              "SHOW transaction_timeout",
              "SELECT current_setting\\('server_version_num'\\).*",
              "SELECT pg_catalog\\.set_config\\('search_path', 'pg_catalog, pg_temp', true\\),"
                  + " pg_catalog\\.set_config\\('jit', 'off', true\\);"
                  + " WITH roles AS \\( SELECT oid AS owner_oid, pg_catalog\\.quote_ident.*",
              "SELECT (pg_catalog\\.)?pg_(try_)?advisory_(un)?lock(_all)?\\(.*",
              "SELECT .*FROM (pg_catalog\\.)?pg_locks .*",
              "SELECT pg_catalog\\.current_setting\\('learnflow_db\\.timeout'.*",
              "ALTER (SCHEMA|TABLE) .* OWNER TO .*")
          .map(Pattern::compile)
          .toList();

  private record Tenant(OwnServer server, TestDatabase database, HostileTenant hostile, Cli cli) {
    static Tenant on(OwnServer server, int major, Path folder) throws SQLException {
      TestDatabase database = server.database();
      try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
          Statement statement = admin.createStatement()) {
        statement.execute("CREATE ROLE %s SUPERUSER LOGIN PASSWORD 'chief'".formatted(CHIEF));
      }
      DumpServer dumps = DumpServer.of(major, folder);
      Cli cli =
          database
              .cli()
              .with("LEARNFLOW_DB_ADMIN_USER", CHIEF)
              .with(
                  "LEARNFLOW_DB_ADMIN_PASSWORD_FILE",
                  TestFiles.write(folder.resolve("chief"), "chief").toString())
              .with("LEARNFLOW_DB_TIMEOUT", "10s")
              .with("LEARNFLOW_DB_PUBLISH_TO", "file:" + folder.resolve("connection.env"))
              .with("LEARNFLOW_DB_PG_DUMP_DIR", dumps.bin().toString());
      assertThat(cli.run("run")).exited(ExitCode.OK).answers("healthy");
      return new Tenant(server, database, new HostileTenant(database), cli);
    }

    /** Rights that are to be repaired, so that the admin has something to do. */
    void disturb() throws SQLException {
      database.execute(
          PostgresServer.ADMIN,
          """
          SET ROLE NONE;
          SET search_path = pg_catalog;
          GRANT TRUNCATE ON public.users TO "%2$s";
          ALTER TABLE public.struggle_alerts OWNER TO %1$s;
          ALTER SCHEMA compat OWNER TO %1$s;
          ALTER ROLE "%2$s" CREATEDB
          """
              .formatted(PostgresServer.ADMIN, database.service()));
    }

    /** Every command, whatever becomes of it. */
    List<CliResult> everything(Path folder) throws SQLException {
      List<CliResult> results = new ArrayList<>();
      for (String command :
          List.of(
              "wait",
              "roles",
              "migrate",
              "seed",
              "verify",
              "status",
              "plan",
              "drift",
              "publish",
              "reconcile",
              "rollback --to 8 --no-backup --yes",
              "run",
              "adopt --yes")) {
        disturb();
        results.add(cli.run(command.split(" ")));
      }
      String dump = folder.resolve("dump").toString();
      disturb();
      results.add(cli.run("backup", dump, "--replace"));
      results.add(cli.run("restore", dump, "--replace", "--yes"));
      results.add(cli.run("restore", "--drop-old", "--yes"));
      disturb();
      results.add(cli.run("run"));
      return results;
    }

    /** Statements of a role in a database, each in a line. */
    List<String> statements(String role, String in) {
      List<String> statements = new ArrayList<>();
      StringBuilder current = new StringBuilder();
      for (String line : server.log()) {
        boolean begins = line.startsWith("@");
        if (begins || !line.startsWith("\t")) {
          if (!current.isEmpty()) {
            statements.add(current.toString());
          }
          current.setLength(0);
        }
        String prefix = "@%s@%s@ ".formatted(role, in);
        if (begins && line.startsWith(prefix)) {
          String text =
              line.substring(prefix.length())
                  .replaceFirst("^LOG: +(statement|execute [^:]*): ", "!");
          if (text.startsWith("!")) {
            current.append(text.substring(1));
          }
        } else if (!begins && !current.isEmpty()) {
          current.append(' ').append(line.strip());
        }
      }
      return statements;
    }
  }

  @EverySupportedVersion(slow = true)
  void lookAlikesTriggersAndSettingsOfTheOwnerReachNoAdmin(int major, @TempDir Path folder)
      throws Exception {
    try (OwnServer server =
        OwnServer.start(
            folder.resolve("server"),
            major,
            "log_statement = 'all'",
            "log_line_prefix = '%s'".formatted(LOG_PREFIX))) {
      Tenant tenant = Tenant.on(server, major, folder);
      TestDatabase database = tenant.database;
      tenant.everything(folder);
      List<String> used = new ArrayList<>(tenant.statements(CHIEF, database.name()));
      used.addAll(tenant.statements(database.owner(), database.name()));
      List<String> before = tenant.hostile.server();

      tenant.hostile.plantAttack();
      int planted = tenant.hostile.plantLookAlikes(used);
      tenant.hostile.plantTriggers();
      assertThat(planted).as("planted look-alikes").isGreaterThan(1000);
      int seen = tenant.statements(CHIEF, database.name()).size();
      tenant.everything(folder);
      tenant.hostile.plantSettings();
      tenant.everything(folder);
      database.execute(
          database.owner(),
          "ALTER DATABASE %s SET role = '%s'".formatted(database.name(), database.service()));
      tenant.disturb();
      tenant.cli.run("run");
      database.execute(
          PostgresServer.ADMIN,
          "SET ROLE NONE; SET search_path = pg_catalog; ALTER DATABASE %s RESET role"
              .formatted(database.name()));
      tenant.cli.run("run");

      // It met its fault: planted code did run, and the admin was there.
      assertThat(tenant.hostile.attacks()).as("planted code that ran").isPositive();
      assertThat(tenant.statements(CHIEF, database.name())).hasSizeGreaterThan(seen);
      assertThat(tenant.hostile.canary()).as("written as a superuser").isEmpty();
      assertThat(tenant.hostile.server()).isEqualTo(before);
      assertThat(
              tenant.statements(CHIEF, database.name()).stream()
                  .filter(text -> ALLOWED.stream().noneMatch(one -> one.matcher(text).matches()))
                  .distinct())
          .as("statements of the admin in the owner's database")
          .isEmpty();
    }
  }

  /** What a service sets for itself comes back with a restore, as a setting and nothing else. */
  @EverySupportedVersion
  void aStoredSettingOfAServiceIsNoStatement(int major, @TempDir Path folder) throws Exception {
    try (OwnServer server = OwnServer.start(folder.resolve("server"), major)) {
      Tenant tenant = Tenant.on(server, major, folder);
      TestDatabase database = tenant.database;
      String path =
          "public;CREATE/**/ROLE/**/%s/**/SUPERUSER/**/LOGIN".formatted(HostileTenant.BACKDOOR);
      try (Connection service = database.connect(database.service());
          Statement statement = service.createStatement()) {
        statement.execute("SELECT set_config('search_path', '%s', false)".formatted(path));
        statement.execute(
            "ALTER ROLE %s IN DATABASE %s SET search_path FROM CURRENT"
                .formatted(database.service(), database.name()));
      }
      database.execute(
          PostgresServer.ADMIN,
          "ALTER DATABASE %s SET log_statement = 'mod'".formatted(database.name()));
      List<String> before = tenant.hostile.server();
      Path dump = folder.resolve("dump");
      assertThat(tenant.cli.run("backup", dump.toString())).exited(ExitCode.OK);
      CliResult restored = tenant.cli.run("restore", dump.toString(), "--replace", "--yes");
      assertThat(tenant.hostile.server()).isEqualTo(before);
      assertThat(restored)
          .exited(ExitCode.OK)
          .says("a setting of the database was left out", "\"log_statement\" TO 'mod'");
      String settings =
          "SELECT setconfig::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
              + " WHERE datname = '%s' ORDER BY setrole".formatted(database.name());
      assertThat(database.query(PostgresServer.ADMIN, settings)).hasSize(1);

      // The same in the file beside the dump, where the database is missing.
      Path description = folder.resolve("dump.json");
      Files.writeString(
          description,
          Files.readString(description)
              .replaceFirst(
                  "\"role\" : \"%s\"".formatted(database.service()),
                  "\"role\" : \"" + CHIEF + "\""));
      try (Connection admin = database.connect(PostgresServer.ADMIN, "postgres");
          Statement statement = admin.createStatement()) {
        statement.execute("DROP DATABASE " + database.name() + " WITH (FORCE)");
      }
      CliResult made = tenant.cli.run("restore", dump.toString(), "--yes");
      assertThat(made).exited(ExitCode.OK).says("a setting of the database was left out", CHIEF);
      assertThat(tenant.hostile.server()).containsAll(before).doesNotContain("backdoor");
    }
  }

  /** A dump's code runs as a role that owns the staging database and nothing else. */
  @EverySupportedVersion
  void codeInADumpReachesTheSideDatabaseOnly(int major, @TempDir Path folder) throws Exception {
    try (OwnServer server =
        OwnServer.start(folder.resolve("server"), major, "autovacuum_naptime = '1s'")) {
      Tenant tenant = Tenant.on(server, major, folder);
      TestDatabase database = tenant.database;
      // Runs while the dump is loaded, since a materialized view is filled then, and when
      // statistics are made.
      database.execute(
          database.owner(),
          """
          CREATE TABLE public.seen (what text);
          CREATE FUNCTION public.hostile() RETURNS text LANGUAGE plpgsql AS $f$
          DECLARE
            who text := current_user || ' as ' || session_user;
          BEGIN
            IF current_database() <> '%1$s' THEN
              BEGIN EXECUTE 'ALTER ROLE "%2$s" PASSWORD NULL'; who := who || ', password';
              EXCEPTION WHEN insufficient_privilege THEN NULL; END;
              BEGIN EXECUTE 'ALTER ROLE "%3$s" PASSWORD NULL'; who := who || ', password';
              EXCEPTION WHEN insufficient_privilege THEN NULL; END;
              BEGIN EXECUTE 'ALTER DATABASE "%1$s" SET work_mem = ''1MB'''; who := who || ', setting';
              EXCEPTION WHEN insufficient_privilege THEN NULL; END;
              BEGIN EXECUTE 'ALTER DATABASE "%1$s" RENAME TO gone'; who := who || ', renamed';
              EXCEPTION WHEN insufficient_privilege THEN NULL; END;
              BEGIN EXECUTE format('ALTER DATABASE %%I SET work_mem = ''1MB''', current_database()); who := who || ', own setting';
              EXCEPTION WHEN insufficient_privilege THEN NULL; END;
              BEGIN EXECUTE format('ALTER DATABASE %%I IS_TEMPLATE true', current_database()); who := who || ', template';
              EXCEPTION WHEN insufficient_privilege THEN NULL; END;
              BEGIN EXECUTE format('GRANT ALL ON DATABASE %%I TO PUBLIC', current_database());
              EXCEPTION WHEN insufficient_privilege THEN NULL; END;
            END IF;
            RETURN who;
          END $f$;
          CREATE MATERIALIZED VIEW public.loaded AS SELECT public.hostile() AS who;
          CREATE FUNCTION public.hostile_when_planned() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $f$
          BEGIN
            RETURN public.hostile();
          END $f$;
          CREATE VIEW public.planned AS SELECT public.hostile_when_planned() AS who;
          -- Autovacuum runs this as the owner of the table, as soon as it may.
          CREATE FUNCTION public.analyzed(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $f$
          BEGIN
            PERFORM public.hostile();
            RETURN $1;
          END $f$;
          CREATE TABLE public.bait (a int) WITH (autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0);
          INSERT INTO public.bait VALUES (1), (2);
          CREATE INDEX ON public.bait (public.analyzed(a));
          CREATE FUNCTION public.more() RETURNS trigger LANGUAGE plpgsql AS $f$
          BEGIN
            INSERT INTO public.bait VALUES (3);
            RETURN NULL;
          END $f$;
          CREATE TRIGGER more AFTER UPDATE ON public.flyway_schema_history FOR EACH STATEMENT EXECUTE FUNCTION public.more()
          """
              .formatted(database.name(), database.owner(), database.service()));
      assertThat(tenant.cli.run("roles")).exited(ExitCode.OK);
      Path dump = folder.resolve("dump");
      assertThat(tenant.cli.run("backup", dump.toString())).exited(ExitCode.OK);
      List<String> before = tenant.hostile.server();
      CliResult restored = tenant.cli.run("restore", dump.toString(), "--replace", "--yes");
      assertThat(restored).exited(ExitCode.OK);
      // It met its fault: the code ran, as nobody who may do anything.
      assertThat(database.query("SELECT who FROM public.loaded").getFirst())
          .matches("learnflow_db_loader_\\w+ as learnflow_db_loader_\\w+");
      assertThat(tenant.hostile.server()).isEqualTo(before);
      assertThat(
              database
                  .query(
                      PostgresServer.ADMIN,
                      "SELECT concat(datistemplate, ' ', (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = d.oid), ' ', datacl)"
                          + " FROM pg_database d WHERE datname = current_database()")
                  .getFirst())
          .isEqualTo("f 0 {%1$s=CTc/%1$s,=c/%1$s}".formatted(database.owner()));
      assertThat(
              database
                  .query(
                      "SELECT coalesce(reloptions::text, '') FROM pg_class WHERE relname = 'bait'")
                  .getFirst())
          .doesNotContain("autovacuum_enabled");
      assertThat(
              database.query(
                  PostgresServer.ADMIN,
                  "SELECT count(*) FROM pg_authid WHERE rolname IN ('%s', '%s') AND rolpassword IS NOT NULL"
                      .formatted(database.owner(), database.service())))
          .containsExactly("2");
      // What is the owner's now is not taken for changed, but for what was made outside migrations.
      assertThat(tenant.cli.run("drift").out())
          .contains("added function public.hostile()", "owner " + database.owner())
          .doesNotContain("learnflow_db_loader", "changed");
      assertThat(tenant.cli.run("verify").lastLine()).isEqualTo("healthy");
    }
  }
}

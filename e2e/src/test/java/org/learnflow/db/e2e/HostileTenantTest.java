package org.learnflow.db.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What the owner and a service plant in the database runs with no more rights than their own. */
@ExtendWith(Workspaces.class)
@Tag("operations")
class HostileTenantTest {
  /** Asked in another database than the hostile one. */
  private static final String SERVER =
      """
      SELECT string_agg(concat_ws(' ', rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls), '; ' ORDER BY rolname)
      FROM pg_roles WHERE rolname !~ '^pg_'
      """;

  private static final String CANARY =
      "SELECT count(*) FROM pg_db_role_setting WHERE setrole = 'postgres'::regrole";

  /** Look-alikes of what the program once used, and a trigger on its own table. */
  private static final String PLANT =
      """
      CREATE SEQUENCE public.attempts;
      GRANT ALL ON SEQUENCE public.attempts TO PUBLIC;
      CREATE FUNCTION public.attack() RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_catalog.nextval('public.attempts');
        BEGIN EXECUTE 'ALTER ROLE postgres SET attack.by = me'; EXCEPTION WHEN OTHERS THEN NULL; END;
        BEGIN EXECUTE 'CREATE ROLE backdoor SUPERUSER LOGIN'; EXCEPTION WHEN OTHERS THEN NULL; END;
        RETURN true;
      END $$;
      CREATE FUNCTION public.attack_by_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM public.attack(); RETURN NEW; END $$;
      CREATE TRIGGER attack BEFORE INSERT OR UPDATE ON learnflow_db.backups
        FOR EACH ROW EXECUTE FUNCTION public.attack_by_trigger();
      CREATE TRIGGER attack BEFORE INSERT OR UPDATE ON public.flyway_schema_history
        FOR EACH ROW EXECUTE FUNCTION public.attack_by_trigger();
      CREATE FUNCTION public.format(text, text, text) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN PERFORM public.attack(); RETURN pg_catalog.format($1, $2, $3); END $$;
      CREATE FUNCTION public.format(text, text, text, text) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN PERFORM public.attack(); RETURN pg_catalog.format($1, $2, $3, $4); END $$;
      CREATE FUNCTION public.format(text, name, name) RETURNS text LANGUAGE plpgsql AS $$
      BEGIN PERFORM public.attack(); RETURN pg_catalog.format($1, $2, $3); END $$;
      ALTER DATABASE learnflow SET search_path = public, pg_catalog
      """;

  @Test
  @DisplayName(
      "prod: with look-alikes, triggers and settings of the owner and a service, a whole upgrade, both CronJobs, backup, restore, rotation and repair make no superuser")
  void everyCommandOnTheCluster(Workspace workspace, @TempDir Path folder) {
    String next = Images.withMigration("hostile", Migrations.FILE, Migrations.BADGES);
    Release release = new Release(workspace, "helm", workspace.restricted(), "values-prod.yaml");
    String namespace = release.namespace();
    String[] values = Release.RECONCILE_NEVER;
    release.upgradeInstall(values).successful();
    Pods pods = new Pods(workspace.client());
    String before = pods.sql(namespace, "postgres", SERVER);
    psql(pods, release, "learnflow_owner", "password", PLANT);
    psql(
        pods,
        release,
        "learnflow_user",
        "app-password",
        """
        SELECT pg_catalog.set_config('search_path', 'public;CREATE/**/ROLE/**/backdoor/**/SUPERUSER', false);
        ALTER ROLE learnflow_user IN DATABASE learnflow SET search_path FROM CURRENT
        """);

    Jobs jobs = new Jobs(workspace, namespace);
    assertThat(jobs.runNow(Release.NAME + "-backup", "nightly", 60)).contains("bytes, SHA-256");
    jobs.runNow(Release.NAME + "-reconcile", "periodic", 60);
    Path dump = folder.resolve("dump");
    release.learnflowDb("backup", dump.toString()).successful();
    // A right to be repaired, so that the hooks' admin has something to do; also one only it can.
    psql(
        pods,
        release,
        "learnflow_owner",
        "password",
        "GRANT TRUNCATE ON public.users TO learnflow_user");
    pods.sql(
        namespace,
        "learnflow",
        "SET search_path = pg_catalog; ALTER TABLE public.struggle_alerts OWNER TO postgres");
    release
        .upgradeInstall(values[0], values[1], "--set", "migrator.image.tag=" + next)
        .successful();
    release.learnflowDb("restore", dump.toString(), "--replace", "--yes").successful();
    release.learnflowDb("credentials", "rotate", "--role", "app,owner", "--yes").successful();
    pods.sql(namespace, "postgres", "ALTER ROLE learnflow_user PASSWORD 'somebody else''s'");
    release.learnflowDb("credentials", "repair", "--yes").successful();
    release.learnflowDb("run").successful();

    // It met its fault: what was planted did run, with the owner's own rights.
    assertThat(
            psql(
                pods,
                release,
                "learnflow_owner",
                "password",
                "SELECT last_value > 1 FROM public.attempts"))
        .isEqualTo("t");
    assertThat(pods.sql(namespace, "postgres", SERVER)).isEqualTo(before);
    assertThat(pods.sql(namespace, "postgres", CANARY).strip()).isEqualTo("0");
  }

  /** As a role, with its password as the Secret has it now. */
  private static String psql(Pods pods, Release release, String role, String key, String sql) {
    String password = Release.decoded(release.credentials()).getOrDefault(key, "");
    String script =
        "PGPASSWORD=$1 exec psql -v ON_ERROR_STOP=1 -qtA -h 127.0.0.1 -U \"$0\" -d learnflow -c \"$2\"";
    return pods.shell(release.namespace(), script, role, password, sql).strip();
  }
}

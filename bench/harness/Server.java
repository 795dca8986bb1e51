package harness;

import java.io.IOException;
import lib.Programs;

/** The PostgreSQL that all contestants work on, used through psql. */
public final class Server {
  private final Psql psql = new Psql();
  private final Database maintenance;
  private final String origin;

  private Server(Database maintenance, String origin) throws IOException {
    this.maintenance = maintenance;
    this.origin = origin;
  }

  /** The server of BENCH_DATABASE_URL, or else one started for this run. */
  public static Server open() throws IOException, InterruptedException {
    var url = System.getenv("BENCH_DATABASE_URL");
    return url == null
        ? new Server(OwnPostgres.start(), "started for the run with default settings")
        : new Server(Database.parse(url), "given by BENCH_DATABASE_URL");
  }

  /** An empty database of that name; one left over from another run goes. */
  public Database create(String name) throws IOException, InterruptedException {
    drop(name);
    sql(maintenance, "CREATE DATABASE " + name);
    return maintenance.named(name);
  }

  public void drop(String name) throws IOException, InterruptedException {
    sql(maintenance, "DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
  }

  public String sql(Database database, String statement) throws IOException, InterruptedException {
    var builder = new ProcessBuilder(psql.statement(database, statement));
    builder.environment().put("PGPASSWORD", database.password());
    return Programs.run(builder);
  }

  public String version() throws IOException, InterruptedException {
    return sql(maintenance, "SHOW server_version").split(" ")[0];
  }

  public Psql psql() {
    return psql;
  }

  String password() {
    return maintenance.password();
  }

  String origin() {
    return origin;
  }

  String settings() throws IOException, InterruptedException {
    return sql(
        maintenance,
        """
        SELECT string_agg(name || '=' || current_setting(name), ', ' ORDER BY name)
        FROM pg_settings
        WHERE name IN ('fsync', 'jit', 'shared_buffers', 'synchronous_commit', 'work_mem')
        """);
  }
}

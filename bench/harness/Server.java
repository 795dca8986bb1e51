package harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import lib.Programs;
import org.learnflow.db.certificates.Authorities;

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

  /**
   * Another server, one with TLS.
   *
   * @param authority the file for the certificate that verifies the server's
   */
  public static Server openWithTls(Path authority) throws IOException, InterruptedException {
    var authorities = Authorities.create(Optional.empty(), Instant.now());
    Files.writeString(authority, authorities.bundle());
    var pair = authorities.issue(List.of("127.0.0.1"), Instant.now());
    return new Server(OwnPostgres.startWithTls(pair), "started for the run, with TLS");
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

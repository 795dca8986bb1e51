package harness;

import java.net.URI;
import java.net.URISyntaxException;
import lib.Failure;

/** Where a database is and who may use it. */
public record Database(String host, int port, String user, String password, String name) {

  /** Reads {@code postgresql://user:password@host:port/database}. */
  static Database parse(String url) {
    var uri = URI.create(url);
    if (uri.getHost() == null || uri.getUserInfo() == null || uri.getQuery() != null) {
      throw new Failure(
          "BENCH_DATABASE_URL must look like postgresql://user:password@host:port/database");
    }
    var login = uri.getUserInfo().split(":", 2);
    return new Database(
        uri.getHost(),
        uri.getPort() < 0 ? 5432 : uri.getPort(),
        login[0],
        login.length > 1 ? login[1] : "",
        uri.getPath().substring(1));
  }

  Database named(String other) {
    return new Database(host, port, user, password, other);
  }

  /** The address without the password, which every contestant reads from PGPASSWORD or a file. */
  public String uri() {
    return uri("postgresql");
  }

  public String uri(String scheme) {
    try {
      return new URI(scheme, user, host, port, "/" + name, null, null).toString();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  public String jdbcUrl() {
    return "jdbc:postgresql://" + host + ":" + port + "/" + name;
  }
}

package org.learnflow.db.testing;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.learnflow.db.Password;
import org.learnflow.db.connect.PasswordDirectory;
import org.learnflow.db.connect.PercentEncoding;

/**
 * A database of a test's own on a server, with role names of its own, since roles belong to the
 * whole server. Nothing exists until the program makes it.
 *
 * @param server where it is
 * @param name of the database
 * @param owner name of the owner role
 * @param service name of the service role
 * @param passwords directory with a password file for each role
 */
public record TestDatabase(
    PostgresServer server, String name, String owner, String service, PasswordDirectory passwords) {
  private static final AtomicInteger NUMBER = new AtomicInteger();
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Names that no other test of this run uses; password files go to {@code directory}. */
  public static TestDatabase on(PostgresServer server, Path directory) {
    int number = NUMBER.incrementAndGet();
    return named(server, "learnflow_" + number, "owner_" + number, "service_" + number, directory);
  }

  /** The same with given names. */
  public static TestDatabase named(
      PostgresServer server, String name, String owner, String service, Path directory) {
    PasswordDirectory passwords = new PasswordDirectory(directory.resolve("passwords"));
    TestDatabase database = new TestDatabase(server, name, owner, service, passwords);
    TestFiles.write(passwords.file(PostgresServer.ADMIN), server.adminPassword().value() + "\n");
    database.password(database.owner);
    database.password(database.service);
    return database;
  }

  /** The password of a role. */
  public Password password(String role) {
    return passwords.getOrCreate(role);
  }

  /** {@code postgresql://owner@host:port/name}, percent-encoded. */
  public String uri() {
    return "postgresql://%s@%s:%d/%s"
        .formatted(
            PercentEncoding.encode(owner),
            server.host(),
            server.port(),
            PercentEncoding.encode(name));
  }

  /** The program with this database, its roles and admin in the environment. */
  public Cli cli() {
    Map<String, String> environment = new HashMap<>();
    environment.put("LEARNFLOW_DB_DATABASE", uri());
    environment.put("LEARNFLOW_DB_PASSWORD_FILE", passwords.file(owner).toString());
    environment.put("LEARNFLOW_DB_ADMIN_USER", PostgresServer.ADMIN);
    environment.put(
        "LEARNFLOW_DB_ADMIN_PASSWORD_FILE", passwords.file(PostgresServer.ADMIN).toString());
    environment.put("LEARNFLOW_DB_APP_USER", service);
    environment.put("LEARNFLOW_DB_APP_PASSWORD_FILE", passwords.file(service).toString());
    environment.put("LEARNFLOW_DB_MIGRATIONS", TestFiles.migrations().toString());
    environment.put("LEARNFLOW_DB_SEEDS_DIR", TestFiles.seeds().toString());
    return new Cli(environment);
  }

  /** Makes roles and an empty database. */
  public TestDatabase withRoles() {
    require(cli().run("roles"));
    return this;
  }

  /** Makes roles and the whole schema, without seeds. */
  public TestDatabase migrated() {
    withRoles();
    require(cli().run("migrate"));
    return this;
  }

  private static void require(CliResult result) {
    if (result.exitCode() != 0) {
      throw new IllegalStateException(result.all());
    }
  }

  /** A session of a role. */
  public Connection connect(String role) throws SQLException {
    return connect(role, name);
  }

  /** A session of a role in any database of the server. */
  public Connection connect(String role, String database) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", role);
    properties.setProperty(
        "password",
        role.equals(PostgresServer.ADMIN)
            ? server.adminPassword().value()
            : password(role).value());
    return DriverManager.getConnection(
        "jdbc:postgresql://%s:%d/%s"
            .formatted(server.host(), server.port(), PercentEncoding.encode(database)),
        properties);
  }

  /** Runs statements as a role. */
  public void execute(String role, String sql) throws SQLException {
    try (Connection connection = connect(role);
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** First column of all rows of a query, as the owner sees them. */
  public List<String> query(String sql) throws SQLException {
    return query(owner, sql);
  }

  /** First column of all rows of a query, as a role sees them. */
  public List<String> query(String role, String sql) throws SQLException {
    List<String> values = new ArrayList<>();
    try (Connection connection = connect(role);
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        values.add(String.valueOf(rows.getString(1)));
      }
    }
    return values;
  }

  /**
   * Sessions of the program in this database that are in a given state, as the admin sees them.
   *
   * @param condition on pg_stat_activity
   */
  public int sessions(String condition) throws SQLException {
    return Integer.parseInt(
        query(
                PostgresServer.ADMIN,
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    + " AND application_name = 'learnflow-db' AND "
                    + condition)
            .getFirst());
  }

  /** Waits until a query of the superuser, such as one of pg_stat_activity, returns a row. */
  public void awaitRow(String sql) throws SQLException {
    try (Connection connection = connect(PostgresServer.ADMIN);
        Statement statement = connection.createStatement()) {
      Eventually.within(
          PATIENCE,
          sql,
          () -> {
            try (ResultSet rows = statement.executeQuery(sql)) {
              return rows.next();
            }
          });
    }
  }
}

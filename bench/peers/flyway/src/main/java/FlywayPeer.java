import org.flywaydb.core.Flyway;

/** Flyway as its documentation shows it: JDBC address, user, folder of migrations. */
class FlywayPeer {
  static void main(String[] args) {
    Flyway.configure()
        .dataSource(args[0], args[1], System.getenv("PGPASSWORD"))
        .locations("filesystem:" + args[2])
        .load()
        .migrate();
  }
}
